"""When each kind of message of a host is due. Pure: the time is always given."""

from collections.abc import Iterable, Mapping


class PeriodicSchedule:
    """Messages that are sent again and again, each kind with its own period."""

    def __init__(self, periods: Mapping[str, float], now: float) -> None:
        """Take the seconds between two messages of each kind; all are due at once."""
        self._periods = dict(periods)
        self._due = dict.fromkeys(periods, now)

    def take_due(self, now: float) -> set[str]:
        """Return the kinds that are due, and plan each again.

        What was missed, while a remote took its time, is not caught up with.
        """
        due = {kind for kind, at in self._due.items() if at <= now}
        for kind in due:
            self._due[kind] += self._periods[kind]
            if self._due[kind] <= now:
                self._due[kind] = now + self._periods[kind]
        return due

    def hasten(self, kinds: Iterable[str], at: float) -> None:
        """Make these kinds due at that time, unless they are earlier."""
        self._due |= {kind: min(at, self._due[kind]) for kind in kinds}

    def seconds_until_due(self, now: float) -> float:
        """Return for how many seconds nothing is due."""
        return max(0.0, min(self._due.values()) - now)
