"""Changes a VM that runs: its disks, NICs, snapshots, capacity and context.

Callers hold ``pools.clock.lock``. Every method raises Refusal where oned refuses.
"""

from one2one.opennebula.states import RUNNING
from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.merging import merge, remove
from opennebula_sandbox.cloud.objects import Host, Vm
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal
from opennebula_sandbox.cloud.vm.devices import next_id
from opennebula_sandbox.frontend.oned.device_flags import flag_device
from opennebula_sandbox.frontend.oned.dispatch import wrong_state_error
from opennebula_sandbox.frontend.oned.lifecycle import LifeCycle, make_next_record
from opennebula_sandbox.frontend.oned.operations import DELETION_WHILE_OFF, HOTPLUG, POWEROFF
from opennebula_sandbox.frontend.oned.pools import Pools
from opennebula_sandbox.frontend.oned.vm_builder import VmBuilder
from opennebula_sandbox.frontend.release import Release
from opennebula_sandbox.frontend.vmm.message import PUBLIC_CLOUD_DATASTORE


class Hotplug:
    """Does the changes that users ask for."""

    def __init__(
        self, pools: Pools, release: Release, lifecycle: LifeCycle, vm_builder: VmBuilder
    ) -> None:
        self._pools = pools
        self._release = release
        self._lifecycle = lifecycle
        self._vm_builder = vm_builder

    def attach_disk(self, vm: Vm, wanted: Vector) -> None:
        """Attach a new disk."""
        self._require_running(vm, "attach")
        self._vm_builder.add_disk(vm, wanted)
        self._lifecycle.do(vm, HOTPLUG["ATTACHDISK"])

    def attach_nic(self, vm: Vm, wanted: Vector) -> None:
        """Attach a new NIC."""
        self._require_running(vm, "attachnic")
        self._vm_builder.add_nic(vm, wanted)
        self._lifecycle.do(vm, HOTPLUG["ATTACHNIC"])

    def change_device(self, vm: Vm, action: str, name: str, number: int, flags: Vector) -> None:
        """Do *action* on the disk, NIC or snapshot *number*; it has *flags* until the answer."""
        off = vm.state == POWEROFF and action == "SNAPSHOTDELETE" and self._pools.keep_snapshots
        if not off:
            self._require_running(vm, action.lower())
        vm.template = flag_device(vm, name, number, flags)
        self._lifecycle.do(vm, DELETION_WHILE_OFF if off else HOTPLUG[action])

    def create_snapshot(self, vm: Vm, name: str) -> int:
        """Create a system snapshot and return its id."""
        self._require_running(vm, "snapshot")
        snapshots = vm.template.vectors("SNAPSHOT")
        number = next_id(snapshots, "SNAPSHOT_ID")
        new = {
            "ACTION": "CREATE",
            "ACTIVE": "YES",
            "HYPERVISOR_ID": "",
            "NAME": name or f"snapshot-{number}",
            "SNAPSHOT_ID": str(number),
            "TIME": str(self._pools.now()),
        }
        if self._release.version >= (6, 0):
            new["SYSTEM_DISK_SIZE"] = vm.template.text("MEMORY")
        vm.template.add("SNAPSHOT", new)
        self._lifecycle.do(vm, HOTPLUG["SNAPSHOTCREATE"])
        return number

    def update_configuration(self, vm: Vm, changes: Template) -> None:
        """Do ``one.vm.updateconf`` on a running VM."""
        self._require_running(vm, "updateconf")
        if context := changes.vector("CONTEXT"):
            context = self._vm_builder.update_context(vm, context)
            changes = merge(changes, Template([("CONTEXT", context)]))
        vm.template = merge(remove(vm.template, "OS"), changes)
        self._lifecycle.do(vm, HOTPLUG["UPDATECONF"])

    def resize(self, vm: Vm, changes: Template) -> None:
        """Do ``one.vm.resize`` on a running VM."""
        if self._release.version < (6, 0) or vm.state != RUNNING:
            raise Refusal(ErrorCode.ACTION, f"Cannot resize a VM in state {vm.state}")
        before: Vector = {name: vm.template.text(name) for name, _ in changes}
        vm.template = merge(vm.template, changes)
        vm.template.add("RESIZE", before)
        self._lifecycle.do(vm, HOTPLUG["RESIZE"])

    def migrate(self, vm: Vm, host: Host) -> None:
        """Migrate a running VM live to *host*."""
        if vm.history and vm.history[-1].datastore_id == PUBLIC_CLOUD_DATASTORE:
            raise Refusal(ErrorCode.ACTION, "Cannot migrate to or from a Public Cloud Host")
        self._require_running(vm, "migrate")
        record = make_next_record(vm.history[-1], self._pools.now())
        record.host_id, record.host_name = host.id, host.name
        vm.history.append(record)
        self._lifecycle.do(vm, HOTPLUG["MIGRATE"])

    def _require_running(self, vm: Vm, action: str) -> None:
        if vm.state != RUNNING:
            raise wrong_state_error(action, vm)
