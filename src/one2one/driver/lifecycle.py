"""What each operation but the starts does with the remote VM, one function an operation.

Every function can be called again at any time: it acts on what the remote VM is, not on what was
done before, and has succeeded when the remote VM is where the operation wants it.
"""

from one2one.driver.attempts import ANSWER_IF_UNREADABLE
from one2one.driver.operation import Job, Operation, Steps
from one2one.driver.ownership import find_remote_vm, require_own
from one2one.driver.reach import destroy, reach
from one2one.driver.watch import read_states
from one2one.hybrid import goals
from one2one.hybrid.goals import Goal
from one2one.hybrid.mirror import map_state
from one2one.hybrid.naming import is_deploy_id
from one2one.hybrid.pass_through import unsupported_error
from one2one.opennebula.errors import Refused
from one2one.opennebula.states import LcmState, VmState

_CLEANUPS = (LcmState.CLEANUP_RESUBMIT, LcmState.CLEANUP_DELETE)
_SHUTDOWNS: dict[int, tuple[str, Goal]] = {
    LcmState.SHUTDOWN_POWEROFF: ("poweroff", goals.POWEROFF),
    LcmState.SHUTDOWN_UNDEPLOY: ("undeploy", goals.UNDEPLOYED),
}
"""What SHUTDOWN and CANCEL are for, by the local VM's LCM state; in any other they destroy."""


def shutdown(job: Job) -> Steps:
    """SHUTDOWN: terminate, power off or undeploy, with the guest's consent."""
    return (yield from _shut_down(job, hard=False))


def cancel(job: Job) -> Steps:
    """CANCEL: terminate, power off or undeploy without asking the guest.

    The stock shell runs the script for a CLEANUP too; up to 5.10 the VM may be DONE by then.
    """
    state = job.request.vm.state
    if state.state == VmState.DONE or state.lcm_state in _CLEANUPS:
        return (yield from cleanup(job))
    return (yield from _shut_down(job, hard=True))


def save(job: Job) -> Steps:
    """SAVE: suspend or stop."""
    match job.request.vm.state.lcm_state:
        case LcmState.SAVE_STOP:
            return (yield from reach(job, find_remote_vm(job), goals.STOPPED, "stop"))
        case LcmState.SAVE_MIGRATE:
            raise unsupported_error("MIGRATE")
        case _:
            return (yield from reach(job, find_remote_vm(job), goals.SUSPENDED, "suspend"))


def reboot(job: Job) -> Steps:
    """REBOOT: ask the guest to restart."""
    return _ask_once(job, "reboot")


def reset(job: Job) -> Steps:
    """RESET: restart without asking the guest."""
    return _ask_once(job, "reboot-hard")


def cleanup(job: Job) -> Steps:
    """CLEANUP: destroy whatever was made for the VM, whether its deploy id is known or not."""
    refusal = None
    if is_deploy_id(job.request.deploy_id):
        try:
            yield from destroy(job, find_remote_vm(job))
        except Refused as error:
            refusal = error
    if job.remote.settings.hybrid_id:
        # The deploy id may be another's, or from an earlier start; a cancelled DEPLOY may have made
        # one more.
        for vm in job.remote.vm_index.find_marked(job.marks, job.not_before):
            yield from destroy(job, vm.id)
    if refusal is not None:
        raise refusal
    return ""


def poll(job: Job) -> Steps:
    """POLL: tell the remote VM's state. 5.6 to 5.10 ask after each action that failed."""
    remote_id = find_remote_vm(job)
    yield from ()
    try:
        state = require_own(job, remote_id)
    except Refused as error:
        job.log(str(error))
        return ANSWER_IF_UNREADABLE["POLL"]
    if state is None:
        state = read_states(job.remote.cloud, [remote_id])[remote_id]
    return f"STATE={map_state(state).letter}"


OPERATIONS: dict[str, Operation] = {
    "SHUTDOWN": shutdown,
    "CANCEL": cancel,
    "SAVE": save,
    "REBOOT": reboot,
    "RESET": reset,
    "CLEANUP": cleanup,
    "POLL": poll,
}


def _shut_down(job: Job, *, hard: bool) -> Steps:
    suffix = "-hard" if hard else ""
    known = _SHUTDOWNS.get(job.request.vm.state.lcm_state)
    if known is None:
        return (yield from destroy(job, find_remote_vm(job), f"terminate{suffix}"))
    action, goal = known
    return (yield from reach(job, find_remote_vm(job), goal, f"{action}{suffix}"))


def _ask_once(job: Job, action: str) -> Steps:
    remote_id = find_remote_vm(job)
    require_own(job, remote_id)
    job.remote.cloud.vm_action(action, remote_id)
    # From 6.0 oned itself says nothing of a reboot's result.
    job.log(f"Remote VM {remote_id} accepted {action}")
    yield from ()
    return ""
