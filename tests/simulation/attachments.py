"""Which disks and NICs local VMs have, and which of them their remote VMs have."""

import re

from opennebula_sandbox.cloud.objects import Vm

ATTACHING = {"one.vm.attach": "DISK", "one.vm.attachnic": "NIC"}
NUMBERS = {"DISK": "DISK_ID", "NIC": "NIC_ID"}
_TAG = re.compile(r"<ONE_LOCAL_(?:DISK|NIC)>([^<]*)<")


def list_numbers(vm: Vm, kind: str) -> set[int]:
    """Return the numbers of the disks or NICs of a local VM, but of one that is under way."""
    devices = vm.template.vectors(kind)
    return {int(one[NUMBERS[kind]]) for one in devices if one.get("ATTACH") != "YES"}


def list_tags(remote: Vm, kind: str) -> list[str]:
    """Return the tags of a remote VM's disks or NICs: VM, STIME, number and attachment."""
    devices = remote.template.vectors(kind)
    return [one[f"ONE_LOCAL_{kind}"] for one in devices if f"ONE_LOCAL_{kind}" in one]


def read_tag(arguments: tuple[object, ...]) -> str:
    """Return the tag that a call attaches, nothing where it has none."""
    match = _TAG.search(str(arguments[1]))
    return match[1] if match else ""


def list_left_over(local: Vm, remote: Vm, kind: str) -> list[str]:
    """Return the tags of what belongs to no device of the local VM, or to one that has another."""
    owner, free = f"{local.id}.{local.stime}.", list_numbers(local, kind)
    left = []
    for tag in sorted(list_tags(remote, kind), key=_read_attachment, reverse=True):
        number = int(tag.split(".")[2])
        if tag.startswith(owner):
            left += [] if number in free else [tag]
            free -= {number}
    return left


def _read_attachment(tag: str) -> int:
    return int(tag.rpartition(".")[2])
