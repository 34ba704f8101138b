"""Both clouds of a resident driver, opened when they are first needed.

They are not opened before INIT is answered: oned waits for that answer when it starts.
"""

from one2one import runtime
from one2one.driver.events import Emit, ignore
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remotes


class Clouds:
    """The local cloud and the remotes. Thread-safe; each property raises as ``LocalCloud`` does."""

    def __init__(self, emit: Emit = ignore) -> None:
        self._emit = emit
        self._lock = runtime.lock()
        self._opened: tuple[LocalCloud, Remotes] | None = None

    @property
    def local(self) -> LocalCloud:
        """The local cloud."""
        return self._ensure_open()[0]

    @property
    def remotes(self) -> Remotes:
        """The remote clouds."""
        return self._ensure_open()[1]

    def _ensure_open(self) -> tuple[LocalCloud, Remotes]:
        with self._lock:
            if self._opened is None:
                local = LocalCloud()
                self._opened = local, Remotes(local, self._emit)
            return self._opened
