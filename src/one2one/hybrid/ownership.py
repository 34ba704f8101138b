"""Whose a remote VM is, as far as its marks and its name tell.

    the remote VM carries …                                      it is
    ──────────────────────────────────────────────────────────   ────────
    all marks: the host's hybrid id, the local VM's id and STIME OURS
    the Ruby driver's mark alone, with the local VM's id         OURS
    any other mark, or a name that the drivers give              ANOTHERS
    nothing of the kind                                          UNMARKED

Nothing is done to a VM that is ANOTHERS. One that is UNMARKED existed before the local VM. It is
the local VM's only if that was imported, and then it is marked before anything else.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto

from one2one.hybrid.naming import (
    HYBRID_ID,
    MARKS,
    Marks,
    build_marks,
    format_deploy_id,
    parse_remote_name,
    read_marked_vm_id,
    read_marks,
)
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import Vm


class Ownership(Enum):
    """What a remote VM is to a local VM; see the table above."""

    OURS = auto()
    ANOTHERS = auto()
    UNMARKED = auto()


@dataclass(frozen=True, slots=True)
class Identity:
    """What a remote VM says of whose it is."""

    remote_id: int
    stime: int
    """When the remote VM was created. Another VM with the same id has another."""
    named_vm_id: int | None
    """The local VM's id in its name."""
    marks: Marks | None
    """None where a mark is missing or malformed."""
    marked_vm_id: int | None
    """The local VM's id in its marks, the Ruby driver's included."""
    has_hybrid_id: bool
    has_marks: bool
    """Whether it has any mark, be it malformed."""

    @classmethod
    def read(cls, remote: Vm) -> "Identity":
        """Return what *remote* says."""
        present = {name for name, _ in remote.user_template}
        return cls(
            remote_id=remote.id,
            stime=remote.stime,
            named_vm_id=parse_remote_name(remote.name),
            marks=read_marks(remote),
            marked_vm_id=read_marked_vm_id(remote),
            has_hybrid_id=HYBRID_ID in present,
            has_marks=not present.isdisjoint(MARKS),
        )

    def rename(self, name: str) -> "Identity":
        """Return the same of a VM that is called *name* by now."""
        return replace(self, named_vm_id=parse_remote_name(name))

    @property
    def is_wild(self) -> bool:
        """Whether neither its marks nor its name tell of a hybrid driver."""
        return not self.has_marks and self.named_vm_id is None

    @property
    def is_of_ruby_driver(self) -> bool:
        """Whether the Ruby driver made it."""
        return self.marked_vm_id is not None and not self.has_hybrid_id


def judge(identity: Identity, marks: Marks) -> Ownership:
    """Return what a remote VM is to the local VM that *marks* name, whatever the sequence."""
    if identity.marks is not None:
        same = identity.marks.name_same_vm(marks)
        return Ownership.OURS if same else Ownership.ANOTHERS
    if identity.is_of_ruby_driver:
        same = identity.marked_vm_id == marks.vm_id
        return Ownership.OURS if same else Ownership.ANOTHERS
    return Ownership.UNMARKED if identity.is_wild else Ownership.ANOTHERS


def is_imported(local: Vm, remote_id: int, host_name: str) -> bool:
    """Tell whether *local* was made by importing the remote VM from the host.

    oned writes IMPORTED for a template with a deploy id, which only administrators may submit
    (see ``doctor``). The host's name is in the template that was offered (``hybrid.wild``);
    without one the import is of an earlier time.
    """
    if local.template.text("IMPORTED") != "YES" or local.deploy_id != format_deploy_id(remote_id):
        return False
    sections = local.user_template.vectors("PUBLIC_CLOUD")
    hosts = {section.get("HOST", "").strip().lower() for section in sections} - {""}
    return not hosts or host_name.lower() in hosts


def check_owner(local: Vm, remote: Vm, hybrid_id: str, host_name: str) -> None:
    """Raise Refused unless *remote* is *local*'s, by its marks or an import; both just read."""
    identity, marks = Identity.read(remote), build_marks(local, hybrid_id)
    ownership = judge(identity, marks)
    imported = ownership is Ownership.UNMARKED and is_imported(local, remote.id, host_name)
    if ownership is not Ownership.OURS and not imported:
        raise not_ours_error(identity, marks)


def not_ours_error(identity: Identity, marks: Marks) -> Refused:
    """Return the error for a remote VM that is not that of the local VM that *marks* name."""
    description = _describe(identity, marks)
    return Refused(
        f"remote VM {identity.remote_id} is not VM {marks.vm_id}'s: it {description}",
        remedy="Nothing was done to it. See one2one doctor, or end the local VM alone with: "
        "onevm recover --delete-db",
    )


def _describe(identity: Identity, marks: Marks) -> str:
    remote_marks = identity.marks
    if remote_marks is None:
        if identity.is_of_ruby_driver:
            return f"carries the marks of VM {identity.marked_vm_id}, by the Ruby driver"
        if identity.has_marks:
            return "carries damaged marks"
        if identity.named_vm_id is not None:
            return f"is called after VM {identity.named_vm_id}, and has lost its marks"
        return "carries no marks, and no import explains it"
    if remote_marks.hybrid_id != marks.hybrid_id:
        return f"carries the marks of VM {remote_marks.vm_id} of another host or cloud"
    if remote_marks.vm_id == marks.vm_id:
        return f"carries the marks of an earlier VM {remote_marks.vm_id}"
    return f"carries the marks of VM {remote_marks.vm_id}"
