"""The trial of a remote cloud, from a simulated front-end."""

from collections.abc import Callable, Iterator
from functools import partial

from one2one.admin.demo.clouds import Account
from one2one.admin.output import say
from one2one.admin.verify.remote import checks, lifecycle, lost_answers
from one2one.admin.verify.remote.trial import Trial, open_trial
from one2one.admin.verify.report import Report
from one2one.admin.verify.result import Result, skip, tell_left
from one2one.opennebula.errors import OneError
from opennebula_sandbox.cloud.refusal import Refusal

_GROUPS: dict[str, Callable[[Trial], Iterator[Result]]] = {
    "REMOTE AND ACCOUNT": checks.check_remote,
    "HOST": lifecycle.check_host,
    "LIFE OF A VM": lifecycle.try_life,
    "RECOVERY": lifecycle.try_recovery,
    "LOSSES": lost_answers.lose_answers,
    "ORPHANS": lost_answers.try_reaper,
}
_WITHOUT_VM = ("REMOTE AND ACCOUNT", "HOST", "LIFE OF A VM")
"""The groups that run even if no VM can be made."""
_EXPECTED = (OneError, Refusal, TimeoutError)


def verify_remote(report: Report, account: Account, patience: float) -> None:
    """Run all checks; raises KeyboardInterrupt after it has cleaned up."""
    trial = None
    try:
        with open_trial(account, patience) as trial:
            groups = {name: partial(_run, name, trial) for name in _GROUPS}
            report.add_groups(groups, _EXPECTED)
    except KeyboardInterrupt:
        if trial is not None and (left := tell_left("nothing is left", trial.left)).is_bad:
            say(f"{left.text}. {left.meaning}", err=True)
        raise
    report.add_group("AT THE END", [tell_left("nothing is left", trial.left)])


def _run(group: str, trial: Trial) -> Iterator[Result]:
    if group not in _WITHOUT_VM and not trial.works:
        yield skip(group.lower(), "no VM can be made there")
    else:
        yield from _GROUPS[group](trial)
