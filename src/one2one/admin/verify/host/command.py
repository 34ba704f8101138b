"""The trial of a hybrid host, through the local cloud."""

from one2one.admin.output import say
from one2one.admin.secrets import read_secrets
from one2one.admin.verify.host.checks import HostChecks
from one2one.admin.verify.host.trial import open_trial
from one2one.admin.verify.host.vm import Watch
from one2one.admin.verify.report import Group, Report
from one2one.admin.verify.result import skip


def verify_host(
    report: Report, host: str, template_id: int, watch: Watch, network: int | None, *, quick: bool
) -> None:
    """Run all checks; raises KeyboardInterrupt after it has cleaned up."""
    trial = None
    try:
        with open_trial(host, template_id, watch) as trial:
            report.secrets = read_secrets(trial.local)
            checks = HostChecks(trial, network, quick=quick)
            report.add_groups({"FRONT-END AND HOST": checks.examine, "OFF": checks.abandon})
            later: dict[str, Group] = {
                "LIFE OF A VM": checks.try_life,
                "RECOVERY": checks.try_recovery,
                "ORPHANS": checks.await_reaper,
            }
            if trial.works:
                report.add_groups(later)
            else:
                report.add_group(
                    "THE REST", [skip(name.lower(), "no VM can be made there") for name in later]
                )
    except KeyboardInterrupt:
        for left in checks.list_left() if trial else ():
            if left.is_bad:
                say(f"{left.text}. {left.meaning}", err=True)
        raise
    report.add_group("AT THE END", checks.list_left())
