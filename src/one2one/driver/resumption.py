"""SUSPENDED VMs whose remote VMs run again, where oned ignores such a report (5.6 to 5.10).

Until 5.10 ``process_poll`` has a VM run that is POWEROFF, but not one that is SUSPENDED. So oned
is asked to resume it, as a user would: the RESTORE that follows finds the remote VM running, and
succeeds at once.

Nothing is kept between rounds, because the scripts cannot keep it. oned's database says that a VM
is SUSPENDED, and since when. So a VM that a user suspends now stays suspended. A resume that fails
makes the VM SUSPENDED again.
"""

from collections.abc import Iterator, Sequence

from one2one import runtime
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remote
from one2one.driver.round import VmReport
from one2one.hybrid.mirror import Report
from one2one.hybrid.naming import parse_deploy_id
from one2one.opennebula.errors import OneError
from one2one.opennebula.states import RUNNING, VmState

AT_REST_S = 60.0
"""For how long a VM must have been SUSPENDED. oned's clock is this machine's."""
_AT_MOST = 20
"""How many VMs are looked at in one round."""


def resume_running(
    local: LocalCloud, remote: Remote, reports: Sequence[VmReport]
) -> Iterator[tuple[int, str]]:
    """Have oned resume each SUSPENDED VM whose remote VM runs; yield its id and what to log.

    *reports* are those of a round. The remote VM is read again, and then the local VM: only what
    both readings show counts.
    """
    running = [report for report in reports if report.report is Report.RUNNING]
    for report in running[:_AT_MOST]:
        vm_id = report.vm_id
        try:
            if _runs_again(local, remote, report):
                local.cloud.vm_action("resume", vm_id)
                yield vm_id, f"{_render(vm_id)}: oned is asked to resume it"
        except OneError as error:
            yield vm_id, f"{_render(vm_id)}, and is not resumed: {error}"


def _render(vm_id: int) -> str:
    return f"VM {vm_id} is SUSPENDED and runs at the remote"


def _runs_again(local: LocalCloud, remote: Remote, report: VmReport) -> bool:
    before = local.cloud.get_vm(report.vm_id)
    if before.state.state != VmState.SUSPENDED or before.deploy_id != report.deploy_id:
        return False
    ceased_at = before.history[-1].retime if before.history else 0
    if not ceased_at or runtime.time() - ceased_at < AT_REST_S:
        return False
    if remote.cloud.get_vm(parse_deploy_id(report.deploy_id)).state != RUNNING:
        return False
    after = local.cloud.get_vm(report.vm_id)
    return (after.state, after.history) == (before.state, before.history)
