"""Changes a VM that runs: its disks, NICs, snapshots, capacity and context.

Callers hold ``pools.clock.lock``. Every method raises Refusal where oned refuses.
"""

from one2one.opennebula.states import RUNNING, State, VmState
from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.merging import merge, remove
from opennebula_sandbox.cloud.objects import Host, Vm
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal
from opennebula_sandbox.cloud.vm.devices import next_id
from opennebula_sandbox.frontend.oned.device_flags import flag_device, settle_device
from opennebula_sandbox.frontend.oned.dispatch import wrong_state_error
from opennebula_sandbox.frontend.oned.lifecycle import LifeCycle, make_next_record
from opennebula_sandbox.frontend.oned.operations import (
    COLD_NIC,
    DELETION_WHILE_OFF,
    HOTPLUG,
    POWEROFF,
)
from opennebula_sandbox.frontend.oned.pools import Pools
from opennebula_sandbox.frontend.oned.vm_builder import VmBuilder
from opennebula_sandbox.frontend.release import Release
from opennebula_sandbox.frontend.vmm.message import PUBLIC_CLOUD_DATASTORE

_NOT_STARTED = (POWEROFF, State(VmState.UNDEPLOYED), State(VmState.PENDING), State(VmState.HOLD))


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
        if vm.state != POWEROFF:
            self._require_running(vm, "attachnic")
        self._vm_builder.add_nic(vm, wanted)
        self._change_nic(vm, "ATTACHNIC")

    def detach_nic(self, vm: Vm, number: int) -> None:
        """Detach a NIC."""
        if vm.state != POWEROFF:
            self._require_running(vm, "detachnic")
        vm.template = flag_device(vm, "NIC", number, {"ATTACH": "YES"})
        self._change_nic(vm, "DETACHNIC")

    def _change_nic(self, vm: Vm, action: str) -> None:
        """Ask the driver; for a VM in POWEROFF only one with COLD_NIC_ATTACH, since 5.12."""
        if vm.state != POWEROFF:
            self._lifecycle.do(vm, HOTPLUG[action])
        elif self._pools.cold_nic_attach and self._release.version >= (5, 12):
            self._lifecycle.do(vm, COLD_NIC[action])
        else:
            self._lifecycle.do(vm, HOTPLUG[action]._replace(to=None, message=""))
            vm.template = settle_device(vm.template, action, success=True)

    def change_device(self, vm: Vm, action: str, name: str, number: int, flags: Vector) -> None:
        """Do *action* on the disk, NIC or snapshot *number*; it has *flags* until the answer."""
        off = vm.state == POWEROFF and action == "SNAPSHOTDELETE" and self._pools.keep_snapshots
        if not off:
            self._require_running(vm, action.lower())
        vm.template = flag_device(vm, name, number, flags)
        self._lifecycle.do(vm, DELETION_WHILE_OFF if off else HOTPLUG[action])

    def resize_disk(self, vm: Vm, number: int, size: int) -> None:
        """Make a disk larger, to *size* MB."""
        for disk in vm.template.vectors("DISK"):
            before = int(disk.get("SIZE") or 0)
            if disk["DISK_ID"] == str(number) and size <= before:
                words = "New disk size has to be greater than current one"
                raise Refusal(ErrorCode.ACTION, words)
            flags = {"RESIZE": "YES", "SIZE": str(size), "SIZE_PREV": str(before)}
            if disk["DISK_ID"] == str(number):
                self.change_device(vm, "RESIZEDISK", "DISK", number, flags)
                return
        raise Refusal(ErrorCode.ACTION, "VM disk does not exist")

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
        """Do ``one.vm.updateconf``; the driver is asked only about a VM that runs."""
        if vm.state != RUNNING and vm.state not in _NOT_STARTED:
            words = f"configuration cannot be updated in state {vm.state}"
            raise Refusal(ErrorCode.INTERNAL, words)
        if context := changes.vector("CONTEXT"):
            context = self._vm_builder.update_context(vm, context)
            changes = merge(changes, Template([("CONTEXT", context)]))
        vm.template = merge(remove(vm.template, "OS"), changes)
        if vm.state == RUNNING:
            self._lifecycle.do(vm, HOTPLUG["UPDATECONF"])

    def resize(self, vm: Vm, changes: Template) -> None:
        """Do ``one.vm.resize``; the driver is asked only about a VM that runs."""
        if vm.state == RUNNING and self._release.version >= (6, 0):
            if not self._pools.live_resize:
                raise Refusal(ErrorCode.ACTION, "Hotplug resize not supported by driver one")
        elif vm.state not in _NOT_STARTED:
            raise Refusal(ErrorCode.ACTION, f"Cannot resize a VM in state {vm.state}")
        before = {name: vm.template.text(name) or "0" for name in ("CPU", "VCPU", "MEMORY")}
        resized = merge(vm.template, changes)
        self._require_capacity(vm, resized)
        vm.template = resized
        if vm.state == RUNNING:
            vm.template.add("RESIZE", before)
            self._lifecycle.do(vm, HOTPLUG["RESIZE"])

    def _require_capacity(self, vm: Vm, resized: Template) -> None:
        """Raise Refusal if the VM's host has no room for it: ``HostShare::test_compute``."""
        if vm.state not in (RUNNING, POWEROFF):
            return
        share = self._pools.find_host(vm.history[-1].host_id).share
        for unit, name, total, used, factor in (
            ("CPU", "CPU", share.total_cpu, share.cpu_usage, 100),
            ("memory", "MEMORY", share.total_memory, share.memory_usage, 1024),
        ):
            old, new = (factor * float(t.text(name)) for t in (vm.template, resized))
            room = total - used + old
            if new > room and new > old and total:
                words = f"Not enough {unit}: {new:.0f}/{room:.0f}"
                raise Refusal(ErrorCode.ACTION, words)

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
