"""What the VMs of a remote account say of themselves, as one host reads it.

name                     marks                      the VM is
──────────────────────   ────────────────────────   ─────────────────────────────────────
remote-opennebula-<id>   this host's, for that id   the host's: the reaper judges it
any other                this host's                imported, or renamed: never destroyed
remote-opennebula-<id>   none, or damaged           unmarked: told, never destroyed
any                      another host's, or Ruby's  not this host's business
"""

from collections.abc import Iterable
from dataclasses import dataclass

from one2one.hybrid.naming import Marks
from one2one.hybrid.ownership import Identity


@dataclass(frozen=True, slots=True)
class MarkedVm:
    """A remote VM that carries this host's marks."""

    remote_id: int
    marks: Marks
    is_named: bool = True
    """Whether its name tells the same local VM."""


@dataclass(frozen=True, slots=True)
class UnmarkedVm:
    """A remote VM that has lost its marks."""

    remote_id: int
    vm_id: int
    """The local VM that its name tells."""
    reason: str


def find_marked(identities: Iterable[Identity], hybrid_id: str) -> list[MarkedVm]:
    """Return those VMs of an account that carry the marks of the host with this hybrid id."""
    return [
        MarkedVm(one.remote_id, one.marks, is_named=one.named_vm_id == one.marks.vm_id)
        for one in identities
        if one.marks and one.marks.hybrid_id == hybrid_id
    ]


def find_unmarked(identities: Iterable[Identity]) -> list[UnmarkedVm]:
    """Return those VMs of an account that a hybrid driver has named, and whose marks are lost."""
    unmarked = []
    for one in identities:
        vm_id = one.named_vm_id
        if vm_id is None or one.marks or (one.is_of_ruby_driver and one.marked_vm_id == vm_id):
            continue
        lost = "damaged marks" if one.has_marks else "no marks"
        reason = f"it is called after VM {vm_id} and has {lost}"
        unmarked.append(UnmarkedVm(one.remote_id, vm_id, reason))
    return unmarked
