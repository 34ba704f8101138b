"""What each operation does with the remote VM, one function an operation.

Every function can be called again at any time: it acts on what the remote VM is, not on what was
done before, and has succeeded when the remote VM is where the operation wants it.
"""

from collections.abc import Callable

from one2one.driver.create import create
from one2one.driver.operation import Context, Steps
from one2one.driver.reach import destroy, reach
from one2one.driver.watch import read_states
from one2one.hybrid import goals
from one2one.hybrid.goals import Goal
from one2one.hybrid.mirror import Report, reported
from one2one.hybrid.naming import deploy_id, is_deploy_id, remote_id
from one2one.opennebula.errors import Refused
from one2one.opennebula.states import LcmState, VmState

_FIRST_BOOT = (LcmState.BOOT, LcmState.BOOT_FAILURE)
_AWAY: dict[int, tuple[str, Goal]] = {
    LcmState.SHUTDOWN_POWEROFF: ("poweroff", goals.POWEROFF),
    LcmState.SHUTDOWN_UNDEPLOY: ("undeploy", goals.UNDEPLOYED),
}
"""What SHUTDOWN and CANCEL are for, by the local VM's LCM state; in any other they destroy."""


def deploy(context: Context) -> Steps:
    """DEPLOY: create the remote VM, or start the one that there is; answers the deploy id."""
    request = context.request
    if request.vm.state.lcm_state == LcmState.BOOT_MIGRATE:
        raise unsupported("MIGRATE")
    if request.vm.state.lcm_state in _FIRST_BOOT:
        return deploy_id((yield from create(context)))
    yield from _resume(context)
    return deploy_id(_remote_id(context))


def restore(context: Context) -> Steps:
    """RESTORE: resume a suspended or stopped VM."""
    return (yield from _resume(context))


def shutdown(context: Context) -> Steps:
    """SHUTDOWN: terminate, power off or undeploy, with the guest's consent."""
    return (yield from _away(context, hard=False))


def cancel(context: Context) -> Steps:
    """CANCEL: terminate, power off or undeploy without asking the guest."""
    return (yield from _away(context, hard=True))


def save(context: Context) -> Steps:
    """SAVE: suspend or stop."""
    match context.request.vm.state.lcm_state:
        case LcmState.SAVE_STOP:
            return (yield from reach(context, _remote_id(context), goals.STOPPED, "stop"))
        case LcmState.SAVE_MIGRATE:
            raise unsupported("MIGRATE")
        case _:
            return (yield from reach(context, _remote_id(context), goals.SUSPENDED, "suspend"))


def reboot(context: Context) -> Steps:
    """REBOOT: ask the guest to restart."""
    return _once(context, "reboot")


def reset(context: Context) -> Steps:
    """RESET: restart without asking the guest."""
    return _once(context, "reboot-hard")


def cleanup(context: Context) -> Steps:
    """CLEANUP: destroy whatever was made for the VM, whether its deploy id is known or not."""
    request, settings = context.request, context.remote.settings
    if is_deploy_id(request.deploy_id):
        yield from destroy(context, _remote_id(context))
    if settings.hybrid_id:
        # The deploy id may be that of an earlier stay; a cancelled DEPLOY may have made another.
        vm, roster = request.vm, context.remote.roster
        for found in roster.owned(vm.id, settings.hybrid_id, vm.stime, context.asked):
            yield from destroy(context, found.id)
    return ""


def poll(context: Context) -> Steps:
    """POLL: tell the remote VM's state. 5.6 to 5.10 ask after each action that failed."""
    remote_id = _remote_id(context)
    yield from ()
    return f"STATE={reported(read_states(context.remote.cloud, [remote_id])[remote_id]).letter}"


Operation = Callable[[Context], Steps]

OPERATIONS: dict[str, Operation] = {
    "DEPLOY": deploy,
    "RESTORE": restore,
    "SHUTDOWN": shutdown,
    "CANCEL": cancel,
    "SAVE": save,
    "REBOOT": reboot,
    "RESET": reset,
    "CLEANUP": cleanup,
    "POLL": poll,
}

UNANSWERED = {"POLL": f"STATE={Report.SILENCE.letter}"}
"""What to answer where a cloud does not: FAILURE would make the VM UNKNOWN at once, and monitoring
is more patient."""


def unsupported(operation: str) -> Refused:
    """Return the error for what a VM in a remote OpenNebula cannot do."""
    return Refused(f"{operation} is not supported for VMs in a remote OpenNebula")


def _resume(context: Context) -> Steps:
    """Resume the VM where it was left, which must be this host."""
    request = context.request
    if request.vm.state.lcm_state in (LcmState.BOOT_UNDEPLOY, LcmState.BOOT_STOPPED):
        history = context.local.vm(request.vm.id).history
        if len(history) > 1 and history[-2].host_id != request.placement.host_id:
            raise Refused(
                f"the VM was left on host {history[-2].host_name}, where its disks still are",
                remedy=f"Deploy it on host {history[-2].host_name}",
            )
    return (yield from reach(context, _remote_id(context), goals.RUNNING, "resume"))


def _away(context: Context, *, hard: bool) -> Steps:
    suffix = "-hard" if hard else ""
    known = _AWAY.get(context.request.vm.state.lcm_state)
    if known is None:
        return (yield from destroy(context, _remote_id(context), f"terminate{suffix}"))
    action, goal = known
    return (yield from reach(context, _remote_id(context), goal, f"{action}{suffix}"))


def _once(context: Context, action: str) -> Steps:
    remote_id = _remote_id(context)
    context.remote.cloud.vm_action(action, remote_id)
    # From 6.0 oned itself says nothing of a reboot's result.
    context.log(f"Remote VM {remote_id} accepted {action}")
    yield from ()
    return ""


def _remote_id(context: Context) -> int:
    """Return the remote VM's id, by its marks where oned has no deploy id of ours.

    It has ``one-<VM id>`` after ``onevm recover --success`` of a DEPLOY whose answer was lost.
    """
    vm, remote = context.request.vm, context.remote
    named = context.request.deploy_id or vm.deploy_id
    if not is_deploy_id(named) and remote.settings.hybrid_id:
        hybrid_id, asked = remote.settings.hybrid_id, context.asked
        for found in remote.roster.owned(vm.id, hybrid_id, vm.stime, asked):
            if found.state.state != VmState.DONE:
                return found.id
    return remote_id(named)
