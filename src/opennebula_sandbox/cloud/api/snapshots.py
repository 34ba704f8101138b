"""The calls one.vm.snapshot…. Source: ``VirtualMachineSystemSnapshot.cc``."""

from one2one.opennebula.template import Template, Value
from opennebula_sandbox.cloud.accounts import Right, User
from opennebula_sandbox.cloud.api.changes import plug
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal
from opennebula_sandbox.cloud.vm.devices import next_id

_FLAGS = ("ACTION", "ACTIVE")


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
    """Return the template of *vm* with the snapshot *number* flagged; raises Refusal."""

    def flag(name: str, value: Value) -> Value:
        if _is_snapshot(name, value, number) and isinstance(value, dict):
            return value | {"ACTION": action, "ACTIVE": "YES"}
        return value

    if not any(_is_snapshot(name, value, number) for name, value in vm.template):
        raise Refusal(ErrorCode.ACTION, f"Could not {purpose}, it does not exist.")
    return Template((name, flag(name, value)) for name, value in vm.template)


def _settle(vm: Vm, number: int, members: dict[str, str], *, keep: bool) -> Template:
    """Return the template of *vm* after the driver's answer about the snapshot *number*."""
    settled = Template()
    for name, value in vm.template:
        if not _is_snapshot(name, value, number) or isinstance(value, str):
            settled.add(name, value)
        elif keep:
            kept = {key: text for key, text in value.items() if key not in _FLAGS}
            settled.add(name, kept | members)
    return settled


def _is_snapshot(name: str, value: Value, number: int) -> bool:
    is_vector = name == "SNAPSHOT" and isinstance(value, dict)
    return is_vector and isinstance(value, dict) and value.get("SNAPSHOT_ID") == str(number)


METHODS = {
    "one.vm.snapshotcreate": Method(create_snapshot, (int, str)),
    "one.vm.snapshotrevert": Method(revert_snapshot, (int, int)),
    "one.vm.snapshotdelete": Method(delete_snapshot, (int, int)),
}
