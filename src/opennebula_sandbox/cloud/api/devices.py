"""The calls one.vm.… that change a VM's devices, snapshots, size and configuration."""

import re

from one2one.opennebula.states import RUNNING, LcmState
from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.accounts import Right, User, find_quotas
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.merging import find_restricted, merge, remove
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.quotas import sum_amounts, sum_running_amounts
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal, not_authorized_error
from opennebula_sandbox.cloud.vm import lifecycle
from opennebula_sandbox.cloud.vm.creation import NOT_STORABLE, find_capacity_problem, is_storable
from opennebula_sandbox.cloud.vm.devices import NotOwned, next_id
from opennebula_sandbox.cloud.wire.grammar import parse

_CONFIGURATION = ("OS", "FEATURES", "INPUT", "GRAPHICS", "VIDEO", "RAW", "CPU_MODEL")
_NETWORK_MEMBER = re.compile(r"ETH\d+_\w+")
_CONFIGURABLE = {
    *(lifecycle.PENDING, lifecycle.HOLD, lifecycle.POWEROFF, lifecycle.UNDEPLOYED, RUNNING),
    *lifecycle.active(
        *(LcmState.PROLOG, LcmState.EPILOG, LcmState.SHUTDOWN, LcmState.SHUTDOWN_POWEROFF),
        *(LcmState.SHUTDOWN_UNDEPLOY, LcmState.EPILOG_UNDEPLOY, LcmState.PROLOG_UNDEPLOY),
        *(LcmState.BOOT_FAILURE, LcmState.PROLOG_FAILURE, LcmState.EPILOG_FAILURE),
    ),
}


def attach_disk(oned: RemoteOned, user: User, vm_id: int, text: str) -> int:
    """Answer one.vm.attach."""
    vm, wanted = oned.find_vm(user, vm_id, Right.MANAGE), parse(text).vector("DISK")
    disks = [*vm.template.vectors("DISK"), vm.template.vector("CONTEXT")]
    number = next_id(disks, "DISK_ID")
    try:
        disk = oned.resources.build_disk(wanted, number, len(disks) - 1, oned.profile)
    except NotOwned as error:
        raise _not_owned_error(user, error) from None
    template = Template([*vm.template, ("DISK", disk)])
    return _plug(oned, user, vm, "disk-attach", f"attach a new disk to VM {vm_id}", template)


def detach_disk(oned: RemoteOned, user: User, vm_id: int, disk_id: int) -> int:
    """Answer one.vm.detach."""
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    template = _remove_device(vm, "DISK", disk_id)
    return _plug(oned, user, vm, "disk-detach", f"detach disk from VM {vm_id}", template)


def attach_nic(oned: RemoteOned, user: User, vm_id: int, text: str) -> int:
    """Answer one.vm.attachnic."""
    vm, wanted = oned.find_vm(user, vm_id, Right.MANAGE), parse(text).vector("NIC")
    number = next_id(vm.template.vectors("NIC"), "NIC_ID")
    try:
        nic = oned.resources.build_nic(wanted, vm_id, number)
    except NotOwned as error:
        raise _not_owned_error(user, error) from None
    template = Template([*vm.template, ("NIC", nic)])
    return _plug(oned, user, vm, "nic-attach", f"add a new NIC to VM {vm_id}", template)


def detach_nic(oned: RemoteOned, user: User, vm_id: int, nic_id: int) -> int:
    """Answer one.vm.detachnic."""
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    template = _remove_device(vm, "NIC", nic_id)
    return _plug(oned, user, vm, "nic-detach", f"detach NIC from VM {vm_id}", template)


def create_snapshot(oned: RemoteOned, user: User, vm_id: int, name: str) -> int:
    """Answer one.vm.snapshotcreate with the snapshot's id."""
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    number = next_id(vm.template.vectors("SNAPSHOT"), "SNAPSHOT_ID")
    snapshot = {
        "HYPERVISOR_ID": "dummy-snap",
        "NAME": name or f"snapshot-{number}",
        "SNAPSHOT_ID": str(number),
        "TIME": str(int(oned.clock.now())),
    }
    if oned.profile.newer_body:
        snapshot["SYSTEM_DISK_SIZE"] = vm.template.text("MEMORY")
    template = Template([*vm.template, ("SNAPSHOT", snapshot)])
    _plug(oned, user, vm, "snapshot", f"create a new snapshot for VM {vm_id}", template)
    return number


def revert_snapshot(oned: RemoteOned, user: User, vm_id: int, snapshot_id: int) -> int:
    """Answer one.vm.snapshotrevert."""
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    _remove_device(vm, "SNAPSHOT", snapshot_id)
    _plug(oned, user, vm, "snapshot", f"revert VM {vm_id} to snapshot", vm.template)
    result = oned.profile.snapshot_result
    return vm_id if result is None else result


def delete_snapshot(oned: RemoteOned, user: User, vm_id: int, snapshot_id: int) -> int:
    """Answer one.vm.snapshotdelete."""
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    template = _remove_device(vm, "SNAPSHOT", snapshot_id)
    _plug(oned, user, vm, "snapshot", f"delete snapshot for VM {vm_id}", template)
    result = oned.profile.snapshot_result
    return vm_id if result is None else result


def resize(oned: RemoteOned, user: User, vm_id: int, text: str, _enforce: bool) -> int:
    """Answer one.vm.resize."""
    vm, wanted = oned.find_vm(user, vm_id, Right.MANAGE), parse(text)
    if vm.state == RUNNING:
        raise Refusal(ErrorCode.ACTION, oned.profile.resize_refused)
    if vm.state not in (
        lifecycle.POWEROFF,
        lifecycle.UNDEPLOYED,
        lifecycle.PENDING,
        lifecycle.HOLD,
    ):
        raise Refusal(ErrorCode.ACTION, f"Cannot resize a VM in state {vm.state}")
    sizes = Template((n, v) for n, v in wanted if n in ("CPU", "MEMORY", "VCPU"))
    resized = merge(vm.template, sizes)
    if problem := find_capacity_problem(resized):
        raise Refusal(ErrorCode.INTERNAL, problem)
    _check(vm, resized)
    _store(oned, vm, resized)
    return vm_id


def update_configuration(
    oned: RemoteOned, user: User, vm_id: int, text: str, append: int = 0
) -> int:
    """Answer one.vm.updateconf."""
    wanted = parse(text)
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    append = append if oned.profile.updateconf_append else 0
    restricted = find_restricted(wanted, vm.template, oned.profile.restricted)
    if restricted and not user.is_admin:
        raise not_authorized_error(
            user.id, f"Template includes a restricted attribute {restricted}"
        )
    if vm.state not in _CONFIGURABLE:
        reason = f"configuration cannot be updated in state {vm.state}"
        raise Refusal(ErrorCode.INTERNAL, reason)
    sections = Template((n, v) for n, v in wanted if n in _CONFIGURATION)
    template = merge(vm.template if append else remove(vm.template, *_CONFIGURATION), sections)
    if context := wanted.vector("CONTEXT"):
        template = merge(
            template, Template([("CONTEXT", _build_context(oned, vm, context, append))])
        )
    if vm.state == RUNNING:
        return _plug(oned, user, vm, "updateconf", "", template)
    _check(vm, template)
    _store(oned, vm, template)
    return vm_id


def _build_context(oned: RemoteOned, vm: Vm, wanted: Vector, append: int) -> Vector:
    present = vm.template.vector("CONTEXT")
    if not present:
        words = "Virtual machine does not have context, cannot add a new one."
        raise Refusal(ErrorCode.INTERNAL, words)
    for name, value in wanted.items():
        if (
            oned.profile.network_context_kept
            and _NETWORK_MEMBER.fullmatch(name)
            and present.get(name) != value
        ):
            verb = "update" if name in present else "add"
            words = f"Unable to {verb} {name}, update NIC to update network context"
            raise Refusal(ErrorCode.INTERNAL, words)
    kept = present if append else {name: present[name] for name in ("DISK_ID", "TARGET")}
    return {**wanted, **kept} if not append else {**kept, **wanted}


def _plug(oned: RemoteOned, user: User, vm: Vm, kind: str, purpose: str, template: Template) -> int:
    """Give *vm* the new *template* after a hot-plug state for this *kind* of change."""
    _check(vm, template)
    before = vm.state
    if not oned.machine.hotplug(vm, kind, user, lambda: _store(oned, vm, template)):
        raise Refusal(ErrorCode.ACTION, f"Could not {purpose}, wrong state {before}.")
    return vm.id


def _check(vm: Vm, template: Template) -> None:
    if not is_storable(vm.name, template):
        raise Refusal(ErrorCode.INTERNAL, NOT_STORABLE)


def _store(oned: RemoteOned, vm: Vm, template: Template) -> None:
    owner = oned.accounts.find_user(vm.uid)
    for quotas in find_quotas(owner) if owner else ():
        for counted, sign in ((vm.template, -1), (template, 1)):
            quotas.count(sum_amounts(counted), sign)
            quotas.count_devices(counted, sign)
            if lifecycle.counts_as_running(vm.state):
                quotas.count(sum_running_amounts(counted), sign)
    vm.template = template
    oned.vms.note_change(vm)


def _remove_device(vm: Vm, kind: str, number: int) -> Template:
    key = f"{kind}_ID"
    kept = [
        (name, value)
        for name, value in vm.template
        if name != kind or not isinstance(value, dict) or value.get(key) != str(number)
    ]
    if len(kept) == len(vm.template):
        raise Refusal(ErrorCode.ACTION, f"VM {vm.id} does not have a {kind} with {key} {number}.")
    return Template(kept)


def _not_owned_error(user: User, error: NotOwned) -> Refusal:
    kind, name, _ = error.args
    return Refusal(ErrorCode.ACTION, f"User {user.id} does not own a {kind} with name: {name} .")


METHODS = {
    "one.vm.attach": Method(attach_disk, (int, str)),
    "one.vm.detach": Method(detach_disk, (int, int)),
    "one.vm.attachnic": Method(attach_nic, (int, str)),
    "one.vm.detachnic": Method(detach_nic, (int, int)),
    "one.vm.snapshotcreate": Method(create_snapshot, (int, str)),
    "one.vm.snapshotrevert": Method(revert_snapshot, (int, int)),
    "one.vm.snapshotdelete": Method(delete_snapshot, (int, int)),
    "one.vm.resize": Method(resize, (int, str, bool)),
    "one.vm.updateconf": Method(update_configuration, (int, str), (int,)),
}
