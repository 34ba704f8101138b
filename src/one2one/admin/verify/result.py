"""The result of a check of the remote."""

from dataclasses import dataclass
from enum import Enum

from one2one.admin.doctor.command import CheckRow
from one2one.admin.doctor.finding import Severity


class Verdict(Enum):
    """How a check ended."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    NOT_ALLOWED = "not allowed"
    """The remote could, but the account may not."""
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """A check, its verdict, and the meaning for users of the remote."""

    check: str
    verdict: str
    text: str
    meaning: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether hybrid VMs cannot work as they should."""
        return self.verdict in (Verdict.FAILED.value, Verdict.NOT_ALLOWED.value)


_FORBIDS = ("not authorized", "limit of", "quota")
"""The words of oned for a missing right or a used-up quota."""


_VERDICTS = {
    Severity.OK: Verdict.PASSED,
    Severity.SKIPPED: Verdict.SKIPPED,
    Severity.WARNING: Verdict.WARNING,
    Severity.FAILURE: Verdict.FAILED,
}


def judge_row(row: CheckRow) -> Result:
    """Return what an answer of ``one2one doctor`` means."""
    verdict = _VERDICTS[Severity(row.severity)]
    if row.check == "rights it lacks" and verdict is Verdict.FAILED:
        verdict = Verdict.NOT_ALLOWED
    return Result(row.check, verdict.value, row.text, row.remedy)


def success(check: str, text: str) -> Result:
    """Return that all is as it should be."""
    return Result(check, Verdict.PASSED.value, text)


def warning(check: str, text: str, meaning: str) -> Result:
    """Return what will do, but not as well."""
    return Result(check, Verdict.WARNING.value, text, meaning)


def failure(check: str, text: str, meaning: str) -> Result:
    """Return what does not work, or is not allowed, by the reason in *text*."""
    forbidden = any(words in text.lower() for words in _FORBIDS)
    verdict = Verdict.NOT_ALLOWED if forbidden else Verdict.FAILED
    return Result(check, verdict.value, text, meaning)


def skip(check: str, text: str) -> Result:
    """Return why it was not tried."""
    return Result(check, Verdict.SKIPPED.value, text)


def tell_left(check: str, left: list[int] | None) -> Result:
    """Return whether VMs live on after a trial; None where that cannot be read."""
    if left is None:
        return failure(check, "it does not tell", "VMs may live on there")
    if left:
        names = ", ".join(map(str, left))
        return failure(check, f"VMs {names} live", "End them: onevm terminate --hard")
    return success(check, "every VM has ended")
