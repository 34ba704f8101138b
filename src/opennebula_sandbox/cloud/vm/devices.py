"""The disks and NICs of a VM: their numbers, their flags, and the rules of NICs."""

from one2one.opennebula.template import Template, Value, Vector
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal

RULES: tuple[Vector, ...] = tuple(
    {
        "PROTOCOL": "ALL",
        "RULE_TYPE": direction,
        "SECURITY_GROUP_ID": "0",
        "SECURITY_GROUP_NAME": "default",
    }
    for direction in ("OUTBOUND", "INBOUND")
)
"""The rules of the security group that every NIC has."""


def next_id(devices: list[Vector], key: str) -> int:
    """Return the id of the next device; *key* is DISK_ID or NIC_ID."""
    return max((int(device[key]) for device in devices if device.get(key)), default=-1) + 1


def flag(vm: Vm, kind: str, number: int, flags: Vector, purpose: str) -> Template:
    """Return the template of *vm* with *flags* in the device *number*; raises Refusal.

    *kind* is DISK, NIC or SNAPSHOT. *purpose* is what cannot be done without the device.
    """

    def add_flags(name: str, value: Value) -> Value:
        if is_device(name, value, kind, number) and isinstance(value, dict):
            return value | flags
        return value

    if not any(is_device(name, value, kind, number) for name, value in vm.template):
        raise Refusal(ErrorCode.ACTION, f"Could not {purpose}, it does not exist.")
    return Template((name, add_flags(name, value)) for name, value in vm.template)


def settle(vm: Vm, kind: str, number: int, flags: Vector, *, keep: bool) -> Template:
    """Return the template of *vm* after the driver's answer about the device *number*.

    A device that is kept has *flags*, but for those that are empty: it loses these.
    """
    settled = Template()
    for name, value in vm.template:
        if not is_device(name, value, kind, number) or isinstance(value, str):
            settled.add(name, value)
        elif keep:
            changed = value | flags
            settled.add(name, {key: changed[key] for key in changed if flags.get(key) != ""})
    return settled


def is_device(name: str, value: Value, kind: str, number: int) -> bool:
    """Tell whether an attribute of a template is the device *number* of its *kind*."""
    is_vector = name == kind and isinstance(value, dict)
    return is_vector and isinstance(value, dict) and value.get(f"{kind}_ID") == str(number)
