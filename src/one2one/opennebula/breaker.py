"""Sparing oneself the calls to a cloud that does not answer.

When a few calls in a row had no answer, those that follow fail at once, with the last reason.
Every other moment one is let through all the same, and the first that is answered ends it. So a
queue of 500 calls does not wait for 500 timeouts, and whoever asks regularly soon learns that the
cloud is back.
"""

import threading

from one2one.opennebula.errors import Unreachable

FAILURES = 3
"""So many calls in a row without an answer; an answer of any kind breaks the row."""
OPEN_S = 2.0
"""How long a cloud is left alone. Monitoring asks every 5 seconds, and never meets this twice."""


class Breaker:
    """What became of the calls to one cloud. Thread-safe; the time is always given."""

    def __init__(self, failures: float = FAILURES) -> None:
        """Spare a cloud after so many failures in a row; infinite means never."""
        self._most = failures
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until = 0.0
        self._last = Unreachable("")

    def admit(self, now: float) -> bool:
        """Let a call through; return whether it is one to see if the cloud is back.

        Raises Unreachable while the cloud is left alone: the call was not sent.
        """
        with self._lock:
            if self._failures < self._most:
                return False
            if now < self._open_until:
                raise Unreachable(self._last.cause, remedy=self._last.remedy)
            self._open_until = now + OPEN_S
            return True

    def is_open(self, now: float) -> bool:
        """Tell whether calls fail at once, for now."""
        with self._lock:
            return self._failures >= self._most and now < self._open_until

    def record_failure(self, error: Unreachable, now: float) -> None:
        """Note a call without an answer."""
        with self._lock:
            self._failures += 1
            self._last, self._open_until = error, now + OPEN_S

    def record_answer(self) -> None:
        """Note a call that was answered, whatever the answer was."""
        with self._lock:
            self._failures = 0
