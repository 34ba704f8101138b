"""The result of a check: how bad it is, what it is, and the remedy."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How bad a finding is."""

    OK = "ok"
    SKIPPED = "skipped"
    """It could not be checked, because of something that another check reports."""
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Finding:
    """The answer of one check."""

    severity: Severity
    text: str
    remedy: str = ""


def ok(text: str) -> Finding:
    """Return that all is well."""
    return Finding(Severity.OK, text)


def skip(text: str) -> Finding:
    """Return why there is nothing to say."""
    return Finding(Severity.SKIPPED, text)


def warning(text: str, remedy: str) -> Finding:
    """Return what will or may make trouble."""
    return Finding(Severity.WARNING, text, remedy)


def failure(text: str, remedy: str) -> Finding:
    """Return what keeps hybrid VMs from working."""
    return Finding(Severity.FAILURE, text, remedy)


def report_unread(number: int, problems: Mapping[str, str]) -> Finding:
    """Return a warning with the *problems*, or that all VMs, *number* of them, can be read."""
    if problems:
        named = [f"{name} ({cause})" for name, cause in problems.items()]
        return warning(
            f"left out everywhere, as they cannot be read: {join_some(named)}",
            "Have its owner correct it: onevm rename ID NAME, or onevm update ID FILE",
        )
    return ok(f"all {number} VMs")


def join_some(items: list[str], limit: int = 5) -> str:
    """Return the first *limit* items, and how many more there are."""
    rest = len(items) - limit
    return ", ".join(items[:limit]) + (f" and {rest} more" if rest > 0 else "")
