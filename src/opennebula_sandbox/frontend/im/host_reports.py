"""Takes reports about a local host: its capacity, its usage, foreign VMs, or an error.

Source: ``src/host/Host.cc`` of each release.
"""

import time
from collections.abc import Iterable

from one2one.opennebula.states import HostState
from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.merging import merge, remove
from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.frontend.im.vm_reports import VmReports
from opennebula_sandbox.frontend.oned.pools import Pools, is_on
from opennebula_sandbox.frontend.release import Release

_CAPACITY = ("FREECPU", "FREEMEMORY", "USEDCPU", "USEDMEMORY")
_UNTOUCHED = (HostState.DISABLED, HostState.OFFLINE)
_BITS = 64
"""Capacities are unsigned numbers with these bits: numbers below zero become huge."""


class HostReports:
    """Updates hosts from reports."""

    def __init__(self, pools: Pools, release: Release, reports: VmReports) -> None:
        self._pools = pools
        self._release = release
        self._reports = reports

    def take_system(self, host: Host, report: Template) -> None:
        """Take the attributes of the host from a report without error; the host leaves ERROR."""
        host.template = merge(remove(host.template, "ERROR", "VM", "VM_POLL"), report)
        if HostState(host.state) not in _UNTOUCHED:
            self._pools.set_state(host, HostState.MONITORED)
        self._pools.note_update(host.id)
        share = host.share
        share.total_cpu = share.max_cpu = _read_whole_number(report.text("TOTALCPU"))
        share.total_memory = share.max_memory = _read_whole_number(report.text("TOTALMEMORY"))
        if self._release.version < (7, 0):
            host.template = remove(host.template, "TOTALCPU", "TOTALMEMORY")
        self._set_wilds(host)

    def take_usage(self, host: Host, report: Template) -> None:
        """Take the free and the used capacity of the host."""
        signed = not self._release.monitord
        capacity = {
            f"{name[:4]}_{name[4:]}": str(_read_whole_number(report.text(name), signed=signed))
            for name in _CAPACITY
        }
        host.monitoring = Template([("CAPACITY", capacity), ("SYSTEM", {})])
        host.monitored_at = host.reported_at = self._pools.now()
        self._pools.clock.lock.notify_all()

    def set_error(self, host: Host, reason: str) -> None:
        """Put the host into ERROR, and its running VMs into UNKNOWN."""
        text = f"Error monitoring Host {host.name} ({host.id}): {reason}"
        self._pools.write_log("ONE", "E", text)
        self.complain(host, text)
        for vm in tuple(self._pools.vms.values()):
            if is_on(vm, host.id):
                self._reports.lose_sight(vm)

    def complain(self, host: Host, text: str) -> None:
        """Put the host into ERROR, unless it is disabled, and log *text*."""
        now = time.ctime(self._pools.clock.now())
        host.template = merge(host.template, Template([("ERROR", f"{now} : {text}")]))
        if HostState(host.state) not in _UNTOUCHED:
            self._pools.set_state(host, HostState.ERROR)

    def set_zombies(self, host: Host, names: Iterable[str]) -> None:
        """Store the names of VMs that look like VMs of the local cloud, but not of this host."""
        host.template = _replace_list(host.template, "ZOMBIES", names)

    def _set_wilds(self, host: Host) -> None:
        """Keep only the reported VMs that the local cloud does not know."""
        vms = host.template.vectors("VM")
        wild = [vm for vm in vms if vm.get("ID") == "-1" and self.find_imported(vm) is None]
        host.template = Template(
            (name, value)
            for name, value in host.template
            if name != "VM" or any(value is vm for vm in wild)
        )
        names = (vm.get("VM_NAME") or vm.get("DEPLOY_ID", "") for vm in wild)
        host.template = _replace_list(host.template, "WILDS", names)

    def find_imported(self, reported: Vector) -> int | None:
        """Return the id of the VM that was imported as *reported*; 7.x finds none."""
        if not self._release.public_cloud:
            return None
        vm = self._pools.find_imported(reported.get("DEPLOY_ID", ""))
        return vm.id if vm else None


def _replace_list(template: Template, name: str, items: Iterable[str]) -> Template:
    names = list(items)
    template = remove(template, name, f"TOTAL_{name}")
    if names:
        template.add(f"TOTAL_{name}", str(len(names)))
        template.add(name, ", ".join(names))
    return template


def _read_whole_number(text: str, *, signed: bool = False) -> int:
    try:
        number = int(float(text))
    except (ValueError, OverflowError):
        return 0
    return number if signed else number % 2**_BITS
