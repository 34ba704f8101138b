"""A STATE_VM message: what is reported of VMs, and of those that it does not list.

Source: ``InformationManager::_vm_state`` of each release since 5.12.
"""

from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.frontend.generation import Generation
from opennebula_sandbox.frontend.im.host_reports import HostReports
from opennebula_sandbox.frontend.im.reports import Reports
from opennebula_sandbox.frontend.oned.pools import Pools


class VmStates:
    """Has VMs follow STATE_VM messages."""

    def __init__(
        self, pools: Pools, generation: Generation, hosts: HostReports, reports: Reports
    ) -> None:
        self._pools = pools
        self._generation = generation
        self._hosts = hosts
        self._reports = reports

    def take(self, host: Host, told: Template) -> None:
        """Take a message about the VMs of *host*."""
        taken = [self._take_vm(host, vm) for vm in told.vectors("VM")]
        listed = {vm_id for vm_id in taken if vm_id is not None}
        sync, missing = told.text("SYNC_STATE"), told.text("MISSING_STATE")
        if sync.upper() != "YES" or not missing:
            return
        here = self._pools.host(host.id).vms
        self._hosts.set_zombies(host, map(str, sorted(listed - here)))
        for vm_id in sorted(here - listed):
            self._reports.miss(self._pools.vms[vm_id], missing)

    def _take_vm(self, host: Host, told: Vector) -> int | None:
        """Take a record; return the id that it concerns, None where it concerns nobody.

        Since 7.0 nobody is looked up by the deploy id: an id below zero is one that no VM has,
        complained of and counted among the zombies.
        """
        vm_id = _number(told.get("ID", ""))
        if vm_id < 0 and self._generation.public_cloud:
            imported = self._hosts.imported(told)
            if imported is None:
                return None
            vm_id = imported
        vm = self._pools.vms.get(vm_id)
        state, deploy_id = told.get("STATE", ""), told.get("DEPLOY_ID", "")
        if vm is None:
            self._pools.write_log("InM", "W", f"Unable to find VM, id: {vm_id}")
        elif vm.history and vm.history[-1].host_id == host.id:
            if state == "RUNNING" or self._generation.version < (7, 0):
                vm.deploy_id = deploy_id
            self._reports.report(vm, state)
        return vm_id


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return -1
