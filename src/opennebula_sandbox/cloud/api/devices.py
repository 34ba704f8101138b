"""The calls one.vm.… that change a VM's devices, snapshots, size and configuration."""

import re

from one2one.opennebula.states import RUNNING, LcmState
from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.accounts import Right, User, quota_holders
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.merging import merge, restricted_attribute, without
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.oned import Oned
from opennebula_sandbox.cloud.quotas import amounts, running_amounts
from opennebula_sandbox.cloud.refusal import Code, Refusal, not_authorized
from opennebula_sandbox.cloud.vm import lifecycle
from opennebula_sandbox.cloud.vm.birth import NOT_STORABLE, capacity_problem, storable
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


def attach_disk(oned: Oned, user: User, vm_id: int, text: str) -> int:
    """Answer one.vm.attach."""
    vm, wanted = oned.vm(user, vm_id, Right.MANAGE), parse(text).vector("DISK")
    disks = [*vm.template.vectors("DISK"), vm.template.vector("CONTEXT")]
    number = next_id(disks, "DISK_ID")
    try:
        disk = oned.storehouse.disk(wanted, number, len(disks) - 1, oned.profile)
    except NotOwned as error:
        raise _not_owned(user, error) from None
    template = Template([*vm.template, ("DISK", disk)])
    return _plug(oned, user, vm, "disk-attach", f"attach a new disk to VM {vm_id}", template)


def detach_disk(oned: Oned, user: User, vm_id: int, disk_id: int) -> int:
    """Answer one.vm.detach."""
    vm = oned.vm(user, vm_id, Right.MANAGE)
    template = _without_device(vm, "DISK", disk_id)
    return _plug(oned, user, vm, "disk-detach", f"detach disk from VM {vm_id}", template)


def attach_nic(oned: Oned, user: User, vm_id: int, text: str) -> int:
    """Answer one.vm.attachnic."""
    vm, wanted = oned.vm(user, vm_id, Right.MANAGE), parse(text).vector("NIC")
    number = next_id(vm.template.vectors("NIC"), "NIC_ID")
    try:
        nic = oned.storehouse.nic(wanted, vm_id, number)
    except NotOwned as error:
        raise _not_owned(user, error) from None
    template = Template([*vm.template, ("NIC", nic)])
    return _plug(oned, user, vm, "nic-attach", f"add a new NIC to VM {vm_id}", template)


def detach_nic(oned: Oned, user: User, vm_id: int, nic_id: int) -> int:
    """Answer one.vm.detachnic."""
    vm = oned.vm(user, vm_id, Right.MANAGE)
    template = _without_device(vm, "NIC", nic_id)
    return _plug(oned, user, vm, "nic-detach", f"detach NIC from VM {vm_id}", template)


def create_snapshot(oned: Oned, user: User, vm_id: int, name: str) -> int:
    """Answer one.vm.snapshotcreate with the snapshot's id."""
    vm = oned.vm(user, vm_id, Right.MANAGE)
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


def revert_snapshot(oned: Oned, user: User, vm_id: int, snapshot_id: int) -> int:
    """Answer one.vm.snapshotrevert."""
    vm = oned.vm(user, vm_id, Right.MANAGE)
    _without_device(vm, "SNAPSHOT", snapshot_id)
    _plug(oned, user, vm, "snapshot", f"revert VM {vm_id} to snapshot", vm.template)
    result = oned.profile.snapshot_result
    return vm_id if result is None else result


def delete_snapshot(oned: Oned, user: User, vm_id: int, snapshot_id: int) -> int:
    """Answer one.vm.snapshotdelete."""
    vm = oned.vm(user, vm_id, Right.MANAGE)
    template = _without_device(vm, "SNAPSHOT", snapshot_id)
    _plug(oned, user, vm, "snapshot", f"delete snapshot for VM {vm_id}", template)
    result = oned.profile.snapshot_result
    return vm_id if result is None else result


def resize(oned: Oned, user: User, vm_id: int, text: str, _enforce: bool) -> int:
    """Answer one.vm.resize."""
    vm, wanted = oned.vm(user, vm_id, Right.MANAGE), parse(text)
    if vm.state == RUNNING:
        raise Refusal(Code.ACTION, oned.profile.resize_refused)
    if vm.state not in (
        lifecycle.POWEROFF,
        lifecycle.UNDEPLOYED,
        lifecycle.PENDING,
        lifecycle.HOLD,
    ):
        raise Refusal(Code.ACTION, f"Cannot resize a VM in state {vm.state}")
    sizes = Template((n, v) for n, v in wanted if n in ("CPU", "MEMORY", "VCPU"))
    resized = merge(vm.template, sizes)
    if problem := capacity_problem(resized):
        raise Refusal(Code.INTERNAL, problem)
    _check(vm, resized)
    _store(oned, vm, resized)
    return vm_id


def update_configuration(oned: Oned, user: User, vm_id: int, text: str, append: int = 0) -> int:
    """Answer one.vm.updateconf."""
    wanted = parse(text)
    vm = oned.vm(user, vm_id, Right.MANAGE)
    append = append if oned.profile.updateconf_append else 0
    restricted = restricted_attribute(wanted, vm.template, oned.profile.restricted)
    if restricted and not user.is_admin:
        raise not_authorized(user.id, f"Template includes a restricted attribute {restricted}")
    if vm.state not in _CONFIGURABLE:
        reason = f"configuration cannot be updated in state {vm.state}"
        raise Refusal(Code.INTERNAL, reason)
    sections = Template((n, v) for n, v in wanted if n in _CONFIGURATION)
    template = merge(vm.template if append else without(vm.template, *_CONFIGURATION), sections)
    if context := wanted.vector("CONTEXT"):
        template = merge(template, Template([("CONTEXT", _context(oned, vm, context, append))]))
    if vm.state == RUNNING:
        return _plug(oned, user, vm, "updateconf", "", template)
    _check(vm, template)
    _store(oned, vm, template)
    return vm_id


def _context(oned: Oned, vm: Vm, wanted: Vector, append: int) -> Vector:
    present = vm.template.vector("CONTEXT")
    if not present:
        words = "Virtual machine does not have context, cannot add a new one."
        raise Refusal(Code.INTERNAL, words)
    for name, value in wanted.items():
        if (
            oned.profile.network_context_kept
            and _NETWORK_MEMBER.fullmatch(name)
            and present.get(name) != value
        ):
            verb = "update" if name in present else "add"
            words = f"Unable to {verb} {name}, update NIC to update network context"
            raise Refusal(Code.INTERNAL, words)
    kept = present if append else {name: present[name] for name in ("DISK_ID", "TARGET")}
    return {**wanted, **kept} if not append else {**kept, **wanted}


def _plug(oned: Oned, user: User, vm: Vm, kind: str, purpose: str, template: Template) -> int:
    """Let *vm* change to *template* in the state that *kind* of change takes."""
    _check(vm, template)
    before = vm.state
    if not oned.machine.hotplug(vm, kind, user, lambda: _store(oned, vm, template)):
        raise Refusal(Code.ACTION, f"Could not {purpose}, wrong state {before}.")
    return vm.id


def _check(vm: Vm, template: Template) -> None:
    if not storable(vm.name, template):
        raise Refusal(Code.INTERNAL, NOT_STORABLE)


def _store(oned: Oned, vm: Vm, template: Template) -> None:
    owner = oned.accounts.by_id(vm.uid)
    for quotas in quota_holders(owner) if owner else ():
        for counted, sign in ((vm.template, -1), (template, 1)):
            quotas.count(amounts(counted), sign)
            quotas.count_devices(counted, sign)
            if lifecycle.running_quota(vm.state):
                quotas.count(running_amounts(counted), sign)
    vm.template = template
    oned.vms.changed(vm)


def _without_device(vm: Vm, kind: str, number: int) -> Template:
    key = f"{kind}_ID"
    kept = [
        (name, value)
        for name, value in vm.template
        if name != kind or not isinstance(value, dict) or value.get(key) != str(number)
    ]
    if len(kept) == len(vm.template):
        raise Refusal(Code.ACTION, f"VM {vm.id} does not have a {kind} with {key} {number}.")
    return Template(kept)


def _not_owned(user: User, error: NotOwned) -> Refusal:
    kind, name, _ = error.args
    return Refusal(Code.ACTION, f"User {user.id} does not own a {kind} with name: {name} .")


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
