"""How a system snapshot of a local VM and that of its remote VM name each other.

oned gives a VM's next snapshot the highest number plus one, so a number may come back. A remote
snapshot's name therefore ends in a tag: the local VM's id, the local snapshot's number, and when
the local snapshot was made. Nobody can rename a system snapshot, so the tag holds for life. A
remote snapshot with this number and another time is left over: its local snapshot is gone.
Source: ``src/vm/VirtualMachineSystemSnapshot.cc``, the same from 5.4 to 7.4.
"""

import re
from dataclasses import dataclass

from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.ids import read_id
from one2one.opennebula.records import Vm
from one2one.opennebula.template import Vector

_TAG = re.compile(r"\[one2one (\d{1,10})\.(\d{1,10})\.(\d{1,11})\]$", re.ASCII)
_LONGEST = 100
"""Characters of a user's name for a snapshot that its remote snapshot keeps."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A system snapshot of a VM."""

    id: int
    """SNAPSHOT_ID, a number within its VM."""
    name: str
    time: str
    """When it was made: seconds since 1970, by its own cloud's clock."""
    is_active: bool
    """Whether it is being made, reverted or deleted."""


def read_snapshots(vm: Vm) -> list[Snapshot]:
    """Return the system snapshots of *vm*; one without a number is left out."""
    numbered = (
        (read_id(vector.get("SNAPSHOT_ID")), vector) for vector in vm.template.vectors("SNAPSHOT")
    )
    return [_read(number, vector) for number, vector in numbered if number is not None]


def find_active(vm: Vm) -> Snapshot:
    """Return the snapshot of a local VM that an action is about; raises ProtocolError."""
    for snapshot in read_snapshots(vm):
        if snapshot.is_active:
            return snapshot
    raise ProtocolError(f"oned sent VM {vm.id} without an active snapshot", remedy="")


def format_name(vm_id: int, local: Snapshot) -> str:
    """Return the name for the remote snapshot of the local VM *vm_id*'s snapshot *local*."""
    name = clean_line(local.name.replace("@^_^@", " "), _LONGEST)
    return f"{name} [one2one {vm_id}.{local.id}.{local.time}]".strip()


def find_remote(remote: Vm, vm_id: int, local: Snapshot) -> list[Snapshot]:
    """Return the snapshots of *remote* that are that of the local VM *vm_id*'s *local*."""
    wanted = (str(vm_id), str(local.id), local.time)
    return [snapshot for snapshot in read_snapshots(remote) if _read_tag(snapshot) == wanted]


def find_left_over(remote: Vm, vm_id: int, local: Snapshot) -> list[Snapshot]:
    """Return those of an earlier local snapshot that had the number of *local*."""
    tags = [(snapshot, _read_tag(snapshot)) for snapshot in read_snapshots(remote)]
    wanted = (str(vm_id), str(local.id))
    return [snapshot for snapshot, tag in tags if tag[:2] == wanted and tag[2] != local.time]


def _read(number: int, vector: Vector) -> Snapshot:
    name, time = vector.get("NAME", ""), vector.get("TIME", "")
    return Snapshot(number, name, time, is_active=vector.get("ACTIVE") == "YES")


def _read_tag(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the VM's id, the snapshot's number and its time, nothing where there is no tag."""
    match = _TAG.search(snapshot.name)
    return match.groups() if match else ()
