"""Checks what the VMM drivers answer to oned, line by line."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf

from one2one.hybrid import naming
from one2one.opennebula.errors import Refused
from one2one.opennebula.states import LcmState, State
from tests.simulation.invariants import ONCE, PATIENT, TRUE, Violation, check_sound
from tests.simulation.memory import DONE, Life, Memory, marks_of
from tests.simulation.process import Process
from tests.simulation.side import Side
from tests.simulation.states import ALL, CLEANUPS, ENDING, ENDS, FAILED, FIRST_BOOT, STARTED

PATIENCE_S = 15.0
"""For how long an election fails no operation."""
_CANCEL = "DRIVER_CANCEL"
_LATE_S = 600.0
"""How long a call may take that was under way when its action was cancelled."""


@dataclass(eq=False)
class Action:
    """An action that oned asked for."""

    action: str
    at: float
    state: State = DONE
    deploy_id: str = ""
    stime: int = 0
    sequence: int = 0
    host_id: int = 0
    until: float = inf
    """When it was answered, or later when it was cancelled; infinite before that."""

    @property
    def is_open(self) -> bool:
        """Whether it may still be answered."""
        return self.until == inf

    @property
    def is_cleanup(self) -> bool:
        """Whether all that was made for the VM is to be destroyed."""
        return self.action == "CLEANUP" or (
            self.action == "CANCEL" and (self.state == DONE or self.state.lcm_state in CLEANUPS)
        )


class AnswerWatcher:
    """Hears each line between oned and its VMM driver."""

    def __init__(self, memories: Mapping[str, Memory]) -> None:
        """Take what was so at the remotes, by name."""
        self._memories = memories
        self.operations = 0
        """How many actions oned asked for."""
        self._asked: dict[Process, dict[int, list[Action]]] = defaultdict(lambda: defaultdict(list))

    def hear_oned(self, side: Side, process: Process, line: str, now: float) -> None:
        """See a line for the VMM driver."""
        action, vm_id = line.split()[0], int(line.split()[1])
        asked = self._asked[process][vm_id]
        if action == _CANCEL:
            asked.append(Action(action, now))
            return
        self.operations += 1
        vm = side.site.oned.pools.vms[vm_id]
        place, sequence = vm.history[-1], len(vm.history) - 1
        asked.append(Action(action, now, vm.state, vm.deploy_id, vm.stime, sequence, place.host_id))
        if action == "CLEANUP" or vm.state.lcm_state in ENDS:
            side.ended.add((vm_id, vm.stime))

    def hear_driver(self, side: Side, process: Process, line: str, now: float) -> None:
        """See a line of the VMM driver's."""
        check_sound(line)
        action, result, number, info = [*line.split(maxsplit=3), "", ""][:4]
        if action == "INIT" or number == "-":
            return
        asked = [one for one in self._asked[process][int(number)] if one.is_open]
        if action == "LOG":
            if "cancelled" in line:
                _cancel(asked, now + _LATE_S)
            return
        found = next((one for one in asked if one.action == action), None)
        if found is None or result not in ("SUCCESS", "FAILURE"):
            raise Violation(ONCE, f"{process.name} says {line[:100]!r}, which oned did not ask for")
        found.until = now
        if result == "SUCCESS" and info.strip() != "STATE=-":  # a POLL may say that it cannot tell
            self._check_true(side, int(number), found, info)
        elif "Cannot process request" in info and now - found.at < PATIENCE_S:
            raise Violation(PATIENT, f"{process.name} says {line} after {now - found.at:.0f} s")

    def was_asked(self, process: Process, vm_id: int, stime: int, at: float) -> bool:
        """Tell whether the driver was at work for a VM at some time."""
        asked = self._asked[process][vm_id]
        return any(one.stime == stime and one.at <= at <= one.until for one in asked)

    def list_times(self, process: Process, vm_id: int, action: str) -> list[float]:
        """Return when the driver was asked for an action."""
        return [one.at for one in self._asked[process][vm_id] if one.action == action]

    def list_unanswered(self, process: Process) -> Iterator[tuple[int, Action]]:
        """Yield what the process was asked for and has not answered."""
        for vm_id, asked in self._asked[process].items():
            yield from ((vm_id, one) for one in asked if one.is_open and one.action != _CANCEL)

    def _check_true(self, side: Side, vm_id: int, asked: Action, info: str) -> None:
        remote = side.remotes[asked.host_id]
        memory = self._memories[remote.name]
        what = f"{asked.action} of VM {vm_id} in {asked.state} succeeded"
        if asked.is_cleanup:
            for life in memory.by_id.values():
                if self._is_left(life, vm_id, asked, side.hybrid_ids.get(asked.host_id)):
                    raise Violation(TRUE, f"{what}, and {remote.name} VM {life.vm.id} is left")
        wanted = _list_wanted_states(asked)
        deploy_id = info.split()[0] if asked.action == "DEPLOY" else asked.deploy_id
        try:
            remote_id = naming.parse_deploy_id(deploy_id)
        except Refused:
            return  # it was found by its marks
        found = memory.list_lives(remote_id, asked.at)
        right = [life for life in found if _is_for(life, vm_id, asked)]
        if found and not right:
            marks = marks_of(found[-1].vm)
            raise Violation(TRUE, f"{what} by {remote.name} VM {remote_id} of {marks}")
        been = [moment.state for life in right for moment in life.since(asked.at)] or [DONE]
        if wanted and not any(str(state) in wanted for state in been):
            story = f"{what}, and {remote.name} VM {remote_id} was {', '.join(map(str, been))}"
            raise Violation(TRUE, story)

    def _is_left(self, life: Life, vm_id: int, asked: Action, hybrid_id: str | None) -> bool:
        marks = marks_of(life.vm)
        return (
            marks is not None
            and (marks.hybrid_id, marks.vm_id, marks.stime) == (hybrid_id, vm_id, asked.stime)
            and life.moments[0].since < asked.at
            and str(life.now.state) not in ENDING
        )


def _cancel(asked: list[Action], until: float) -> None:
    """End the first cancellation that the driver has not told of, and what it cancelled."""
    for at, one in enumerate(asked):
        if one.action == _CANCEL:
            for ended in asked[: at + 1]:
                ended.until = until
            return


def _is_for(life: Life, vm_id: int, asked: Action) -> bool:
    """Tell whether the remote VM's marks are those of the local VM; of its start, for the first."""
    marks = marks_of(life.vm)
    if marks is None:
        return True
    same = (marks.vm_id, marks.stime) == (vm_id, asked.stime)
    is_first = asked.action == "DEPLOY" and asked.state.lcm_state in FIRST_BOOT
    return same and (not is_first or marks.sequence == asked.sequence)


def _list_wanted_states(asked: Action) -> frozenset[str]:
    """Return where SUCCESS says that the remote VM was, nothing for an action that tells none."""
    lcm = asked.state.lcm_state
    match asked.action:
        case "SHUTDOWN" | "CANCEL" if lcm == LcmState.SHUTDOWN_POWEROFF:
            return frozenset({"POWEROFF"})
        case "SHUTDOWN" | "CANCEL" if lcm == LcmState.SHUTDOWN_UNDEPLOY:
            return frozenset({"UNDEPLOYED"})
        case "SHUTDOWN" | "CANCEL" | "CLEANUP":
            return frozenset({"DONE"})
        case "SAVE":
            return frozenset({"STOPPED" if lcm == LcmState.SAVE_STOP else "SUSPENDED"})
        case "DEPLOY" if lcm in FIRST_BOOT:
            return ALL - ENDING - FAILED
        case "DEPLOY" | "RESTORE":
            return STARTED
    return frozenset()
