"""The two clouds of a storm, and what must hold when it is over.

The administrator does what he would do (has operations failed that no driver works at any more),
and then the promises must hold: the states agree, each living local VM has one remote VM, and no
remote VM is left without a local one.
"""

import contextlib
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import ClassVar

from one2one.driver.local import LocalCloud
from one2one.driver.reaper import Reaper
from one2one.driver.remotes import Remotes
from one2one.hybrid.mirror import Report, map_state
from one2one.hybrid.naming import parse_deploy_id
from one2one.hybrid.orphans import NO_GRACE
from one2one.opennebula.states import VmState
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.objects import Vm as RemoteVm
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import DRIVER, IM_DRIVER, monitoring_settings, of_the_host

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
_MOST_LOOKS = 20


class StormClouds:
    """Two hosts, which share one remote account."""

    generation: ClassVar[str] = "6.10"
    tally: ClassVar[Counter[str]] = Counter()
    """How often each thing happened, over all runs."""

    def __init__(self) -> None:
        super().__init__()
        stack = self.stack = ExitStack()
        self.cloud = stack.enter_context(SimulatedCloud(self.generation, delay=0.01))
        self.frontend = stack.enter_context(
            FrontEnd(
                self.generation,
                driver=[DRIVER],
                im_driver=[IM_DRIVER],
                settings=monitoring_settings(self.generation),
            )
        )
        patience = {"ONE_TIMEOUT": "1", "ONE_SHUTDOWN_TIMEOUT": "3"}
        passed = {"ONE_PASS_THROUGH": "SNAPSHOT, RESIZE, UPDATECONF"}
        attributes = of_the_host(self.cloud) | patience | passed
        self.cloud.machine.live_resize = True
        self.hosts = [self.frontend.add_host(name, **attributes) for name in ("burst1", "burst2")]
        self.vms: list[LocalVm] = []
        self.ended: set[int] = set()
        """VMs whose remote VM a user or oned wanted to end."""
        self.claimed: set[int] = set()
        """VMs that the administrator said to have started."""

    def calm(self) -> None:
        """Heal everything, and see whether the promises hold."""
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
        """Give operations time to end, then let those fail that no driver works at."""
        if not self.until(self.are_at_rest, 6.0):
            for vm in self.vms:
                if not at_rest(vm):
                    self.tally["operations without a driver"] += 1
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
            found = [remotes.open_for_host(host.id, host.name) for host in self.hosts]
            reapers = [
                Reaper(host.id, local, lambda _: None, grace=NO_GRACE, allow_many=True)
                for host in self.hosts
            ]
            for look in range(_MOST_LOOKS):
                self.until(lambda: False, 0.5 if look > 1 else 0)
                self.cloud.clock.settle()
                for remote, reaper in zip(found, reapers, strict=True):
                    reaper.reap(remote, remote.cloud.list_summaries())
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
        return all(map(at_rest, self.vms))

    def agrees(self, vm: LocalVm) -> bool:
        """Tell whether monitoring would have nothing to say of the VM."""
        if vm.state not in ("RUNNING", "UNKNOWN", "POWEROFF", "SUSPENDED"):
            return True
        try:
            remote = self.cloud.vms.get(parse_deploy_id(vm.deploy_id))
        except Exception:  # noqa: BLE001 - recovered with --success, it has none
            return True
        if remote is None:
            return True
        report = map_state(remote.state)
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


def at_rest(vm: LocalVm) -> bool:
    return vm.state in AT_REST or vm.state.endswith("FAILURE")
