"""DEPLOY and RESTORE: the remote VM is created, or started where it was left.

Both can be called again at any time, as all operations (``driver.lifecycle``).
"""

from one2one.driver.create import create
from one2one.driver.following import follow
from one2one.driver.operation import Job, Operation, Steps
from one2one.driver.ownership import find_remote_vm
from one2one.driver.reach import reach
from one2one.hybrid import goals
from one2one.hybrid.naming import format_deploy_id
from one2one.hybrid.pass_through import unsupported_error
from one2one.opennebula.errors import Refused
from one2one.opennebula.states import LcmState

_FIRST_BOOT = (LcmState.BOOT, LcmState.BOOT_FAILURE)


def deploy(job: Job) -> Steps:
    """DEPLOY: create the remote VM, or start the one that there is; answers the deploy id."""
    request = job.request
    if request.vm.state.lcm_state == LcmState.BOOT_MIGRATE:
        raise unsupported_error("MIGRATE")
    if request.vm.state.lcm_state in _FIRST_BOOT:
        return format_deploy_id((yield from create(job)))
    yield from _resume(job)
    return format_deploy_id(find_remote_vm(job))


def restore(job: Job) -> Steps:
    """RESTORE: resume a suspended or stopped VM."""
    return (yield from _resume(job))


OPERATIONS: dict[str, Operation] = {"DEPLOY": deploy, "RESTORE": restore}


def _resume(job: Job) -> Steps:
    """Resume the VM where it was left, which must be this host.

    Where oned saved nothing, its user may have changed it in the meantime.
    """
    request = job.request
    if request.vm.state.lcm_state in (LcmState.BOOT_UNDEPLOY, LcmState.BOOT_STOPPED):
        history = job.local.get_vm(request.vm.id).history
        if len(history) > 1 and history[-2].host_id != request.placement.host_id:
            raise Refused(
                f"the VM was left on host {history[-2].host_name}, where its disks still are",
                remedy=f"Deploy it on host {history[-2].host_name}",
            )
    if request.action == "DEPLOY":
        yield from follow(job)
    return (yield from reach(job, find_remote_vm(job), goals.RUNNING, "resume"))
