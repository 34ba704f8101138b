"""Checks what the VMM drivers answer to oned, line by line."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from one2one.hybrid import goals, naming
from one2one.opennebula.errors import Refused
from one2one.opennebula.states import LcmState, State
from tests.simulation.invariants import ONCE, TRUE, Violation, check_sound
from tests.simulation.memory import DONE, Memory, marks_of
from tests.simulation.process import Process
from tests.simulation.side import Side
from tests.simulation.states import ALL, ENDING, ENDS, FIRST_BOOT

_RESULTS = ("SUCCESS", "FAILURE")


class Action(NamedTuple):
    """An action that oned asked for."""

    action: str
    at: float
    state: State
    deploy_id: str
    stime: int
    sequence: int
    host_id: int


_CANCEL = Action("DRIVER_CANCEL", 0.0, DONE, "", 0, 0, 0)


class AnswerWatcher:
    """Hears each line between oned and its VMM driver."""

    def __init__(self, memories: Mapping[str, Memory]) -> None:
        """Take what was so at the remotes, by name."""
        self._memories = memories
        self._asked: dict[Process, dict[int, list[Action]]] = {}

    def hear_oned(self, side: Side, process: Process, line: str, now: float) -> None:
        """See a line for the VMM driver."""
        action, vm_id = line.split()[0], int(line.split()[1])
        asked = self._asked.setdefault(process, defaultdict(list))
        if action == "DRIVER_CANCEL":
            asked[vm_id].append(_CANCEL)
            return
        vm = side.site.oned.pools.vms[vm_id]
        place, sequence = vm.history[-1], len(vm.history) - 1
        asked[vm_id].append(
            Action(action, now, vm.state, vm.deploy_id, vm.stime, sequence, place.host_id)
        )
        if action == "CLEANUP" or vm.state.lcm_state in ENDS:
            side.ended.add((vm_id, vm.stime))

    def hear_driver(self, side: Side, process: Process, line: str) -> None:
        """See a line of the VMM driver's."""
        check_sound(line)
        action, result, number, *info = [*line.split(maxsplit=3), "", ""][:4]
        if action == "INIT":
            return
        asked = self._asked.get(process, {}).get(int(number), [])
        if action == "LOG":
            if "cancelled" in line and _CANCEL in asked:
                del asked[: asked.index(_CANCEL) + 1]
            return
        found = next((one for one in asked if one.action == action), None)
        if found is None or result not in _RESULTS:
            raise Violation(ONCE, f"{process.name} says {line[:100]!r}, which oned did not ask for")
        asked.remove(found)
        if result == "SUCCESS":
            self._check_true(side, int(number), found, info[0] if info else "")

    def list_unanswered(self, process: Process) -> list[tuple[int, Action]]:
        """Return what the process was asked for and has not answered."""
        asked = self._asked.get(process, {})
        return [(vm_id, one) for vm_id, all_ in asked.items() for one in all_ if one is not _CANCEL]

    def _check_true(self, side: Side, vm_id: int, asked: Action, info: str) -> None:
        wanted = _list_wanted_states(asked)
        if wanted is None:
            return
        remote = side.remotes[asked.host_id]
        deploy_id = info.split()[0] if asked.action == "DEPLOY" else asked.deploy_id
        try:
            remote_id = naming.parse_deploy_id(deploy_id)
        except Refused:
            return  # it was found by its marks
        life = self._memories[remote.name].by_id.get(remote_id)
        been = [DONE] if life is None else [moment.state for moment in life.since(asked.at)]
        if not any(str(state) in wanted for state in been):
            story = (
                f"{asked.action} of VM {vm_id} in {asked.state} succeeded, and {remote.name} VM "
                f"{remote_id} was {', '.join(map(str, been))}"
            )
            raise Violation(TRUE, story)
        marks = marks_of(life.vm) if life else None
        if marks and (marks.vm_id, marks.stime) != (vm_id, asked.stime):
            story = (
                f"{asked.action} of VM {vm_id} succeeded by {remote.name} VM {remote_id} of {marks}"
            )
            raise Violation(TRUE, story)


def _list_wanted_states(asked: Action) -> Iterable[str] | None:
    """Return where SUCCESS says that the remote VM was, None for an action that tells nothing."""
    lcm = asked.state.lcm_state
    match asked.action:
        case "SHUTDOWN" | "CANCEL" if lcm == LcmState.SHUTDOWN_POWEROFF:
            return goals.POWEROFF.reached
        case "SHUTDOWN" | "CANCEL" if lcm == LcmState.SHUTDOWN_UNDEPLOY:
            return goals.UNDEPLOYED.reached
        case "SHUTDOWN" | "CANCEL" | "CLEANUP":
            return goals.DONE.reached
        case "SAVE" if lcm == LcmState.SAVE_STOP:
            return goals.STOPPED.reached
        case "SAVE":
            return goals.SUSPENDED.reached
        case "DEPLOY" if lcm in FIRST_BOOT:
            return ALL - ENDING
        case "DEPLOY" | "RESTORE":
            return goals.RUNNING.reached
    return None
