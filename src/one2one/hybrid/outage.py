"""When a remote that cannot be read puts its host into error.

oned then puts every running VM of the host into UNKNOWN, so the remote gets a grace first. Times
are by ``time.monotonic()``.
"""

GRACE_ROUNDS = 3
GRACE_S = 30.0


class Outage:
    """The failed rounds since a host's last good one."""

    def __init__(self) -> None:
        self._failures = 0
        self._since = 0.0
        self.declared = False
        """Whether the host is in error because of it."""

    def record_failure(self, now: float, grace: float = GRACE_S) -> bool:
        """Count a failed round; return whether it puts the host into error.

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
        """Put the host into error at once, for a failure that does not pass."""
        self._failures += 1
        self.declared = True

    def record_success(self) -> bool:
        """End the outage; return whether there was one."""
        had_failures = self._failures > 0
        self._failures, self.declared = 0, False
        return had_failures
