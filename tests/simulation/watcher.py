"""Checks what must always hold, at each call, line and message, as it passes."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from one2one.driver.events import CapacityRead, Event, StatesRead
from one2one.hybrid import goals, naming
from one2one.hybrid.mirror import Report, map_state
from one2one.hybrid.naming import HYBRID_ID, Marks
from one2one.opennebula.errors import Refused
from one2one.opennebula.states import LcmState, State, VmState
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.wire.grammar import parse
from opennebula_sandbox.frontend.im import monitor_line
from tests.simulation.invariants import (
    ALIVE,
    HOST,
    ONCE,
    OWN,
    SEEN,
    SINGLE,
    SOUND,
    TRUE,
    UNREPEATED,
    Broken,
)
from tests.simulation.memory import DONE, Memory, marks_of
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.sites import FrontEndSite, RemoteSite

ENDING = frozenset({"DONE", "FAILED", "SHUTDOWN", "EPILOG", "CLEANUP_DELETE"})
_ENDS = (LcmState.SHUTDOWN, LcmState.CLEANUP_RESUBMIT, LcmState.CLEANUP_DELETE, LcmState.EPILOG)
_FIRST_BOOT = (LcmState.BOOT, LcmState.BOOT_FAILURE)
_RESULTS = ("SUCCESS", "FAILURE")


class Asked(NamedTuple):
    """An action that oned asked for."""

    action: str
    at: float
    state: State
    deploy_id: str
    stime: int
    sequence: int
    host_id: int


_CANCEL = Asked("DRIVER_CANCEL", 0.0, DONE, "", 0, 0, 0)


@dataclass
class _Host:
    """What the IM driver's process heard of a host."""

    states_read: float = float("-inf")
    has_capacity: bool = False


@dataclass
class Side:
    """A front-end, and what is known of it."""

    site: "FrontEndSite"
    memory: Memory
    remotes: dict[int, "RemoteSite"]
    """By host."""
    grace: float
    patience: float
    """How old what a report rests on may be."""
    hybrid_ids: set[str] = field(default_factory=set)
    """All that its hosts have, or had."""
    ended: set[tuple[int, int]] = field(default_factory=set)
    """VMs, by id and STIME, that somebody wanted to end, or whose database was restored."""


class Watcher:
    """Sees all that passes between the parts of the simulated world."""

    def __init__(self) -> None:
        self.sides: dict[str, Side] = {}
        self.memories: dict[str, Memory] = {}
        """Of the remotes, by name."""
        self.now = 0.0
        self.calls = 0
        """How many calls the drivers made to the remotes."""
        self._asked: dict[Process, dict[int, list[Asked]]] = {}
        self._hosts: dict[Process, dict[int, _Host]] = {}
        self._made: dict[tuple[str, int], object] = {}
        """Remote VMs that count, by cloud and id: what request made each."""
        self._requests: set[tuple[str, int, float]] = set()
        self._late = False
        self._request: tuple[Process, float] | None = None
        self._sent: dict[tuple[Process, Marks], list[float]] = defaultdict(list)
        """When each process sent the calls that made VMs with the same marks."""
        self._deploys: dict[tuple[Process, int], list[float]] = defaultdict(list)
        """When each process was asked for a DEPLOY of a VM."""

    # what the remote is asked

    def call(
        self,
        remote: "RemoteSite",
        process: Process,
        sent_at: float,
        is_given_up: bool,
        method: str,
        arguments: tuple[object, ...],
    ) -> None:
        """See a call before it is done."""
        side = self.sides.get(process.site)
        if side is None:
            return
        self.calls += 1
        if method == "one.vm.action":
            action, vm_id = str(arguments[0]), int(str(arguments[1]))
            vm = remote.cloud.vms.get(vm_id)
            if vm is not None:
                self._act(side, remote, process, sent_at, action, vm)
        elif method == "one.template.instantiate":
            request = (process.name, id(process), sent_at)
            self._late = is_given_up or request in self._requests
            self._requests.add(request)
            self._request = process, sent_at

    def born(self, remote: "RemoteSite", vm: Vm) -> None:
        """See a new remote VM."""
        late, self._late = self._late, False
        request, self._request = self._request, None
        marks = marks_of(vm)
        if marks is None:
            return
        if request:
            self._check_unrepeated(*request, marks)
        if late:
            return
        for other_id, life in self.memories[remote.name].by_id.items():
            if (remote.name, other_id) not in self._made or other_id == vm.id:
                continue
            if str(life.vm.state) not in ENDING and marks_of(life.vm) == marks:
                story = f"{remote.name} VMs {other_id} and {vm.id} were made for {marks}"
                raise Broken(SINGLE, story)
        self._made[remote.name, vm.id] = marks

    def _check_unrepeated(self, process: Process, sent_at: float, marks: Marks) -> None:
        deploys = self._deploys[process, marks.vm_id]
        for other in self._sent[process, marks]:
            first, last = sorted((other, sent_at))
            if first != last and not any(first < at <= last for at in deploys):
                story = f"{process.name} had it made at {first:.3f} and at {last:.3f} for {marks}"
                raise Broken(UNREPEATED, story)
        self._sent[process, marks].append(sent_at)

    def _act(
        self,
        side: Side,
        remote: "RemoteSite",
        process: Process,
        sent_at: float,
        action: str,
        vm: Vm,
    ) -> None:
        self.learn_hybrid_ids(side)
        marks = marks_of(vm)
        if marks is None or marks.hybrid_id not in side.hybrid_ids:
            story = f"{process.name} asks for {action} of {remote.name} VM {vm.id} of {marks}"
            raise Broken(OWN, story)
        if not action.startswith("terminate"):
            return
        life = side.memory.by_id.get(marks.vm_id)
        if life is None or life.vm.stime != marks.stime:
            return
        if (marks.vm_id, marks.stime) in side.ended:
            return
        local = life.at(sent_at)
        if local.deploy_id == naming.format_deploy_id(vm.id) and _lives(local.state):
            story = (
                f"{process.name} asks for {action} of {remote.name} VM {vm.id}, and local VM "
                f"{marks.vm_id} was {local.state} as {local.deploy_id}"
            )
            raise Broken(ALIVE, story)

    # what oned and the VMM driver say

    def oned_says(self, side: Side, process: Process, line: str) -> None:
        """See a line for the VMM driver."""
        action, vm_id = line.split()[0], int(line.split()[1])
        asked = self._asked.setdefault(process, defaultdict(list))
        if action == "DRIVER_CANCEL":
            asked[vm_id].append(_CANCEL)
            return
        vm = side.site.oned.pools.vms[vm_id]
        place, sequence = vm.history[-1], len(vm.history) - 1
        if action == "DEPLOY":
            self._deploys[process, vm_id].append(self.now)
        asked[vm_id].append(
            Asked(action, self.now, vm.state, vm.deploy_id, vm.stime, sequence, place.host_id)
        )
        if action == "CLEANUP" or vm.state.lcm_state in _ENDS:
            side.ended.add((vm_id, vm.stime))

    def vmm_says(self, side: Side, process: Process, line: str) -> None:
        """See a line of the VMM driver's."""
        self._check_sound(line)
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
            raise Broken(ONCE, f"{process.name} says {line[:100]!r}, which oned did not ask for")
        asked.remove(found)
        if result == "SUCCESS":
            self._check_true(side, int(number), found, info[0] if info else "")

    def unanswered(self, process: Process) -> list[tuple[int, Asked]]:
        """Return what the process was asked for and has not answered."""
        asked = self._asked.get(process, {})
        return [(vm_id, one) for vm_id, all_ in asked.items() for one in all_ if one is not _CANCEL]

    def _check_true(self, side: Side, vm_id: int, asked: Asked, info: str) -> None:
        wanted = _wanted(asked)
        if wanted is None:
            return
        remote = side.remotes[asked.host_id]
        deploy_id = info.split()[0] if asked.action == "DEPLOY" else asked.deploy_id
        try:
            remote_id = naming.parse_deploy_id(deploy_id)
        except Refused:
            return  # it was found by its marks
        life = self.memories[remote.name].by_id.get(remote_id)
        been = [DONE] if life is None else [moment.state for moment in life.since(asked.at)]
        if not any(str(state) in wanted for state in been):
            story = (
                f"{asked.action} of VM {vm_id} in {asked.state} succeeded, and {remote.name} VM "
                f"{remote_id} was {', '.join(map(str, been))}"
            )
            raise Broken(TRUE, story)
        marks = marks_of(life.vm) if life else None
        if marks and (marks.vm_id, marks.stime) != (vm_id, asked.stime):
            story = (
                f"{asked.action} of VM {vm_id} succeeded by {remote.name} VM {remote_id} of {marks}"
            )
            raise Broken(TRUE, story)

    # what monitoring says

    def heard(self, process: Process, event: Event, now: float) -> None:
        """See what the IM driver has read."""
        hosts = self._hosts.setdefault(process, defaultdict(_Host))
        if isinstance(event, StatesRead):
            hosts[event.host_id].states_read = now
        elif isinstance(event, CapacityRead):
            hosts[event.host_id].has_capacity = True

    def im_says(self, side: Side, process: Process, line: str) -> None:
        """See a line of the IM driver's."""
        self._check_sound(line)

    def monitord_hears(self, side: Side, process: Process, data: bytes) -> None:
        """See a message at monitord's port."""
        line = monitor_line.read(data.decode(errors="replace"))
        self._check_sound(line.text)
        host = self._hosts.get(process, {}).get(line.host_id, _Host())
        if line.type == "SYSTEM_HOST":
            age = self.now - host.states_read
            if line.status != "SUCCESS" and host.has_capacity and age < side.grace:
                story = (
                    f"host {line.host_id} is in ERROR, and was read {age:.0f} s ago: {line.text}"
                )
                raise Broken(HOST, story)
            if line.status == "SUCCESS" and age > side.patience:
                raise Broken(HOST, f"host {line.host_id} is on, and was read {age:.0f} s ago")
        elif line.type == "STATE_VM" and line.status == "SUCCESS":
            for told in parse(line.text).vectors("VM"):
                report = Report(told["STATE"])
                self._check_seen(side, line.host_id, int(told["ID"]), told["DEPLOY_ID"], report)

    def _check_seen(
        self, side: Side, host_id: int, vm_id: int, deploy_id: str, report: Report
    ) -> None:
        remote = side.remotes[host_id]
        remote_id = naming.parse_deploy_id(deploy_id)
        life = self.memories[remote.name].by_id.get(remote_id)
        if life is None:
            been = [DONE]
        else:
            been = [moment.state for moment in life.since(self.now - side.patience)]
        if report not in map(map_state, been):
            story = (
                f"VM {vm_id} is reported {report.name} as {deploy_id}, which was "
                f"{', '.join(map(str, been))}"
            )
            raise Broken(SEEN, story)
        marks = marks_of(life.vm) if life else None
        local = side.site.oned.pools.vms.get(vm_id)
        if life and local and (marks is None or (marks.vm_id, marks.stime) != (vm_id, local.stime)):
            raise Broken(SEEN, f"VM {vm_id} is reported as {deploy_id}, which is of {marks}")

    def learn_hybrid_ids(self, side: Side) -> None:
        """Note the hybrid ids that the hosts have now."""
        for host in side.site.oned.pools.hosts.values():
            if hybrid_id := host.template.text(HYBRID_ID):
                side.hybrid_ids.add(hybrid_id)

    def _check_sound(self, line: str) -> None:
        if "internal error" in line or "an answer that cannot be read (" in line:
            raise Broken(SOUND, line)


def _lives(state: State) -> bool:
    if state.state in (VmState.DONE, VmState.PENDING, VmState.HOLD):
        return False
    return state.state != VmState.ACTIVE or state.lcm_state not in (*_ENDS, *_FIRST_BOOT)


def _wanted(asked: Asked) -> Iterable[str] | None:
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
        case "DEPLOY" if lcm in _FIRST_BOOT:
            return _ALL - ENDING
        case "DEPLOY" | "RESTORE":
            return goals.RUNNING.reached
    return None


_ALL = frozenset(
    {state.name for state in VmState if state is not VmState.ACTIVE}
    | {lcm.name for lcm in LcmState}
)
