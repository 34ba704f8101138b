"""Flags the disk, NIC or snapshot of an action in its VM, until the driver answers."""

from typing import NamedTuple

from one2one.opennebula.template import Template, Value, Vector
from opennebula_sandbox.cloud.merging import merge, remove
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal


class DeviceFlag(NamedTuple):
    """The flag of a device that an action changes."""

    name: str
    """The device's attribute in VM/TEMPLATE."""
    flag: str
    """The member that is YES until the driver answers."""
    kept: frozenset[bool]
    """The results (True for success) after which the device stays."""


_ALWAYS = frozenset((True, False))
_DEVICE_FLAGS: dict[str, DeviceFlag] = {
    "ATTACHDISK": DeviceFlag("DISK", "ATTACH", frozenset((True,))),
    "DETACHDISK": DeviceFlag("DISK", "ATTACH", frozenset((False,))),
    "ATTACHNIC": DeviceFlag("NIC", "ATTACH", frozenset((True,))),
    "DETACHNIC": DeviceFlag("NIC", "ATTACH", frozenset((False,))),
    "SNAPSHOTCREATE": DeviceFlag("SNAPSHOT", "ACTIVE", frozenset((True,))),
    "SNAPSHOTREVERT": DeviceFlag("SNAPSHOT", "ACTIVE", _ALWAYS),
    "SNAPSHOTDELETE": DeviceFlag("SNAPSHOT", "ACTIVE", frozenset((False,))),
    "RESIZEDISK": DeviceFlag("DISK", "RESIZE", _ALWAYS),
}
_FLAGS = {pending.flag for pending in _DEVICE_FLAGS.values()} | {"ACTION", "SIZE_PREV"}
_FLAGGED = {pending.name for pending in _DEVICE_FLAGS.values()}


def flag_device(vm: Vm, name: str, number: int, flags: Vector) -> Template:
    """Return the VM's template with *flags* in the device *number*; raises Refusal without it."""
    key = f"{name}_ID"
    if not any(part.get(key) == str(number) for part in vm.template.vectors(name)):
        raise Refusal(ErrorCode.ACTION, f"{name} {number} does not exist in VM {vm.id}")

    def add_flags(attribute: str, value: Value) -> Value:
        chosen = attribute == name and isinstance(value, dict) and value.get(key) == str(number)
        return value | flags if chosen and isinstance(value, dict) else value

    return Template((attribute, add_flags(attribute, value)) for attribute, value in vm.template)


def settle_device(template: Template, action: str, *, success: bool) -> Template:
    """Return *template* after the answer to *action*, without the flags of the device."""
    if action == "RESIZE":
        old = template.vector("RESIZE")
        before = Template((name, value) for name, value in old.items() if value != "0")
        template = remove(template, "RESIZE")
        return template if success else merge(template, before)
    pending = _DEVICE_FLAGS.get(action)
    if pending is None:
        return template
    name, mark, kept = pending
    return Template(
        (key, _clear_flags(value, undo=not success) if key == name else value)
        for key, value in template
        if key != name or not isinstance(value, dict) or mark not in value or success in kept
    )


def clear_flags(template: Template) -> Template:
    """Return *template* without flags."""
    return Template(
        (name, _clear_flags(value) if name in _FLAGGED else value) for name, value in template
    )


def _clear_flags(value: Value, *, undo: bool = False) -> Value:
    """Return a device without flags; *undo* gives a disk back the size that it had before."""
    if isinstance(value, str):
        return value
    before = {"SIZE": value["SIZE_PREV"]} if undo and "SIZE_PREV" in value else {}
    return {name: text for name, text in (value | before).items() if name not in _FLAGS}
