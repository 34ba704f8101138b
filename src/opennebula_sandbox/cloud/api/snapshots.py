"""The calls one.vm.snapshot…. Source: ``VirtualMachineSystemSnapshot.cc``."""

from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.accounts import Right, User
from opennebula_sandbox.cloud.api.changes import plug
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.vm.devices import flag, next_id, settle

_SETTLED = {"ACTION": "", "ACTIVE": ""}


def create_snapshot(oned: RemoteOned, user: User, vm_id: int, name: str) -> int:
    """Answer one.vm.snapshotcreate with the snapshot's id."""
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    number = next_id(vm.template.vectors("SNAPSHOT"), "SNAPSHOT_ID")
    snapshot = {
        "ACTION": "CREATE",
        "ACTIVE": "YES",
        "HYPERVISOR_ID": "",
        "NAME": name or f"snapshot-{number}",
        "SNAPSHOT_ID": str(number),
        "TIME": str(int(oned.clock.now())),
    }
    if oned.profile.newer_body:
        snapshot["SYSTEM_DISK_SIZE"] = vm.template.text("MEMORY")

    def end(success: bool) -> Template:
        return _settle(vm, number, {"HYPERVISOR_ID": "dummy-snap"}, keep=success)

    template = Template([*vm.template, ("SNAPSHOT", snapshot)])
    purpose = f"create a new snapshot for VM {vm_id}"
    plug(oned, user, vm, "snapshot-create", purpose, template, end)
    return number


def revert_snapshot(oned: RemoteOned, user: User, vm_id: int, snapshot_id: int) -> int:
    """Answer one.vm.snapshotrevert."""
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    purpose = f"revert VM {vm_id} to snapshot {snapshot_id}"
    template = _flag(vm, snapshot_id, "REVERT", purpose)

    def end(_success: bool) -> Template:
        return _settle(vm, snapshot_id, {}, keep=True)

    plug(oned, user, vm, "snapshot-revert", purpose, template, end)
    result = oned.profile.snapshot_result
    return vm_id if result is None else result


def delete_snapshot(oned: RemoteOned, user: User, vm_id: int, snapshot_id: int) -> int:
    """Answer one.vm.snapshotdelete."""
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    purpose = f"delete snapshot {snapshot_id} for VM {vm_id}"
    template = _flag(vm, snapshot_id, "DELETE", purpose)

    def end(success: bool) -> Template:
        return _settle(vm, snapshot_id, {}, keep=not success)

    plug(oned, user, vm, "snapshot-delete", purpose, template, end)
    result = oned.profile.snapshot_result
    return vm_id if result is None else result


def _flag(vm: Vm, number: int, action: str, purpose: str) -> Template:
    return flag(vm, "SNAPSHOT", number, {"ACTION": action, "ACTIVE": "YES"}, purpose)


def _settle(vm: Vm, number: int, members: Vector, *, keep: bool) -> Template:
    return settle(vm, "SNAPSHOT", number, _SETTLED | members, keep=keep)


METHODS = {
    "one.vm.snapshotcreate": Method(create_snapshot, (int, str)),
    "one.vm.snapshotrevert": Method(revert_snapshot, (int, int)),
    "one.vm.snapshotdelete": Method(delete_snapshot, (int, int)),
}
