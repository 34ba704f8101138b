"""A local and a remote cloud where anything fails at any time, as a state machine.

The drivers are real processes. What must hold after each run is in ``promises``.
"""

import contextlib
from collections.abc import Callable, Mapping

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.cloud.wire.delivery import Delivery
from opennebula_sandbox.frontend.handles import LocalVm
from opennebula_sandbox.frontend.mad import Mad
from opennebula_sandbox.frontend.oned.operations import OPERATIONS
from tests.end_to_end.burst import TEMPLATE
from tests.end_to_end.invariants import StormClouds, at_rest

EFFECTS: Mapping[str, Delivery] = {
    "drop before": faults.drop_before,
    "drop after": faults.drop_after,
    "reset": faults.reset,
    "duplicate": faults.duplicate,
    "truncate": faults.truncate,
    "cut XML": faults.cut_xml,
    "garbage": faults.answer_garbage(),
    "HTTP 500": faults.answer_http_error(),
    "HTTP 503": faults.answer_http_error("503 Service Unavailable"),
    "delay": faults.delay(0.2),
    "delay beyond the time limit": faults.delay_answer(1.3),
}
METHODS = (
    *("one.template.instantiate", "one.template.info", "one.vm.action", "one.vm.info"),
    *("one.vm.snapshot*", "one.vm.resize", "one.vm.updateconf", "one.vm.update"),
    *("one.vmpool.*", "one.vmpool.infoset", "one.*"),
)
LOCAL_METHODS = ("one.host.info", "one.vm.info", "one.host.*", "one.*")
ACTIONS = (
    *("suspend", "resume", "poweroff", "poweroff-hard", "undeploy", "undeploy-hard", "stop"),
    *("reboot", "reboot-hard", "terminate", "terminate-hard"),
)
REMOTE_ACTIONS = ("suspend", "resume", "poweroff-hard", "stop", "undeploy-hard", "terminate-hard")
RECOVERIES = ("failure", "success", "retry", "delete", "recreate")
CHANGES: Mapping[str, Callable[[LocalVm], object]] = {
    "snapshot-create": lambda vm: vm.snapshot("storm"),
    "snapshot-revert": lambda vm: vm.revert_snapshot(0),
    "snapshot-delete": lambda vm: vm.delete_snapshot(0),
    "resize": lambda vm: vm.resize(CPU="0.2" if vm.template.text("CPU") == "0.1" else "0.1"),
    "updateconf": lambda vm: vm.update_context(GREETING=vm.template.text("CPU")),
}
DISTURBANCES = (
    *("connections reset", "connections refused", "remote restart", "front-end restart"),
    *("clock jump", "clock jump back", "clock jump at the front-end"),
    *("driver killed", "IM driver killed"),
)
MOST_VMS = 8


class Storm(StormClouds, RuleBasedStateMachine):
    """Everything that can happen, as rules."""

    def __init__(self) -> None:
        super().__init__()
        self.tally["runs"] += 1

    def note(self, what: str) -> None:
        """Count what happens."""
        self.tally["steps"] += 1
        self.tally[what] += 1

    @initialize(hosts=st.lists(st.sampled_from((0, 1)), min_size=2, max_size=4))
    def begin(self, hosts: list[int]) -> None:
        for host in hosts:
            self.create(host)

    @rule(host=st.sampled_from((0, 1)))
    def create(self, host: int) -> None:
        if len(self.living()) >= MOST_VMS:
            return
        self.note("VM created")
        vm = self.frontend.add_vm(TEMPLATE | {"CONTEXT": {"GREETING": "hello"}})
        self.vms.append(vm)
        vm.deploy(self.hosts[host])

    @rule(which=st.integers(0, 99), what=st.integers(0, 99), patient=st.booleans())
    def act(self, which: int, what: int, patient: bool) -> None:
        if patient:
            self.until(lambda: bool(self.operable()), 0.5)
        with self.frontend.clock.lock:
            operable = self.operable()
            if not operable:
                self.note("no operation possible")
                return
            vm, actions = operable[which % len(operable)]
            action = actions[what % len(actions)]
            if action.startswith("terminate"):
                self.ended.add(vm.id)
            try:
                vm.act(action)
                self.note(f"operation: {action}")
            except Refusal:
                self.note("refused by oned")

    @rule(which=st.integers(0, 99), what=st.sampled_from(sorted(CHANGES)), patient=st.booleans())
    def change(self, which: int, what: str, patient: bool) -> None:
        vm = self.choose(which, patient=patient)
        if vm is None:
            return
        try:
            with self.frontend.clock.lock:
                CHANGES[what](vm)
            self.note(f"operation: {what}")
        except Refusal:
            self.note("refused by oned")

    def operable(self) -> list[tuple[LocalVm, list[str]]]:
        """Return the VMs that a user can do something with now, and what."""
        with self.frontend.clock.lock:
            states = [(vm, self.frontend.pools.find_vm(vm.id).state) for vm in self.living()]
        possible = [(vm, [a for a in ACTIONS if state in OPERATIONS[a]]) for vm, state in states]
        return [(vm, actions) for vm, actions in possible if actions]

    @rule(host=st.sampled_from((0, 1)))
    def deploy(self, host: int) -> None:
        for vm in self.vms:
            if vm.state == "PENDING":
                self.note("operation: deploy")
                vm.deploy(self.hosts[host])

    @rule(
        which=st.integers(0, 99),
        way=st.sampled_from((*RECOVERIES, "retry")),
        patient=st.booleans(),
    )
    def recover(self, which: int, way: str, patient: bool) -> None:
        vm = self.choose(which, patient=patient)
        if vm is None:
            return
        try:
            vm.recover(way)
            self.note(f"recover --{way}")
        except Refusal:
            self.note("refused by oned")
            return
        if way in ("delete", "recreate"):
            self.ended.add(vm.id)
        if way == "success":
            self.claimed.add(vm.id)

    @rule(which=st.integers(0, 99), action=st.sampled_from(REMOTE_ACTIONS))
    def act_at_the_remote(self, which: int, action: str) -> None:
        if not len(self.cloud.vms):
            return
        self.note("fault: remote user")
        vm = self.cloud.vms[which % len(self.cloud.vms)]
        with contextlib.suppress(Refusal):
            self.cloud.act(vm.id, action)
            if action == "terminate-hard":
                self.ended.add(int(vm.user_template.text("REMOTE_OPENNEBULA_VM_ID")))

    @rule(
        effect=st.sampled_from(sorted(EFFECTS)),
        method=st.sampled_from(METHODS),
        times=st.integers(1, 4),
    )
    def fail(self, effect: str, method: str, times: int) -> None:
        self.note(f"fault: {effect}")
        self.cloud.faults.on(EFFECTS[effect], method, times=times)

    @rule(
        effect=st.sampled_from(sorted(EFFECTS)),
        method=st.sampled_from(LOCAL_METHODS),
        times=st.integers(1, 3),
    )
    def fail_locally(self, effect: str, method: str, times: int) -> None:
        self.note(f"fault at the front-end: {effect}")
        self.frontend.faults.on(EFFECTS[effect], method, times=times)

    @rule(what=st.sampled_from(DISTURBANCES))
    def disturb(self, what: str) -> None:
        self.note(f"fault: {what}")
        match what:
            case "connections reset":
                self.cloud.faults.refused_connections = 3
            case "connections refused":
                self.cloud.server.refuse_connections()
                self.until(lambda: False, 0.2)
                self.cloud.restart()
            case "remote restart":
                self.cloud.restart()
            case "front-end restart":
                self.frontend.restart()
            case "clock jump":
                self.cloud.clock.jump(1800)
            case "clock jump back":
                self.cloud.clock.jump(-1800)
            case "clock jump at the front-end":
                self.frontend.clock.jump(600)
            case "driver killed":
                self.mad(self.frontend.oned.driver).kill()
            case "IM driver killed":
                self.mad(self.frontend.oned.im_driver).kill()

    @rule(seconds=st.sampled_from((0.02, 0.1, 0.3)))
    def pause(self, seconds: float) -> None:
        self.note("pause")
        self.until(lambda: False, seconds)

    def mad(self, driver: object) -> Mad:
        assert isinstance(driver, Mad)
        return driver

    def choose(self, which: int, *, patient: bool) -> LocalVm | None:
        """Return one of the VMs that live, at rest if that is to be had within half a second."""
        vms = self.living()
        if not vms:
            return None
        vm = vms[which % len(vms)]
        if patient:
            self.until(lambda: at_rest(vm), 0.5)
        return vm

    def living(self) -> list[LocalVm]:
        return [vm for vm in self.vms if vm.state != "DONE"]

    def teardown(self) -> None:
        with self.stack:
            self.calm()
