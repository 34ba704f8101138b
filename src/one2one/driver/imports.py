"""Which VMs of a remote account can be imported.

oned up to 6.10 knows imported VMs by their deploy ids alone, on all hosts. VMs of two remotes that
have the same id there have the same deploy id. So oned refuses to import the second, and up to 5.10
shows it as a zombie; measured on 6.10.0. Source: ``VirtualMachinePool::insert_index``,
``Host::update_wilds``. From 7.0 oned imports no VMs.
"""

from collections.abc import Collection, Iterable

from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remote
from one2one.hybrid.naming import parse_remote_name
from one2one.hybrid.wild import WildVm, find_wild
from one2one.opennebula.errors import NotFound
from one2one.opennebula.pools import VISIBLE
from one2one.opennebula.records import VmSummary


class Imports:
    """The imported VMs of the other hosts, as one host has to know them. For one thread."""

    def __init__(self, host_id: int, local: LocalCloud) -> None:
        self._host_id = host_id
        self._local = local
        self._imported: dict[int, bool] = {}
        """By local VM: what oned writes when it is created, and never changes."""

    def find_importable(
        self, remote: Remote, rows: Iterable[VmSummary], known: Collection[int], host_name: str
    ) -> list[WildVm]:
        """Return those of *rows*, all VMs of the account, that can be imported from the host.

        *known* are the remote VMs of the host's local VMs. Raises the errors of a call.
        """
        version = self._local.get_version()
        strangers = [
            row.id
            for row in rows
            if version < (7,) and row.id not in known and parse_remote_name(row.name) is None
        ]
        vms = remote.cloud.list_whole_vms_by_id(strangers)
        wild = find_wild(vms, known, host_name, version)
        taken = self.find_taken({vm.deploy_id for vm in wild})
        return [vm for vm in wild if vm.deploy_id not in taken]

    def find_taken(self, deploy_ids: Collection[str]) -> dict[str, VmSummary]:
        """Return the VMs of other hosts that were imported with one of these deploy ids.

        Raises the errors of a call. Nothing is read where there are none to ask for.
        """
        if not deploy_ids:
            return {}
        rows = [
            row
            for row in self._local.cloud.list_summaries(VISIBLE)
            if row.deploy_id in deploy_ids and row.host_id != self._host_id
        ]
        known = self._imported
        self._imported = {
            row.id: known[row.id] if row.id in known else self._is_imported(row.id) for row in rows
        }
        return {row.deploy_id: row for row in rows if self._imported[row.id]}

    def _is_imported(self, vm_id: int) -> bool:
        try:
            return self._local.get_vm(vm_id).template.text("IMPORTED") == "YES"
        except NotFound:
            return False
