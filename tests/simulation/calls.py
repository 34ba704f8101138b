"""Checks what the drivers ask of the remotes, call by call."""

from collections import defaultdict
from collections.abc import Mapping

from one2one.hybrid.naming import Marks, format_deploy_id
from one2one.opennebula.states import State, VmState
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.frontend.oned.pools import occupies
from tests.simulation.answers import AnswerWatcher
from tests.simulation.attachments import ATTACHING, list_tags, read_tag
from tests.simulation.invariants import (
    ALIVE,
    OWN,
    SINGLE,
    SINGLE_DEVICE,
    UNREPEATED,
    Violation,
)
from tests.simulation.memory import Memory, marks_of
from tests.simulation.process import Process
from tests.simulation.remote_site import Call, RemoteSite
from tests.simulation.side import Side
from tests.simulation.states import ENDING, ENDS, FIRST_BOOT

_ONCE = {"reboot": "REBOOT", "reboot-hard": "RESET"}
"""Actions at the remote that must not be repeated, and what oned calls them."""


class CallWatcher:
    """Sees each call that reaches a remote, and each VM that it makes."""

    def __init__(
        self, sides: Mapping[str, Side], memories: Mapping[str, Memory], answers: AnswerWatcher
    ) -> None:
        """Take the front-ends and what was so at the remotes, both by name."""
        self._sides = sides
        self._answers = answers
        self._memories = memories
        self.calls = 0
        """How many calls the drivers made to the remotes."""
        self._made: set[tuple[str, int]] = set()
        """Remote VMs that count, by cloud and id."""
        self._requests: set[tuple[Process, float]] = set()
        """Who sent the calls that make VMs, and when."""
        self._request: tuple[Process, float] | None = None
        """The last of them, until it has made its VM."""
        self._late = False
        """Whether its sender had given it up, or the network delivers it again."""
        self._sent: dict[tuple[Process, str, Marks], list[float]] = defaultdict(list)
        """When each process sent a call that must not be repeated, and for which remote VM."""

    def see_call(self, remote: RemoteSite, call: Call) -> None:
        """See a call before it is done."""
        side = self._sides.get(call.sender.site)
        if side is None:
            return
        self.calls += 1
        if call.method == "one.vm.action":
            vm = remote.cloud.vms.get(int(str(call.arguments[1])))
            if vm is not None:
                self._check_action(side, remote, call, vm)
        elif call.method in ATTACHING:
            self._check_attachment(remote, call)
        elif call.method == "one.template.instantiate":
            self._request = call.sender, call.sent_at
            self._late = call.is_given_up or self._request in self._requests
            self._requests.add(self._request)

    def see_birth(self, remote: RemoteSite, vm: Vm) -> None:
        """See a new remote VM."""
        late, self._late = self._late, False
        request, self._request = self._request, None
        self._made.discard((remote.name, vm.id))  # a restored database gives ids once more
        marks = marks_of(vm)
        if marks is None:
            return
        if request:
            self._check_unrepeated("DEPLOY", *request, marks)
        if late:
            return
        for other_id, life in self._memories[remote.name].by_id.items():
            if (remote.name, other_id) not in self._made or other_id == vm.id:
                continue
            if str(life.vm.state) in ENDING or marks_of(life.vm) != marks:
                continue
            if not self._is_anothers(format_deploy_id(other_id), marks):
                story = f"{remote.name} VMs {other_id} and {vm.id} were made for {marks}"
                raise Violation(SINGLE, story)
        self._made.add((remote.name, vm.id))

    def _is_anothers(self, deploy_id: str, marks: Marks) -> bool:
        """Tell whether another local VM on the host names the remote VM, as after a restore.

        Who restores a remote's database has its ids given once more, also to a VM whose answer is
        then lost. To the driver this is as if the guest of the other local VM had written these
        marks, so it takes no such VM over. What is left is for the reaper: *paired* checks that.
        """
        for side in self._sides.values():
            for vm in side.site.vms:
                if (
                    vm.id != marks.vm_id
                    and vm.deploy_id == deploy_id
                    and occupies(vm.state)
                    and side.hybrid_ids.get(vm.history[-1].host_id) == marks.hybrid_id
                ):
                    return True
        return False

    def _check_unrepeated(
        self, action: str, process: Process, sent_at: float, marks: Marks
    ) -> None:
        sent = self._sent[process, action, marks]
        asked = self._answers.list_times(process, marks.vm_id, action)
        for other in sent:
            first, last = sorted((other, sent_at))
            # oned may ask for a second reboot before the driver comes to the first.
            is_for_another = action != "DEPLOY" and len(sent) < len(asked)
            if first != last and not is_for_another and not any(first < at <= last for at in asked):
                story = f"{process.name} asked for it at {first:.3f} and at {last:.3f}: {marks}"
                raise Violation(UNREPEATED, f"{action} of VM {marks.vm_id}: {story}")
        sent.append(sent_at)

    def _check_attachment(self, remote: RemoteSite, call: Call) -> None:
        request, vm = (call.sender, call.sent_at), remote.cloud.vms.get(int(str(call.arguments[0])))
        is_late = call.is_given_up or request in self._requests
        self._requests.add(request)
        tag = read_tag(call.arguments)
        if vm is not None and not is_late and tag in list_tags(vm, ATTACHING[call.method]):
            story = f"{call.sender.name} attaches {tag} to {remote.name} VM {vm.id} once more"
            raise Violation(SINGLE_DEVICE, story)

    def _check_action(self, side: Side, remote: RemoteSite, call: Call, vm: Vm) -> None:
        action, asks = str(call.arguments[0]), f"{call.sender.name} asks for {call.arguments[0]}"
        marks = marks_of(vm)
        if marks is None or marks.hybrid_id not in side.hybrid_ids.values():
            story = f"{asks} of {remote.name} VM {vm.id} of {marks}"
            raise Violation(OWN, story)
        if call.sender.name.endswith("/vmm") and not self._answers.was_asked(
            call.sender, marks.vm_id, marks.stime, call.sent_at
        ):
            raise Violation(OWN, f"{asks} of {remote.name} VM {vm.id} of {marks}, and not for that")
        if action in _ONCE:
            self._check_unrepeated(_ONCE[action], call.sender, call.sent_at, marks)
        if not action.startswith("terminate"):
            return
        life = side.memory.by_id.get(marks.vm_id)
        if life is None or life.vm.stime != marks.stime:
            return
        if (marks.vm_id, marks.stime) in side.ended:
            return
        local = life.at(call.sent_at)
        if local.deploy_id == format_deploy_id(vm.id) and _lives(local.state):
            story = (
                f"{asks} of {remote.name} VM {vm.id}, and local VM "
                f"{marks.vm_id} was {local.state} as {local.deploy_id}"
            )
            raise Violation(ALIVE, story)


def _lives(state: State) -> bool:
    if state.state in (VmState.DONE, VmState.PENDING, VmState.HOLD):
        return False
    return state.state != VmState.ACTIVE or state.lcm_state not in (*ENDS, *FIRST_BOOT)
