"""Bringing one remote VM to the state that an operation wants."""

from one2one import runtime
from one2one.driver.operation import Job, Steps
from one2one.driver.watch import StateWait, read_states
from one2one.hybrid import goals, verdicts
from one2one.hybrid.goals import Goal, Step
from one2one.hybrid.naming import is_marked, read_marked_vm_id, read_marks
from one2one.opennebula.errors import Busy, NotFound, OneError, Refused, Unreachable, WrongState
from one2one.opennebula.records import Vm
from one2one.opennebula.states import State

SETTLE_S = 5.0
"""How long a VM may look unchanged after the remote accepted an action: oned carries actions out
behind its answer."""
_UNREAD = State(-1)


def reach(job: Job, remote_id: int, goal: Goal, action: str) -> Steps:
    """Bring a remote VM to *goal* by *action*, and return when it is there.

    The action is asked for at once, which usually saves a call; only where it is refused does
    the VM's state decide what that meant. Raises Refused when the VM cannot get there, came back
    from the way, or is not there in time.
    """
    cloud, limit = job.remote.cloud, job.remote.settings.shutdown_timeout
    deadline = runtime.monotonic() + limit
    accepted = _request_action(job, action, remote_id)
    try:
        state = read_states(cloud, [remote_id])[remote_id]
    except (Unreachable, Busy):
        if accepted is None:
            raise
        # It is being done there. To answer FAILURE now would be wrong as soon as it is done.
        state = (yield StateWait(remote_id, _UNREAD, deadline)) or _UNREAD
    moved = False
    while (step := goal.step(state)) is not Step.REACHED:
        now = runtime.monotonic()
        wake = deadline
        if step is Step.NEVER:
            raise _blame(job, verdicts.never(remote_id, state, goal), remote_id, state)
        if step is Step.UNDERWAY:
            moved = True
        elif step is Step.BUSY:
            accepted, moved = None, False
        elif accepted is None:
            accepted = _request_action(job, action, remote_id)
            wake = now + SETTLE_S
        elif moved or now >= accepted + SETTLE_S:
            error = verdicts.not_followed(remote_id, state, action)
            raise _blame(job, error, remote_id, state)
        else:
            wake = accepted + SETTLE_S
        if now >= deadline:
            raise verdicts.too_late(remote_id, state, action, limit)
        state = (yield StateWait(remote_id, state, min(deadline, wake))) or state
    return ""


def destroy(job: Job, remote_id: int, action: str = "terminate-hard") -> Steps:
    """Terminate a remote VM for good; one that is gone already counts as terminated.

    Its marks are read first. Raises Refused when they name another VM: after a restored
    database, or in a remote cloud that was set up again, the id may be any VM's. Where the
    remote's storage fails, the VM is terminated once more, which deletes it, unless that loses
    what its persistent disks have not saved.
    """
    request = job.request
    try:
        vm = job.remote.cloud.get_vm(remote_id)
    except NotFound:
        return ""
    if not _belongs_to(vm, request.vm):
        raise Refused(
            f"remote VM {remote_id} carries the marks of {_owner_text(vm)}",
            remedy="Nothing was done to it. To be rid of the local VM: onevm recover --delete",
        )
    if goals.DONE.step(vm.state) is Step.REACHED:
        return ""
    try:
        return (yield from reach(job, remote_id, goals.DONE, action))
    except Refused as error:
        vm = job.remote.cloud.get_vm(remote_id)
        if not verdicts.failed_at(vm.state) or verdicts.has_unsaved_disks(vm):
            raise
        job.log(f"{error.cause}. It is terminated once more, which deletes it")
    return (yield from reach(job, remote_id, goals.DONE, "terminate-hard"))


def _blame(job: Job, error: Refused, remote_id: int, state: State) -> Refused:
    """Return what the remote failed at, where *state* says that it did, else *error*."""
    if not verdicts.failed_at(state):
        return error
    try:
        vm = job.remote.cloud.get_vm(remote_id)
    except OneError:
        return error
    return verdicts.failed(vm) if verdicts.failed_at(vm.state) else error


def _owner_text(remote: Vm) -> str:
    named = read_marked_vm_id(remote)
    return "no VM" if named is None else f"VM {named} of another cloud or time"


def _belongs_to(remote: Vm, local: Vm) -> bool:
    """Tell whether the marks are *local*'s, of which VMs of the Ruby driver have but the id."""
    found = read_marks(remote)
    if found is None:
        return read_marked_vm_id(remote) == local.id or not is_marked(remote)
    return (found.vm_id, found.stime) == (local.id, local.stime)


def _request_action(job: Job, action: str, remote_id: int) -> float | None:
    """Ask for *action*; return when it was accepted, None if only the VM's state can tell."""
    try:
        job.remote.cloud.vm_action(action, remote_id)
    except (WrongState, NotFound):
        return None
    except (Unreachable, Busy) as error:
        if not error.sent:
            raise
        return None
    return runtime.monotonic()
