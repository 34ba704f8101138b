"""Disks: the remote VM gets one for each that is attached to its local VM.

A volatile disk is the same there: its type, size, format and file system. For an image the local
image names the remote one. The remote chooses bus and device name, as its hypervisors need them.
"""

import re
from functools import partial

from one2one.driver.devices import attach, detach, find_mapped
from one2one.driver.hotplug import Call, Result, change
from one2one.driver.operation import Job, Operation, Steps
from one2one.hybrid import goals
from one2one.hybrid.devices import DISK, LocalDevice, find_active, find_remote
from one2one.opennebula.devices import get_image, resize_disk
from one2one.opennebula.errors import ProtocolError, Refused
from one2one.opennebula.ids import read_id
from one2one.opennebula.records import Vm
from one2one.opennebula.template import Vector

_VOLATILE = ("TYPE", "SIZE", "FORMAT", "FS")
_WORD = re.compile(r"[\w.-]{1,60}", re.ASCII)


def attach_disk(job: Job) -> Steps:
    """ATTACHDISK."""
    local = find_active(job.request, DISK)
    return attach(job, local, partial(_describe, job, local))


def detach_disk(job: Job) -> Steps:
    """DETACHDISK."""
    return detach(job, find_active(job.request, DISK))


def resize(job: Job) -> Steps:
    """RESIZEDISK: one that is as large already, or larger, is done; oned shrinks none."""
    local = find_active(job.request, DISK)
    size, client = _read_size(local.members), job.remote.cloud.client

    def choose(remote: Vm, _: frozenset[str]) -> Call | Result | None:
        found = find_remote(remote, local)
        if not found:
            raise Refused(
                f"disk {local.number} has none in remote VM {remote.id}",
                remedy="It was lost there, or was not attached there. Detach it here too",
            )
        if _read_size(found[0].members) >= size:
            return Result()
        return Call("disk-resize", partial(resize_disk, client, remote.id, found[0].number, size))

    return change(job, choose, goals.CHANGEABLE_OR_OFF)


OPERATIONS: dict[str, Operation] = {
    "ATTACHDISK": attach_disk,
    "DETACHDISK": detach_disk,
    "RESIZEDISK": resize,
}


def _describe(job: Job, local: LocalDevice) -> Vector:
    """Return the remote disk to attach; raises Refused, and the errors of a call."""
    members = local.members
    if "IMAGE_ID" in members:
        image_id = read_id(members["IMAGE_ID"])
        if image_id is None:
            raise ProtocolError(f"oned sent disk {local.number} without an image id", remedy="")
        return {"IMAGE_ID": str(find_mapped(job, get_image, image_id).id)}
    disk = {name: members[name] for name in _VOLATILE if members.get(name)}
    for name, value in disk.items():
        if not _WORD.fullmatch(value):
            raise Refused(
                f"disk {local.number} has {name}={value[:60]!r}, which is no word", remedy=""
            )
    return disk


def _read_size(members: Vector) -> int:
    """Return a disk's size in MB, 0 if it tells none."""
    return read_id(members.get("SIZE")) or 0
