"""The calls one.vm.… about a VM's disks, and one.image.info.

A device has ATTACH=YES while it is attached or detached; if that fails, oned takes it back.
Source: ``DispatchManagerActions.cc``, ``LifeCycleStates.cc``.
"""

from one2one.opennebula.ids import read_id
from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.accounts import Right, User
from opennebula_sandbox.cloud.api.changes import not_given_error, plug
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal, no_such_error, not_authorized_error
from opennebula_sandbox.cloud.vm.devices import flag, next_id, settle
from opennebula_sandbox.cloud.vm.resources import NotGiven, NotOwned
from opennebula_sandbox.cloud.wire.render_resource import render_image

_ATTACHED = {"ATTACH": ""}
_METRIC = "SYSTEM_DISK_SIZE"


def attach_disk(oned: RemoteOned, user: User, vm_id: int, text: str) -> int:
    """Answer one.vm.attach."""
    vm, wanted = oned.find_vm(user, vm_id, Right.MANAGE), oned.parse(text).vector("DISK")
    disks = [*vm.template.vectors("DISK"), vm.template.vector("CONTEXT")]
    number = next_id(disks, "DISK_ID")
    try:
        image = oned.resources.find_image(wanted)
        if image and not (image.shared or user.is_admin):
            raise not_authorized_error(user.id, f"Not authorized to perform USE IMAGE [{image.id}]")
        disk = oned.resources.build_disk(wanted, number, len(disks) - 1, oned.profile)
    except (NotOwned, NotGiven) as error:
        raise not_given_error(user, error) from None
    _require_quota(oned, user, _read_size(disk))
    template = Template([*vm.template, ("DISK", disk | {"ATTACH": "YES"})])

    def end(success: bool) -> Template:
        return settle(vm, "DISK", number, _ATTACHED, keep=success)

    purpose = f"attach a new disk to VM {vm_id}"
    return plug(oned, user, vm, "disk-attach", purpose, template, end)


def detach_disk(oned: RemoteOned, user: User, vm_id: int, disk_id: int) -> int:
    """Answer one.vm.detach."""
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    purpose = f"detach disk with DISK_ID {disk_id}"
    template = flag(vm, "DISK", disk_id, {"ATTACH": "YES"}, purpose)

    def end(success: bool) -> Template:
        return settle(vm, "DISK", disk_id, _ATTACHED, keep=not success)

    purpose = f"detach disk from VM {vm_id}"
    return plug(oned, user, vm, "disk-detach", purpose, template, end)


def resize_disk(oned: RemoteOned, user: User, vm_id: int, disk_id: int, text: str) -> int:
    """Answer one.vm.diskresize."""
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    disks = [d for d in vm.template.vectors("DISK") if d.get("DISK_ID") == str(disk_id)]
    if (size := read_id(text)) is None:
        raise Refusal(ErrorCode.ACTION, "Disk SIZE is not a valid integer")
    if not disks:
        raise Refusal(ErrorCode.ACTION, "VM disk does not exist")
    before = _read_size(disks[0])
    if size <= before:
        raise Refusal(ErrorCode.ACTION, "New disk size has to be greater than current one")
    _require_quota(oned, user, size - before)
    flags = {"RESIZE": "YES", "SIZE": text, "SIZE_PREV": str(before)}
    template = flag(vm, "DISK", disk_id, flags, "")

    def end(success: bool) -> Template:
        flags = {"RESIZE": "", "SIZE": text if success else str(before), "SIZE_PREV": ""}
        return settle(vm, "DISK", disk_id, flags, keep=True)

    plug(oned, user, vm, "disk-resize", f"resize disk of VM {vm_id}", template, end)
    return disk_id


def image_info(oned: RemoteOned, user: User, image_id: int, *_decrypt: bool) -> str:
    """Answer one.image.info."""
    image = oned.resources.images.get(image_id)
    if image is None:
        raise no_such_error("image", image_id)
    if not (image.shared or user.is_admin):
        raise not_authorized_error(user.id, f"Not authorized to perform USE IMAGE [{image_id}]")
    return render_image(image)


def _require_quota(oned: RemoteOned, user: User, more: int) -> None:
    """Raise Refusal if a quota does not allow *more* MB of disks."""
    request = {_METRIC: float(more)}
    if problem := oned.accounts.find_exceeded_quota(user, request, oned.profile.quota_metrics):
        raise not_authorized_error(user.id, problem)


def _read_size(disk: Vector) -> int:
    """Return a size in MB, 0 where it is no number, as oned reads it."""
    return read_id(disk.get("SIZE")) or 0


METHODS = {
    "one.image.info": Method(image_info, (int,), (bool,)),
    "one.vm.attach": Method(attach_disk, (int, str)),
    "one.vm.detach": Method(detach_disk, (int, int)),
    "one.vm.diskresize": Method(resize_disk, (int, int, str)),
}
