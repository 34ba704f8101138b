"""How a disk or NIC of a local VM and that of its remote VM name each other.

Each cloud numbers a VM's devices by itself, with the highest number plus one, so both differ, and
a number may come back. A device that the driver attaches therefore carries a tag, as an attribute
of its own: the local VM's id and STIME, the local device's number, and SEQ of the history record
that oned began with that attachment. oned keeps attributes of DISK and NIC that it does not know
(``VirtualMachineDisk.cc``, ``VirtualNetwork::nic_attribute``, 5.4 to 7.4; measured on 6.10), and
no call changes them afterwards, so the tag holds for life. A remote device without a tag is none
of ours: it came with the remote template, or by hand.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from one2one.hybrid.request import Request
from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.ids import read_id
from one2one.opennebula.records import Vm
from one2one.opennebula.template import Vector

_FLAGS = ("ATTACH", "RESIZE")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of devices, by its words."""

    name: str
    """In errors and in the names of commands."""
    vector: str
    """In a template."""
    number: str
    """The attribute with a device's number."""
    tag: str
    """The attribute of a remote device with its tag."""


DISK = Kind("disk", "DISK", "DISK_ID", "ONE_LOCAL_DISK")
NIC = Kind("nic", "NIC", "NIC_ID", "ONE_LOCAL_NIC")


@dataclass(frozen=True, slots=True)
class LocalDevice:
    """The disk or NIC of a local VM that an action is about."""

    kind: Kind
    number: int
    members: Vector
    owner: str
    """What the tags of all devices of its VM begin with."""
    sequence: int
    """SEQ of the newest history record. oned begins one with each attachment."""
    present: frozenset[int]
    """The numbers of all devices of its kind that its VM has."""

    @property
    def tag(self) -> str:
        """That of the remote device, if the action attaches it."""
        return f"{self.owner}.{self.number}.{self.sequence}"


@dataclass(frozen=True, slots=True)
class RemoteDevice:
    """A disk or NIC of a remote VM that was attached for a local one."""

    number: int
    """Its number there."""
    local: int
    """That of the local one."""
    tag: str
    sequence: int
    members: Vector


def is_active(vm: Vm, vector: str) -> bool:
    """Tell whether oned flags a device of this kind as the one that an action is about."""
    return any(_is_flagged(members) for members in vm.template.vectors(vector))


def find_active(request: Request, kind: Kind) -> LocalDevice:
    """Return the device that oned flags in the VM; raises ProtocolError without one."""
    vm = request.vm
    owner, sequence = f"{vm.id}.{vm.stime}", request.placement.sequence
    devices = [(read_id(m.get(kind.number)), m) for m in vm.template.vectors(kind.vector)]
    present = frozenset(number for number, _ in devices if number is not None)
    for number, members in devices:
        if number is not None and _is_flagged(members):
            return LocalDevice(kind, number, members, owner, sequence, present)
    raise ProtocolError(f"oned sent VM {vm.id} without an active {kind.vector}", remedy="")


def find_lost_aliases(vm: Vm, nic: LocalDevice) -> list[str]:
    """Return the numbers of aliases that *nic* names and its VM does not have.

    Up to 5.10 a NIC goes on naming an alias that is gone, and oned crashes when the NIC is detached
    (``VirtualMachinePool::delete_attach_nic``; measured on 5.10.5). Later releases correct both.
    """
    present = {alias.get("NIC_ID") for alias in vm.template.vectors("NIC_ALIAS")}
    named = nic.members.get("ALIAS_IDS", "").split(",")
    return [number for number in named if number and number not in present]


def find_remote(remote: Vm, local: LocalDevice) -> list[RemoteDevice]:
    """Return the devices of *remote* that carry the number of *local*, the newest first.

    One with the very tag of *local* is what its action has attached. The others were attached for
    an earlier device with that number.
    """
    found = (device for device in _read_devices(remote, local) if device.local == local.number)
    return sorted(found, key=lambda device: -device.sequence)


def find_left_over(remote: Vm, local: LocalDevice) -> list[RemoteDevice]:
    """Return the devices of *remote* whose local device is gone, or had the number of *local*."""
    return [
        device
        for device in _read_devices(remote, local)
        if device.tag != local.tag
        and (device.local == local.number or device.local not in local.present)
    ]


def _read_devices(remote: Vm, local: LocalDevice) -> Iterator[RemoteDevice]:
    """Yield what was attached to *remote* for the VM of *local*, of the same kind."""
    begin = f"{local.owner}."
    for members in remote.template.vectors(local.kind.vector):
        tag, number = members.get(local.kind.tag, ""), read_id(members.get(local.kind.number))
        mine, _, sequence = tag.removeprefix(begin).partition(".")
        numbers = read_id(mine), read_id(sequence)
        match number, numbers:
            case int(number), (int(here), int(began)) if tag.startswith(begin):
                yield RemoteDevice(number, here, tag, began, members)


def _is_flagged(members: Vector) -> bool:
    return any(members.get(flag) == "YES" for flag in _FLAGS)
