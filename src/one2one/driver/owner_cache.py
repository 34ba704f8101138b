"""Remote VMs whose owner was found out lately.

A VM's owner does not change while it lives. But a remote cloud that was restored from a backup may
give its id to another VM. Nobody restores one without an outage. So nothing is remembered beyond an
outage, beyond a time in which nothing was asked, because an outage would not have been seen, and
beyond an id that the remote does not know; nor for longer than some minutes.
"""

from one2one import runtime
from one2one.hybrid.naming import Marks

_MAX_AGE_S = 600.0
_MAX_SILENCE_S = 10.0
"""Seconds without an answer in which a remote may have been restored."""
_MOST = 10_000


class OwnerCache:
    """The owners of one remote's VMs, as their marks said. Thread-safe."""

    def __init__(self) -> None:
        self._lock = runtime.lock()
        self._known: dict[int, tuple[Marks, float]] = {}
        self._answered_at = float("-inf")

    def record_answer(self) -> None:
        """Note that the remote has answered; what was known before a silence is forgotten."""
        with self._lock:
            now = runtime.monotonic()
            if now - self._answered_at > _MAX_SILENCE_S:
                self._known.clear()
            self._answered_at = now

    def add(self, remote_id: int, marks: Marks) -> None:
        """Note that a remote VM's marks, just read or written, are these."""
        self.record_answer()
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[remote_id] = marks, runtime.monotonic()

    def holds(self, remote_id: int, marks: Marks) -> bool:
        """Tell whether the remote VM is known to be the local VM's that *marks* name."""
        with self._lock:
            known, read_at = self._known.get(remote_id, (None, 0.0))
            silence = runtime.monotonic() - self._answered_at
        return (
            known is not None
            and known.name_same_vm(marks)
            and silence <= _MAX_SILENCE_S
            and runtime.monotonic() - read_at < _MAX_AGE_S
        )

    def forget(self) -> None:
        """Remember nothing more."""
        with self._lock:
            self._known.clear()
