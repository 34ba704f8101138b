"""What the answers of 5.x say of VMs: found, lost, zombies, and their POLL strings.

A VM that is missing, or found after it was off, must be so in two answers that follow each
other. Source: ``Host::update_info``, ``MonitorThread::do_message`` and ``process_poll`` of 5.10.
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
from opennebula_sandbox.frontend.im.reports import Reports
from opennebula_sandbox.frontend.oned.operations import UNKNOWN
from opennebula_sandbox.frontend.oned.pools import Pools

_STATES = {"a": "RUNNING", "p": "SUSPENDED", "e": "FAILURE", "d": "POWEROFF"}
_NEVER_POLLED_SECONDS = 300


@dataclass
class _Before:
    """What the answer before the present one said of a host's VMs."""

    lost: set[int] = field(default_factory=set)
    zombies: set[int] = field(default_factory=set)
    found_off: set[int] = field(default_factory=set)


class Polls:
    """Has VMs follow the answers."""

    def __init__(self, pools: Pools, reports: Reports, ask: Callable[[Vm], None]) -> None:
        """Call *ask* for a VM about which the VMM driver is to be asked."""
        self._pools = pools
        self._reports = reports
        self._ask = ask
        self._before: dict[int, _Before] = {}

    def take(
        self, host: Host, vms: Iterable[Vector], imported: Callable[[Vector], int | None]
    ) -> list[str]:
        """Take what an answer says of VMs; return the names of zombies, told of twice."""
        before = self._before.get(host.id, _Before())
        lost = set(self._pools.host(host.id).vms)
        now, found, zombies = _Before(), dict[int, str](), list[str]()
        for told in vms:
            vm_id = _vm_id(told, imported)
            if vm_id in found:
                found[vm_id] += " " + told.get("POLL", "")
            elif vm_id in lost:
                found[vm_id] = told.get("POLL", "")
                lost.discard(vm_id)
            elif vm_id is not None:
                now.zombies.add(vm_id)
                if vm_id in before.zombies:
                    zombies.append(told.get("VM_NAME") or told.get("DEPLOY_ID", ""))
        now.lost = lost | {vm_id for vm_id, poll in found.items() if not _tells_state(poll)}
        for vm_id in now.lost & before.lost:
            self._lose(self._pools.vms[vm_id])
        for vm_id in found.keys() - now.lost:
            vm = self._pools.vms[vm_id]
            if vm.state.state == VmState.POWEROFF and vm_id not in before.found_off:
                now.found_off.add(vm_id)
            else:
                self.poll(vm, found[vm_id])
        self._before[host.id] = now
        return zombies

    def poll(self, vm: Vm, text: str) -> None:
        """Take the POLL string of a VM."""
        try:
            told = parse(text)
        except Refusal as refusal:
            words = f"Ignoring monitoring information, error:{refusal.text}"
            self._pools.write_log("VMM", "E", f"{words}. Monitor information was: {text}")
            return
        if vm.state.state == VmState.ACTIVE:
            vm.monitoring = merge(vm.monitoring, remove(told, "STATE"))
            vm.last_poll = self._pools.now()
        self._reports.report(vm, _STATES.get(told.text("STATE")[:1], ""))

    def answered(self, vm: Vm, info: str, *, success: bool) -> None:
        """Take the VMM driver's answer to POLL."""
        if success:
            self.poll(vm, info)
        else:
            self._pools.write_log("VMM", "E", f"Error monitoring VM: {info}", vm)
            self._reports.lose_sight(vm)

    def _lose(self, vm: Vm) -> None:
        runs = self._pools.now() - vm.history[-1].rstime
        if vm.last_poll and vm.state != UNKNOWN:
            self._reports.miss(vm, "POWEROFF")
        elif not vm.last_poll and vm.state == RUNNING and runs > _NEVER_POLLED_SECONDS:
            self._ask(vm)


def _vm_id(told: Vector, imported: Callable[[Vector], int | None]) -> int | None:
    """Return the id of the VM that is told of, None for a foreign one."""
    try:
        vm_id = int(told.get("ID", ""))
    except ValueError:
        return None
    return imported(told) if vm_id == -1 else vm_id


def _tells_state(poll: str) -> bool:
    return bool(re.search("STATE=.", poll))
