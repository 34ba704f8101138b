"""A circuit breaker for a cloud that does not answer.

After a few calls in a row without an answer it opens: the next calls fail at once, with the last
reason. Every OPEN_S seconds one call may try (half-open). The first answer closes it. So a queue of
500 calls does not wait for 500 timeouts, and regular callers soon learn that the cloud is back.
"""

from one2one import runtime
from one2one.opennebula.errors import Unreachable

FAILURES = 3
"""Calls in a row without an answer that open it. Any answer sets the count back to 0."""
OPEN_S = 2.0
"""Seconds between two tries. Monitoring asks every 5 seconds, so each of its calls may try."""


class Breaker:
    """The results of the calls to one cloud. Thread-safe; the caller gives the time."""

    def __init__(self, failures: float = FAILURES) -> None:
        """Open after *failures* in a row; infinite means never."""
        self._most = failures
        self._lock = runtime.lock()
        self._failures = 0
        self._open_until = 0.0
        self._cause, self._remedy = "", ""

    def admit(self, now: float) -> bool:
        """Let a call through; return whether it is a try while half-open.

        Raises Unreachable while it is open: the call was not sent.
        """
        with self._lock:
            if self._failures < self._most:
                return False
            if now < self._open_until:
                raise Unreachable(self._cause, remedy=self._remedy)
            self._open_until = now + OPEN_S
            return True

    def is_open(self, now: float) -> bool:
        """Tell whether calls fail at once at present."""
        with self._lock:
            return self._failures >= self._most and now < self._open_until

    def record_failure(self, error: Unreachable, now: float) -> None:
        """Count a call without an answer."""
        with self._lock:
            self._failures += 1
            self._cause, self._remedy = error.cause, error.remedy
            self._open_until = now + OPEN_S

    def record_answer(self) -> None:
        """Close it, because a call had an answer."""
        with self._lock:
            self._failures = 0
