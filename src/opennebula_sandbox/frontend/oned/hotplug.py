"""What is asked of the parts of a VM that runs: disks, NICs, snapshots, capacity, context.

Callers hold ``pools.clock.lock``. Every method raises Refusal where oned refuses.
"""

from one2one.opennebula.states import RUNNING
from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.merging import merge, remove
from opennebula_sandbox.cloud.objects import Host, Vm
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal
from opennebula_sandbox.cloud.vm.devices import next_id
from opennebula_sandbox.frontend.generation import Generation
from opennebula_sandbox.frontend.oned.contents import Contents
from opennebula_sandbox.frontend.oned.dispatch import wrong_state
from opennebula_sandbox.frontend.oned.lifecycle import LifeCycle, successor
from opennebula_sandbox.frontend.oned.operations import HOTPLUG
from opennebula_sandbox.frontend.oned.parts import marked
from opennebula_sandbox.frontend.oned.pools import Pools
from opennebula_sandbox.frontend.vmm.message import PUBLIC_CLOUD_DATASTORE


class Hotplug:
    """Does what users ask for."""

    def __init__(
        self, pools: Pools, generation: Generation, lifecycle: LifeCycle, contents: Contents
    ) -> None:
        self._pools = pools
        self._generation = generation
        self._lifecycle = lifecycle
        self._contents = contents

    def attach_disk(self, vm: Vm, asked: Vector) -> None:
        """Attach a new disk."""
        self._require_running(vm, "attach")
        self._contents.add_disk(vm, asked)
        self._lifecycle.do(vm, HOTPLUG["ATTACHDISK"])

    def attach_nic(self, vm: Vm, asked: Vector) -> None:
        """Attach a new NIC."""
        self._require_running(vm, "attachnic")
        self._contents.add_nic(vm, asked)
        self._lifecycle.do(vm, HOTPLUG["ATTACHNIC"])

    def on_part(self, vm: Vm, action: str, name: str, number: int, marks: Vector) -> None:
        """Do *action* to the disk, NIC or snapshot *number*, marked with *marks* meanwhile."""
        self._require_running(vm, action.lower())
        vm.template = marked(vm, name, number, marks)
        self._lifecycle.do(vm, HOTPLUG[action])

    def snapshot(self, vm: Vm, name: str) -> int:
        """Create a system snapshot, and return its id."""
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
        if self._generation.version >= (6, 0):
            new["SYSTEM_DISK_SIZE"] = vm.template.text("MEMORY")
        vm.template.add("SNAPSHOT", new)
        self._lifecycle.do(vm, HOTPLUG["SNAPSHOTCREATE"])
        return number

    def update_configuration(self, vm: Vm, changes: Template) -> None:
        """Do ``one.vm.updateconf`` on a running VM."""
        self._require_running(vm, "updateconf")
        if context := changes.vector("CONTEXT"):
            context = self._contents.updated_context(vm, context)
            changes = merge(changes, Template([("CONTEXT", context)]))
        vm.template = merge(remove(vm.template, "OS"), changes)
        self._lifecycle.do(vm, HOTPLUG["UPDATECONF"])

    def resize(self, vm: Vm, changes: Template) -> None:
        """Do ``one.vm.resize`` on a running VM."""
        if self._generation.version < (6, 0) or vm.state != RUNNING:
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
        record = successor(vm.history[-1], self._pools.now())
        record.host_id, record.host_name = host.id, host.name
        vm.history.append(record)
        self._lifecycle.do(vm, HOTPLUG["MIGRATE"])

    def _require_running(self, vm: Vm, action: str) -> None:
        if vm.state != RUNNING:
            raise wrong_state(action, vm)
