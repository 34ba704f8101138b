"""After the storm: all is healed, the administrator does his part, and the promises come true."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import closing

from one2one.driver.local import LocalCloud
from one2one.driver.reaper import Reaper
from one2one.driver.remotes import Remotes
from one2one.hybrid.mirror import Report, map_state
from one2one.hybrid.naming import format_deploy_id, parse_deploy_id
from one2one.hybrid.orphans import NO_GRACE
from one2one.opennebula.errors import Refused
from one2one.opennebula.states import RUNNING, HostState, VmState
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.refusal import Refusal
from tests.simulation.attachments import NUMBERS, list_left_over, list_numbers
from tests.simulation.devices import attach_to
from tests.simulation.invariants import (
    AGREED,
    ANSWERED,
    DETACHED,
    NONE_LEFT,
    ON,
    PAIRED,
    TOLD,
    UNTOUCHED,
    Invariant,
    Violation,
)
from tests.simulation.memory import marks_of
from tests.simulation.process import Process
from tests.simulation.remote_site import RemoteSite
from tests.simulation.side import Side
from tests.simulation.states import AT_REST, ENDING
from tests.simulation.world import World

_LONGEST_OPERATION_S = 900.0
_LONGEST_AGREEMENT_S = 900.0
_LONGEST_OUTAGE_S = 300.0
_LONGEST_RETURN_S = 240.0
_LOOKS = 3


class Calm:
    """Heals a world and checks it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._patience = _LONGEST_AGREEMENT_S
        """Seconds until both sides agree. oned believes no report while a clock was ahead."""

    def check(self) -> None:
        """Raise Violation where a promise does not come true."""
        self._heal()
        self._repair()
        self._must(AGREED, self._all_agree, self._patience)
        self._must(ON, self._hosts_in_error, self._patience)
        self._must(ANSWERED, self._list_unanswered, _LONGEST_OPERATION_S)
        self._reap_until(lambda: not any(self._list_unpaired()))
        self._must(PAIRED, self._list_unpaired, 0)
        if self._world.setting.devices:
            self._check_devices()
        self._take_remotes_down()
        self._end()
        self._must(NONE_LEFT, self._list_left, 0)
        self._must(UNTOUCHED, self._list_touched, 0)

    def _heal(self) -> None:
        world = self._world
        world.network.cut.clear()
        world.network.unknown.clear()
        world.network.is_lossy = False
        for remote in world.remotes:
            remote.cloud.faults.clear()
            remote.up()
            remote.clock.set_right()
            for vm in remote.cloud.vms:
                with contextlib.suppress(Refusal):
                    remote.cloud.call("one.vm.update", vm.id, 'SANDBOX_FAILS=""', 1)
        for side in world.sides:
            side.site.faults.clear()
            side.site.up()
            ahead = side.site.clock.set_right()
            self._patience = max(self._patience, _LONGEST_AGREEMENT_S + ahead)
            for host in side.site.oned.pools.hosts.values():
                side.site.oned.monitor(host)  # monitord does not ask if its clock was ahead
        for remote in world.remotes:
            world.tell_hosts_password(remote)

    def _repair(self) -> None:
        """Give operations time to end, then have those failed that no driver works at."""
        world = self._world
        if world.run_until(self._are_at_rest, _LONGEST_OPERATION_S):
            return
        for side, vm in self._vms():
            if not _is_at_rest(vm):
                world.note(f"{side.site.name} admin: recover --failure VM {vm.id} in {vm.state}")
                with contextlib.suppress(Refusal):
                    side.site.vm(vm.id).recover("failure")

    def _check_devices(self) -> None:
        """See that one more attachment takes away what earlier ones have left."""
        for kind in NUMBERS:
            running = [(side, vm) for side, vm in self._vms() if vm.state == RUNNING]
            before = [(side, vm, list_numbers(vm, kind)) for side, vm in running]
            for side, vm in running:
                with contextlib.suppress(Refusal):
                    attach_to(self._world, side, vm, kind)
            self._must(ANSWERED, self._list_unanswered, _LONGEST_OPERATION_S)
            for side, vm, numbers in before:
                now, remote = side.site.oned.pools.vms[vm.id], self._remote_of(side, vm)
                if remote is None or not list_numbers(now, kind) > numbers:
                    continue
                if left := list_left_over(now, remote, kind):
                    story = f"{side.site.name} VM {vm.id} has no {kind} of {', '.join(left)}"
                    raise Violation(DETACHED, story)

    def _take_remotes_down(self) -> None:
        """See that an outage is told, and its end."""
        for remote in self._world.remotes:
            remote.down()
        self._must(TOLD, self._hosts_not_in_error, _LONGEST_OUTAGE_S)
        for remote in self._world.remotes:
            remote.up()
        self._must(TOLD, self._hosts_in_error, _LONGEST_RETURN_S)
        self._must(AGREED, self._all_agree, self._patience)

    def _end(self) -> None:
        """End all VMs, by force where they resist."""
        world = self._world
        for side, vm in self._vms():
            side.ended.add((vm.id, vm.stime))
            with contextlib.suppress(Refusal):
                side.site.vm(vm.id).act("terminate-hard")
        if not world.run_until(self._are_all_done, 60.0):
            for side, vm in self._vms():
                with contextlib.suppress(Refusal):
                    side.site.vm(vm.id).recover("delete")
            world.run_until(self._are_all_done, 60.0)
        self._reap_until(lambda: not any(self._list_left()))

    def _reap_until(self, satisfied: Callable[[], bool]) -> None:
        """Have the reaper look as ``one2one reap`` does, some times, and no more than needed."""
        world = self._world
        for look in range(_LOOKS):
            for side in world.sides:
                self._reap(side)
            world.run_for(60.0 + 8 * world.setting.delay)
            if look and satisfied():
                return

    def _reap(self, side: Side) -> None:
        world, site = self._world, side.site
        process = Process(
            world.scheduler, world.network, site.name, "reap", site.clock.now, site.environment
        )
        ended: list[bool] = []

        def reap() -> None:
            local = LocalCloud()
            with closing(local.cloud.client), closing(Remotes(local)) as remotes:
                for host in site.oned.pools.hosts.values():
                    remote = remotes.open_for_host(host.id, host.name)
                    reaper = Reaper(host.id, local, world.note, grace=NO_GRACE, allow_many=True)
                    reaper.reap(remote, remote.cloud.list_summaries())
            ended.append(True)

        process.start("main", reap)
        world.run_until(lambda: bool(ended), 120.0)

    def _must(
        self, invariant: Invariant, complaints: Callable[[], Iterator[str]], limit: float
    ) -> None:
        if not self._world.run_until(lambda: not any(complaints()), limit):
            raise Violation(invariant, "; ".join(complaints()))
        if complaint := next(complaints(), None):
            raise Violation(invariant, complaint)

    # complaints

    def _all_agree(self) -> Iterator[str]:
        for side, vm in self._vms():
            if not _is_at_rest(vm):
                yield f"{side.site.name} VM {vm.id} is {vm.state}"
            elif complaint := self._disagreement(side, vm):
                yield complaint

    def _disagreement(self, side: Side, vm: Vm) -> str:
        state = str(vm.state)
        if state not in ("RUNNING", "UNKNOWN", "POWEROFF", "SUSPENDED"):
            return ""
        remote = self._remote_of(side, vm)
        if remote is None or not _is_of(remote, side, vm):
            return ""
        report = map_state(remote.state)
        right = {
            "RUNNING": (Report.RUNNING, Report.SILENCE),
            "UNKNOWN": (Report.FAILURE, Report.SILENCE),
        }.get(state)
        if report in right if right else report is not Report.RUNNING:
            return ""
        return f"{side.site.name} VM {vm.id} is {state}, and its remote VM {remote.state}"

    def _hosts_in_error(self) -> Iterator[str]:
        for side in self._world.sides:
            for host in side.site.oned.pools.hosts.values():
                if host.state not in (HostState.MONITORED, HostState.MONITORING_MONITORED):
                    yield f"host {host.name} of {side.site.name} is {HostState(host.state).name}"

    def _hosts_not_in_error(self) -> Iterator[str]:
        for side in self._world.sides:
            for host in side.site.oned.pools.hosts.values():
                if host.state not in (HostState.ERROR, HostState.MONITORING_ERROR):
                    yield f"host {host.name} of {side.site.name} is {HostState(host.state).name}"

    def _list_unanswered(self) -> Iterator[str]:
        for side in self._world.sides:
            for vm_id, asked in self._world.answers.list_unanswered(side.site.vmm.process):
                yield f"{side.site.name}: {asked.action} of VM {vm_id} was not answered"

    def _list_unpaired(self) -> Iterator[str]:
        """Yield each VM that does not live with the one remote VM that its deploy id names."""
        for side in self._world.sides:
            for vm in side.site.vms:
                alive = [format_deploy_id(remote.id) for remote in self._alive(side, vm)]
                if vm.state.state == VmState.DONE:
                    right = alive == []
                elif str(vm.state).endswith("FAILURE"):
                    right = True  # the administrator decides
                elif str(vm.state) == "PENDING":
                    right = len(alive) <= 1
                else:
                    lost = (vm.id, vm.stime) in side.ended or self._is_ended_there(side, vm)
                    right = (lost and len(alive) <= 1) or alive == [vm.deploy_id]
                if not right:
                    yield (
                        f"{side.site.name} VM {vm.id} is {vm.state} as {vm.deploy_id!r} and has "
                        f"{alive}"
                    )

    def _list_left(self) -> Iterator[str]:
        ours = {hybrid_id for side in self._world.sides for hybrid_id in side.hybrid_ids.values()}
        for remote in self._world.remotes:
            for vm in remote.cloud.vms:
                marks = marks_of(vm)
                if marks and marks.hybrid_id in ours and str(vm.state) not in ENDING:
                    yield f"{remote.name} VM {vm.id} of {marks} is left, {vm.state}"

    def _list_touched(self) -> Iterator[str]:
        for (name, vm_id), state in self._world.strangers.items():
            remote = next(one for one in self._world.remotes if one.name == name)
            if str(remote.cloud.vms[vm_id].state) != state:
                yield f"{name} VM {vm_id} of another is {remote.cloud.vms[vm_id].state}"

    # looking

    def _vms(self) -> Iterator[tuple[Side, Vm]]:
        for side in self._world.sides:
            for vm in side.site.vms:
                if vm.state.state != VmState.DONE:
                    yield side, vm

    def _are_at_rest(self) -> bool:
        return all(_is_at_rest(vm) for _, vm in self._vms())

    def _are_all_done(self) -> bool:
        return not any(self._vms())

    def _remote_site(self, side: Side, vm: Vm) -> RemoteSite | None:
        return side.remotes.get(vm.history[-1].host_id) if vm.history else None

    def _remote_of(self, side: Side, vm: Vm) -> Vm | None:
        site = self._remote_site(side, vm)
        try:
            return site.cloud.vms.get(parse_deploy_id(vm.deploy_id)) if site else None
        except Refused:
            return None

    def _is_ended_there(self, side: Side, vm: Vm) -> bool:
        """Tell whether the remote's own user ended the VM."""
        remote = self._remote_of(side, vm)
        return remote is not None and remote.state.state == VmState.DONE

    def _alive(self, side: Side, vm: Vm) -> list[Vm]:
        """Return the remote VMs that carry the marks of a local VM and live."""
        return [
            remote
            for site in self._world.remotes
            for remote in site.cloud.vms
            if _is_of(remote, side, vm) and str(remote.state) not in ENDING
        ]


def _is_of(remote: Vm, side: Side, vm: Vm) -> bool:
    """Tell whether a remote VM carries a local VM's marks.

    Those of the front-end count too: that of another may have a VM with the same id and STIME.
    """
    marks = marks_of(remote)
    return (
        marks is not None
        and marks.hybrid_id in side.hybrid_ids.values()
        and (marks.vm_id, marks.stime) == (vm.id, vm.stime)
    )


def _is_at_rest(vm: Vm) -> bool:
    return str(vm.state) in AT_REST or str(vm.state).endswith("FAILURE")
