"""What a VM's state means to one who waits for a state.

    the VM is …                             it is
    ─────────────────────────────────────   ───────
    in the state                            REACHED
    DONE, in a failure state, or not there  NEVER
    anywhere else                           WAITING

A remote VM is judged by the same table, and one that is another's is NEVER.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from one2one.hybrid.naming import find_remote_id
from one2one.hybrid.ownership import check_owner
from one2one.hybrid.problems import explain_gone, find_problem
from one2one.hybrid.settings import Settings
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import Vm
from one2one.opennebula.states import FAILURES, State, VmState

DONE = str(State(VmState.DONE))


class Verdict(StrEnum):
    """What a look tells; see the table above."""

    REACHED = "reached"
    WAITING = "waiting"
    NEVER = "never"


@dataclass(frozen=True)
class AwaitedVm:
    """A local VM, its remote VM, and what a look told of them."""

    id: int
    name: str = ""
    state: str = ""
    host: str = ""
    remote_id: int | None = None
    remote_state: str = ""
    """Empty where the remote VM was not asked for, could not be read, or is another's."""
    verdict: Verdict = Verdict.WAITING
    reason: str = ""
    """Why it is not REACHED."""

    def wait_on(self, reason: str) -> "AwaitedVm":
        """Return the same VM, for which there is still hope."""
        return replace(self, verdict=Verdict.WAITING, reason=clean_line(reason))


def judge_local(vm_id: int, vm: Vm | None, goal: str) -> AwaitedVm:
    """Return what a local VM, None where there is none, means; *goal* is a state's name."""
    if vm is None:
        return AwaitedVm(vm_id, verdict=Verdict.NEVER, reason="there is no such VM")
    verdict = judge_state(vm.state, goal)
    error = vm.user_template.text("ERROR") if is_failure(vm.state) else ""
    reason = clean_line(f"it is {vm.state}{error and f': {error}'}")
    return AwaitedVm(
        id=vm_id,
        name=vm.name,
        state=str(vm.state),
        host=vm.history[-1].host_name if vm.history else "",
        remote_id=find_remote_id(vm.deploy_id),
        verdict=verdict,
        reason="" if verdict is Verdict.REACHED else reason,
    )


def judge_remote(
    row: AwaitedVm, local: Vm, remote: Vm | None, settings: Settings, goal: str
) -> AwaitedVm:
    """Return what *row*'s remote VM, None where there is none, adds; *local* has reached it."""
    if remote is None and goal == DONE:
        return row
    if remote is None:
        return replace(row, verdict=Verdict.NEVER, reason=explain_gone(row.remote_id or 0))
    try:
        check_owner(local, remote, settings.hybrid_id, settings.host_name)
    except Refused as error:
        return replace(row, verdict=Verdict.NEVER, reason=error.cause)
    verdict = judge_state(remote.state, goal)
    problem = find_problem(remote, lasts=True, secret=settings.password)
    reason = problem or f"remote VM {remote.id} is {remote.state}"
    return replace(
        row,
        remote_state=str(remote.state),
        verdict=verdict,
        reason="" if verdict is Verdict.REACHED else reason,
    )


def is_failure(state: State) -> bool:
    """Tell whether a VM waits for an administrator."""
    if state.state == VmState.ACTIVE:
        return state.lcm_state in FAILURES
    return state.state in (VmState.FAILED, VmState.CLONING_FAILURE)


def judge_state(state: State, goal: str) -> Verdict:
    """Return what a VM's state means to one who waits for the state called *goal*."""
    if str(state) == goal:
        return Verdict.REACHED
    if state.state == VmState.DONE or is_failure(state):
        return Verdict.NEVER
    return Verdict.WAITING
