"""A local and a remote cloud where anything fails at any time, as a state machine.

The drivers are real processes. After each run everything is healed, the administrator does what he
would do (has operations failed that no driver works at any more), and then the promises must hold:
the states agree, each living local VM has one remote VM, and no remote VM is left without a local
one.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from typing import ClassVar

from burst import DRIVER, IM_DRIVER, TEMPLATE, monitored, of_the_host
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from one2one.driver.local import LocalCloud
from one2one.driver.reaper import Reaper
from one2one.driver.remotes import Remotes
from one2one.hybrid.mirror import Report, reported
from one2one.hybrid.naming import remote_id
from one2one.hybrid.ownership import NO_GRACE
from one2one.opennebula.states import VmState
from one2one.sandbox.cloud import faults
from one2one.sandbox.cloud.cloud import Cloud
from one2one.sandbox.cloud.objects import Vm as RemoteVm
from one2one.sandbox.cloud.refusal import Refusal
from one2one.sandbox.cloud.server import Delivery
from one2one.sandbox.frontend.frontend import FrontEnd
from one2one.sandbox.frontend.handles import LocalVm
from one2one.sandbox.frontend.mad import Mad
from one2one.sandbox.frontend.operations import OPERATIONS

EFFECTS: Mapping[str, Delivery] = {
    "drop before": faults.drop_before,
    "drop after": faults.drop_after,
    "reset": faults.reset,
    "duplicate": faults.duplicate,
    "truncate": faults.truncate,
    "cut XML": faults.cut_xml,
    "garbage": faults.garbage(),
    "HTTP 500": faults.http_error(),
    "HTTP 503": faults.http_error("503 Service Unavailable"),
    "delay": faults.delay(0.2),
    "delay beyond the time limit": faults.delay_answer(1.3),
}
METHODS = (
    *("one.template.instantiate", "one.template.info", "one.vm.action", "one.vm.info"),
    *("one.vmpool.*", "one.vmpool.infoset", "one.*"),
)
LOCAL_METHODS = ("one.host.info", "one.vm.info", "one.host.*", "one.*")
ACTIONS = (
    *("suspend", "resume", "poweroff", "poweroff-hard", "undeploy", "undeploy-hard", "stop"),
    *("reboot", "reboot-hard", "terminate", "terminate-hard"),
)
REMOTE_ACTIONS = ("suspend", "resume", "poweroff-hard", "stop", "undeploy-hard", "terminate-hard")
RECOVERIES = ("failure", "success", "retry", "delete", "recreate")
DISTURBANCES = (
    *("connections reset", "connections refused", "remote restart", "front-end restart"),
    *("clock jump", "clock jump back", "clock jump at the front-end"),
    *("driver killed", "IM driver killed"),
)
AT_REST = (
    "PENDING",
    "RUNNING",
    "POWEROFF",
    "SUSPENDED",
    "STOPPED",
    "UNDEPLOYED",
    "UNKNOWN",
    "DONE",
)
QUIET_S = 301
"""Seconds after which monitord asks a restarted IM driver again, and oned, which distrusts for 30
seconds what is said of a VM that it has just moved, believes it."""
MOST_VMS = 8
_MOST_LOOKS = 20


class Storm(RuleBasedStateMachine):
    """Two hosts, which share one remote account."""

    generation: ClassVar[str] = "6.10"
    tally: ClassVar[Counter[str]] = Counter()
    """How often each thing happened, over all runs."""

    def __init__(self) -> None:
        super().__init__()
        stack = self.stack = ExitStack()
        self.cloud = stack.enter_context(Cloud(self.generation, delay=0.01))
        self.frontend = stack.enter_context(
            FrontEnd(
                self.generation,
                driver=[DRIVER],
                im_driver=[IM_DRIVER],
                settings=monitored(self.generation),
            )
        )
        patience = {"ONE_TIMEOUT": "1", "ONE_SHUTDOWN_TIMEOUT": "3"}
        attributes = of_the_host(self.cloud) | patience
        self.hosts = [self.frontend.add_host(name, **attributes) for name in ("burst1", "burst2")]
        self.vms: list[LocalVm] = []
        self.ended: set[int] = set()
        """VMs whose remote VM somebody wanted to end."""
        self.claimed: set[int] = set()
        """VMs that the administrator said to have started."""
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
        vm = self.frontend.add_vm(TEMPLATE)
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

    def operable(self) -> list[tuple[LocalVm, list[str]]]:
        """Return the VMs that a user can do something with now, and what."""
        with self.frontend.clock.lock:
            states = [(vm, self.frontend.pools.vm(vm.id).state) for vm in self.living()]
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
        vm = self.chosen(which, patient=patient)
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
                self.cloud.server.deafen()
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

    def living(self) -> list[LocalVm]:
        return [vm for vm in self.vms if vm.state != "DONE"]

    def chosen(self, which: int, *, patient: bool) -> LocalVm | None:
        """Return one of the VMs that live, at rest if that is to be had within half a second."""
        vms = self.living()
        if not vms:
            return None
        vm = vms[which % len(vms)]
        if patient:
            self.until(lambda: _at_rest(vm), 0.5)
        return vm

    def teardown(self) -> None:
        """Heal everything, and see whether the promises hold."""
        with self.stack:
            self.heal()
            self.repair()
            self.agree()
            self.reap(lambda: not any(map(self.complaint, self.vms)))
            for story in map(self.complaint, self.vms):
                self.hold(not story, story)
            self.end()

    def heal(self) -> None:
        self.cloud.faults.clear()
        self.frontend.faults.clear()
        self.cloud.restart()

    def repair(self) -> None:
        """Give operations time to end, then have those failed that nobody works at."""
        if not self.until(self.are_at_rest, 6.0):
            for vm in self.vms:
                if not _at_rest(vm):
                    self.tally["operations that nobody worked at"] += 1
                    with contextlib.suppress(Refusal):
                        vm.recover("failure")
        self.must(self.are_at_rest, "operations end")

    def agree(self) -> None:
        self.frontend.clock.jump(QUIET_S)
        self.must(lambda: all(map(self.agrees, self.vms)), "states agree")

    def reap(self, satisfied: Callable[[], bool]) -> None:
        """Have the reaper look, without a grace period, some times, and no more once *satisfied*.

        In life it looks every two minutes. What the remote is at with a VM, and what a driver was
        asking for when the VM ended, has its end in between.
        """
        local = LocalCloud(self.frontend.home.environment(self.frontend.endpoint))
        with closing(local.cloud.client), closing(Remotes(local)) as remotes:
            found = [remotes.remote(host.id, host.name) for host in self.hosts]
            reapers = [
                Reaper(host.id, local, lambda _: None, grace=NO_GRACE, en_masse=True)
                for host in self.hosts
            ]
            for look in range(_MOST_LOOKS):
                self.until(lambda: False, 0.5 if look > 1 else 0)
                self.cloud.clock.settle()
                for remote, reaper in zip(found, reapers, strict=True):
                    reaper.reap(remote, remote.cloud.summaries())
                self.cloud.clock.settle()
                if look and satisfied():
                    return

    def complaint(self, vm: LocalVm) -> str:
        """Say what is wrong: a VM lives with the one remote VM that its deploy id names."""
        alive = [f"opennebula-hybrid-{remote.id}" for remote in self.alive(vm)]
        if vm.state == "DONE":
            right = alive == []
        elif vm.state == "PENDING" or vm.state.endswith("FAILURE"):
            right = len(alive) <= 1
        else:
            may_lack = vm.id in self.ended | self.claimed and len(alive) <= 1
            right = may_lack or alive == [vm.deploy_id]
        return "" if right else f"VM {vm.id} is {vm.state} as {vm.deploy_id!r} and has {alive}"

    def end(self) -> None:
        """End all VMs, by force where they resist; no remote VM may survive."""
        for vm in self.vms:
            with contextlib.suppress(Refusal):
                vm.act("terminate-hard")
        self.until(lambda: all(vm.state == "DONE" for vm in self.vms), 6.0)
        for vm in self.vms:
            vm.recover("delete")
        self.must(lambda: all(vm.state == "DONE" for vm in self.vms), "VMs end")
        self.reap(lambda: not any(map(self.alive, self.vms)))
        left = [remote.id for vm in self.vms for remote in self.alive(vm)]
        self.hold(not left, f"remote VMs {left} are left")

    def alive(self, vm: LocalVm) -> list[RemoteVm]:
        return [
            remote
            for remote in self.cloud.vms
            if remote.state.state != VmState.DONE
            and remote.user_template.text("REMOTE_OPENNEBULA_VM_ID") == str(vm.id)
        ]

    def are_at_rest(self) -> bool:
        return all(map(_at_rest, self.vms))

    def agrees(self, vm: LocalVm) -> bool:
        """Tell whether monitoring would have nothing to say of the VM."""
        if vm.state not in ("RUNNING", "UNKNOWN", "POWEROFF", "SUSPENDED"):
            return True
        try:
            remote = self.cloud.vms.get(remote_id(vm.deploy_id))
        except Exception:  # noqa: BLE001 - recovered with --success, it has none
            return True
        if remote is None:
            return True
        report = reported(remote.state)
        match vm.state:
            case "RUNNING":
                return report in (Report.RUNNING, Report.SILENCE)
            case "UNKNOWN":
                return report in (Report.FAILURE, Report.SILENCE)
            case _:
                return report is not Report.RUNNING

    def until(self, condition: Callable[[], bool], timeout: float) -> bool:
        return bool(self.frontend.pools.wait_for(condition, timeout))

    def must(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for what takes two monitoring periods at most, on a machine that is busy."""
        states = ""
        if not self.until(condition, 20.0):
            states = ", ".join(f"{vm.id} {vm.state} {vm.deploy_id}" for vm in self.vms)
        self.hold(not states, f"not within 20 s: {what} ({states})")

    def hold(self, promise: bool, story: str) -> None:
        if not promise:
            self.tally["violations"] += 1
            raise AssertionError(story)


def _at_rest(vm: LocalVm) -> bool:
    return vm.state in AT_REST or vm.state.endswith("FAILURE")
