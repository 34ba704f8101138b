"""Takes the VMs in the answers of 5.x: found, lost and zombie VMs, and POLL strings.

oned moves a VM that is missing, or found again, only after two such answers in sequence.
Source: ``Host::update_info``, ``MonitorThread::do_message`` and ``process_poll`` of 5.10.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from one2one.opennebula.states import RUNNING, VmState
from one2one.opennebula.template import Vector
from opennebula_sandbox.cloud.merging import merge, remove
from opennebula_sandbox.cloud.objects import Host, Vm
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.cloud.wire.grammar import parse
from opennebula_sandbox.frontend.im.vm_reports import VmReports
from opennebula_sandbox.frontend.oned.operations import UNKNOWN
from opennebula_sandbox.frontend.oned.pools import Pools

_STATES = {"a": "RUNNING", "p": "SUSPENDED", "e": "FAILURE", "d": "POWEROFF"}
_NEVER_POLLED_SECONDS = 300


@dataclass
class _LastAnswer:
    """The VMs of a host in the last answer."""

    lost: set[int] = field(default_factory=set)
    zombies: set[int] = field(default_factory=set)
    found_off: set[int] = field(default_factory=set)


class VmPolls:
    """Updates VMs from the answers."""

    def __init__(self, pools: Pools, reports: VmReports, ask: Callable[[Vm], None]) -> None:
        """Call *ask* for a VM about which oned asks the VMM driver."""
        self._pools = pools
        self._reports = reports
        self._ask = ask
        self._before: dict[int, _LastAnswer] = {}

    def take(
        self, host: Host, vms: Iterable[Vector], find_imported: Callable[[Vector], int | None]
    ) -> list[str]:
        """Take the VMs of an answer; return the names of zombies in two answers."""
        before = self._before.get(host.id, _LastAnswer())
        lost = set(self._pools.find_host(host.id).vms)
        now, polls, zombies = _LastAnswer(), dict[int, str](), list[str]()
        for reported_vm in vms:
            vm_id = _find_vm_id(reported_vm, find_imported)
            if vm_id in polls:
                polls[vm_id] += " " + reported_vm.get("POLL", "")
            elif vm_id in lost:
                polls[vm_id] = reported_vm.get("POLL", "")
                lost.discard(vm_id)
            elif vm_id is not None:
                now.zombies.add(vm_id)
                if vm_id in before.zombies:
                    zombies.append(reported_vm.get("VM_NAME") or reported_vm.get("DEPLOY_ID", ""))
        now.lost = lost | {vm_id for vm_id, poll in polls.items() if not _tells_state(poll)}
        for vm_id in now.lost & before.lost:
            self._lose(self._pools.vms[vm_id])
        for vm_id in polls.keys() - now.lost:
            vm = self._pools.vms[vm_id]
            if vm.state.state == VmState.POWEROFF and vm_id not in before.found_off:
                now.found_off.add(vm_id)
            else:
                self.take_poll(vm, polls[vm_id])
        self._before[host.id] = now
        return zombies

    def take_poll(self, vm: Vm, text: str) -> None:
        """Take the POLL string of a VM."""
        try:
            values = parse(text)
        except Refusal as refusal:
            words = f"Ignoring monitoring information, error:{refusal.text}"
            self._pools.write_log("VMM", "E", f"{words}. Monitor information was: {text}")
            return
        if vm.state.state == VmState.ACTIVE:
            vm.monitoring = merge(vm.monitoring, remove(values, "STATE"))
            vm.last_poll = self._pools.now()
        self._reports.take_report(vm, _STATES.get(values.text("STATE")[:1], ""))

    def take_answer(self, vm: Vm, info: str, *, success: bool) -> None:
        """Take the VMM driver's answer to POLL."""
        if success:
            self.take_poll(vm, info)
        else:
            self._pools.write_log("VMM", "E", f"Error monitoring VM: {info}", vm)
            self._reports.lose_sight(vm)

    def _lose(self, vm: Vm) -> None:
        runs = self._pools.now() - vm.history[-1].rstime
        if vm.last_poll and vm.state != UNKNOWN:
            self._reports.take_absence(vm, "POWEROFF")
        elif not vm.last_poll and vm.state == RUNNING and runs > _NEVER_POLLED_SECONDS:
            self._ask(vm)


def _find_vm_id(reported_vm: Vector, find_imported: Callable[[Vector], int | None]) -> int | None:
    """Return the id of a VM in an answer; None for a foreign VM."""
    try:
        vm_id = int(reported_vm.get("ID", ""))
    except ValueError:
        return None
    return find_imported(reported_vm) if vm_id == -1 else vm_id


def _tells_state(poll: str) -> bool:
    return bool(re.search("STATE=.", poll))
