"""What monitoring tells about a local host: its capacity, its use, foreign VMs, or an error.

Source: ``src/host/Host.cc`` of each release.
"""

import time
from collections.abc import Iterable

from one2one.opennebula.states import HostState
from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.merging import merge, remove
from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.frontend.generation import Generation
from opennebula_sandbox.frontend.im.reports import Reports
from opennebula_sandbox.frontend.oned.pools import Pools, is_on

_CAPACITY = ("FREECPU", "FREEMEMORY", "USEDCPU", "USEDMEMORY")
_UNTOUCHED = (HostState.DISABLED, HostState.OFFLINE)
_BITS = 64
"""Capacities are unsigned numbers of so many bits: what is below zero becomes huge."""


class HostReports:
    """Has hosts show what is reported of them."""

    def __init__(self, pools: Pools, generation: Generation, reports: Reports) -> None:
        self._pools = pools
        self._generation = generation
        self._reports = reports

    def system(self, host: Host, told: Template) -> None:
        """Take what a good monitoring tells of the host itself; it leaves ERROR by this."""
        host.template = merge(remove(host.template, "ERROR", "VM", "VM_POLL"), told)
        if HostState(host.state) not in _UNTOUCHED:
            self._pools.set_state(host, HostState.MONITORED)
        self._pools.update(host.id)
        share = host.share
        share.total_cpu = share.max_cpu = _whole(told.text("TOTALCPU"))
        share.total_memory = share.max_memory = _whole(told.text("TOTALMEMORY"))
        if self._generation.version < (7, 0):
            host.template = remove(host.template, "TOTALCPU", "TOTALMEMORY")
        self._set_wilds(host)

    def usage(self, host: Host, told: Template) -> None:
        """Take what the host has left and what it uses."""
        signed = not self._generation.monitord
        capacity = {
            f"{name[:4]}_{name[4:]}": str(_whole(told.text(name), signed=signed))
            for name in _CAPACITY
        }
        host.monitoring = Template([("CAPACITY", capacity), ("SYSTEM", {})])
        host.monitored_at = host.reported_at = self._pools.now()
        self._pools.clock.lock.notify_all()

    def error(self, host: Host, reason: str) -> None:
        """Put the host into ERROR, and the VMs that ran there out of sight."""
        text = f"Error monitoring Host {host.name} ({host.id}): {reason}"
        self._pools.write_log("ONE", "E", text)
        self.complain(host, text)
        for vm in tuple(self._pools.vms.values()):
            if is_on(vm, host.id):
                self._reports.lose_sight(vm)

    def complain(self, host: Host, text: str) -> None:
        """Put the host into ERROR, unless it is disabled, and say why."""
        now = time.ctime(self._pools.clock.now())
        host.template = merge(host.template, Template([("ERROR", f"{now} : {text}")]))
        if HostState(host.state) not in _UNTOUCHED:
            self._pools.set_state(host, HostState.ERROR)

    def set_zombies(self, host: Host, names: Iterable[str]) -> None:
        """Note VMs that claim to be the local cloud's, but not of this host."""
        host.template = _with_list(host.template, "ZOMBIES", names)

    def _set_wilds(self, host: Host) -> None:
        """Keep of the reported VMs those that nobody knows."""
        vms = host.template.vectors("VM")
        wild = [vm for vm in vms if vm.get("ID") == "-1" and not self.imported(vm)]
        host.template = Template(
            (name, value)
            for name, value in host.template
            if name != "VM" or any(value is vm for vm in wild)
        )
        names = (vm.get("VM_NAME") or vm.get("DEPLOY_ID", "") for vm in wild)
        host.template = _with_list(host.template, "WILDS", names)

    def imported(self, reported: Vector) -> int | None:
        """Return the id of the VM that was imported as *reported*; 7.x knows none."""
        if not self._generation.public_cloud:
            return None
        deploy_id = reported.get("DEPLOY_ID")
        for vm in self._pools.vms.values():
            if vm.template.text("IMPORTED") == "YES" and vm.deploy_id == deploy_id:
                return vm.id
        return None


def _with_list(template: Template, name: str, items: Iterable[str]) -> Template:
    found = list(items)
    template = remove(template, name, f"TOTAL_{name}")
    if found:
        template.add(f"TOTAL_{name}", str(len(found)))
        template.add(name, ", ".join(found))
    return template


def _whole(text: str, *, signed: bool = False) -> int:
    try:
        number = int(float(text))
    except (ValueError, OverflowError):
        return 0
    return number if signed else number % 2**_BITS
