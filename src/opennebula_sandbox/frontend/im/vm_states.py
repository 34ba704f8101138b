"""Takes STATE_VM messages: the listed VMs, and the VMs that are missing.

Source: ``InformationManager::_vm_state`` of each release since 5.12.
"""

from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.frontend.im.host_reports import HostReports
from opennebula_sandbox.frontend.im.vm_reports import VmReports
from opennebula_sandbox.frontend.oned.pools import Pools
from opennebula_sandbox.frontend.release import Release


class VmStates:
    """Updates VMs from STATE_VM messages."""

    def __init__(
        self, pools: Pools, release: Release, hosts: HostReports, reports: VmReports
    ) -> None:
        self._pools = pools
        self._release = release
        self._hosts = hosts
        self._reports = reports

    def take(self, host: Host, report: Template) -> None:
        """Take a message about the VMs of *host*."""
        taken = [self._take_vm(host, vm) for vm in report.vectors("VM")]
        listed = {vm_id for vm_id in taken if vm_id is not None}
        sync, missing = report.text("SYNC_STATE"), report.text("MISSING_STATE")
        if sync.upper() != "YES" or not missing:
            return
        here = self._pools.find_host(host.id).vms
        self._hosts.set_zombies(host, map(str, sorted(listed - here)))
        for vm_id in sorted(here - listed):
            self._reports.take_absence(self._pools.vms[vm_id], missing)

    def _take_vm(self, host: Host, reported_vm: Vector) -> int | None:
        """Take a record; return the id of its VM, None for a foreign VM.

        Since 7.0 oned does not search by deploy id: it logs a record with an id below zero,
        and counts it as a zombie.
        """
        vm_id = _read_number(reported_vm.get("ID", ""))
        if vm_id < 0 and self._release.public_cloud:
            imported = self._hosts.find_imported(reported_vm)
            if imported is None:
                return None
            vm_id = imported
        vm = self._pools.vms.get(vm_id)
        state, deploy_id = reported_vm.get("STATE", ""), reported_vm.get("DEPLOY_ID", "")
        if vm is None:
            self._pools.write_log("InM", "W", f"Unable to find VM, id: {vm_id}")
        elif vm.history and vm.history[-1].host_id == host.id:
            if state == "RUNNING" or self._release.version < (7, 0):
                vm.deploy_id = deploy_id
            self._reports.take_report(vm, state)
        return vm_id


def _read_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return -1
