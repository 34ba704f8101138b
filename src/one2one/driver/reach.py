"""Bringing one remote VM to the state that an operation wants."""

from collections.abc import Generator

from one2one import runtime
from one2one.driver.operation import Job, Steps, Wait
from one2one.driver.ownership import read_own, require_own
from one2one.driver.watch import StateWait, read_states
from one2one.hybrid import goals, verdicts
from one2one.hybrid.goals import Goal, Step
from one2one.opennebula.errors import Busy, NotFound, OneError, Refused, Unreachable, WrongState
from one2one.opennebula.states import State

SETTLE_S = 5.0
"""How long a VM may look unchanged after the remote accepted an action: oned carries actions out
behind its answer."""
_UNREAD = State(-1)
_DECIDED = (Step.REACHED, Step.NEVER)
"""What no action changes."""


def reach(job: Job, remote_id: int, goal: Goal, action: str) -> Steps:
    """Bring a remote VM to *goal* by *action*, and return when it is there.

    Unless the VM's owner has to be read first, the action is asked for at once, which usually
    saves a call; only where it is refused does the VM's state decide what that meant. Raises
    Refused when the VM is another's, cannot get there, came back from the way, or is not there in
    time.
    """
    limit = job.remote.settings.shutdown_timeout
    deadline = runtime.monotonic() + limit
    state, accepted = require_own(job, remote_id), None
    if state is None or goal.step(state) not in _DECIDED:
        state, accepted = yield from _act(job, action, remote_id, deadline)
    moved = False
    while (step := goal.step(state)) is not Step.REACHED:
        now = runtime.monotonic()
        wake = deadline
        if step is Step.NEVER:
            raise _blame(job, verdicts.dead_end_error(remote_id, state, goal), remote_id, state)
        if step is Step.UNDERWAY:
            moved = True
        elif step is Step.BUSY:
            accepted, moved = None, False
        elif accepted is None:
            require_own(job, remote_id)  # a remote that was restored may have given away the id
            accepted = _request_action(job, action, remote_id)
            wake = now + SETTLE_S
        elif moved or now >= accepted + SETTLE_S:
            error = verdicts.not_followed_error(remote_id, state, action)
            raise _blame(job, error, remote_id, state)
        else:
            wake = accepted + SETTLE_S
        if now >= deadline:
            raise verdicts.too_late_error(remote_id, state, action, limit)
        state = (yield StateWait(remote_id, state, min(deadline, wake))) or state
    return ""


def destroy(job: Job, remote_id: int, action: str = "terminate-hard") -> Steps:
    """Terminate a remote VM for good; one that is gone already counts as terminated.

    Its marks are read first, even where its owner is known. Raises Refused for another's VM.
    Where the remote's storage fails, the VM is terminated once more, which deletes it, unless
    that loses what its persistent disks have not saved.
    """
    try:
        state = read_own(job, remote_id).state
    except NotFound:
        return ""
    if goals.DONE.step(state) is Step.REACHED:
        return ""
    try:
        return (yield from reach(job, remote_id, goals.DONE, action))
    except Refused as error:
        vm = job.remote.cloud.get_vm(remote_id)
        if not verdicts.explain_failure_at(vm.state) or verdicts.has_unsaved_disks(vm):
            raise
        job.log(f"{error.cause}. It is terminated once more, which deletes it")
    return (yield from reach(job, remote_id, goals.DONE, "terminate-hard"))


def _blame(job: Job, error: Refused, remote_id: int, state: State) -> Refused:
    """Return what the remote failed at, where *state* says that it did, else *error*."""
    if not verdicts.explain_failure_at(state):
        return error
    try:
        vm = job.remote.cloud.get_vm(remote_id)
    except OneError:
        return error
    if not verdicts.explain_failure_at(vm.state):
        return error
    return verdicts.failure_error(vm, job.remote.settings.password)


def _act(
    job: Job, action: str, remote_id: int, deadline: float
) -> Generator[Wait, State | None, tuple[State, float | None]]:
    """Ask for *action*; return the state, and when it was accepted, None if that alone can tell."""
    accepted = _request_action(job, action, remote_id)
    try:
        return read_states(job.remote.cloud, [remote_id])[remote_id], accepted
    except (Unreachable, Busy):
        if accepted is None:
            raise
        # It is being done there. To answer FAILURE now would be wrong as soon as it is done.
        return (yield StateWait(remote_id, _UNREAD, deadline)) or _UNREAD, accepted


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
