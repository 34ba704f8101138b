"""When a remote that cannot be read becomes an error of the host.

In that moment oned puts every running VM of the host into UNKNOWN, so a remote is given some
time. Times are those of a clock that nobody sets.
"""

GRACE_ROUNDS = 3
GRACE_S = 30.0


class Outage:
    """The failures since a host's last good round."""

    def __init__(self) -> None:
        self._failures = 0
        self._since = 0.0
        self.declared = False
        """Whether the host is in error because of it."""

    def record_failure(self, now: float, grace: float = GRACE_S) -> bool:
        """Note a failed round; return whether the host is in error from this one on.

        *grace* is for how many seconds rounds must have failed, besides GRACE_ROUNDS of them.
        """
        if not self._failures:
            self._since = now
        self._failures += 1
        if self.declared or self._failures < GRACE_ROUNDS or now - self._since < grace:
            return False
        self.declared = True
        return True

    def declare(self) -> None:
        """Note a failure that no time can heal."""
        self._failures += 1
        self.declared = True

    def record_success(self) -> bool:
        """Note a good round; return whether there was anything to recover from."""
        had_failures = self._failures > 0
        self._failures, self.declared = 0, False
        return had_failures
