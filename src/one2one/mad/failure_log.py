"""Logging each failure once, while the same thing fails in the same way."""

from collections.abc import Callable

from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import OneError


class FailureLog:
    """The failures that were logged and still last, by the kind of work that failed."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._logged: dict[str, str] = {}

    def record_failure(self, kind: str, error: OneError) -> None:
        """Log *error*, unless it was the last one of its kind."""
        line = clean_line(str(error))
        if self._logged.get(kind) != line:
            self._logged[kind] = line
            self._write(line)

    def record_success(self, kind: str) -> None:
        """Forget the failure of this kind: the next one is logged."""
        self._logged.pop(kind, None)
