"""How a local VM and its remote VM name each other.

The deploy id, the remote VM's name and the first two marks are those of OpenNebula's Ruby driver
(5.6 to 6.10), so that its VMs can be taken over. The hybrid id is ours: it tells the VMs of one
local host from those of any other that uses the same remote account. The start is ours too: it
tells a local VM from a later one with the same id (after a restored database), and what was made
for it before ``onevm recover --recreate`` from what was made afterwards.
"""

import re
from dataclasses import dataclass, replace

from one2one.opennebula.errors import Refused
from one2one.opennebula.ids import read_id
from one2one.opennebula.records import Vm
from one2one.opennebula.template import Template

DRIVER = "one"
"""The drivers' NAME, with which hosts are created. OpenNebula's Ruby drivers have the same."""
HYBRID_ID = "ONE_HYBRID_ID"
_VM_ID = "REMOTE_OPENNEBULA_VM_ID"
_START = "ONE_HYBRID_STAY"
MARKS = frozenset({HYBRID_ID, _START, _VM_ID, "REMOTE_OPENNEBULA", "REMOTE_OPENNEBULA_DEPLOY_ID"})
"""Attributes that only a hybrid driver gives a VM, the Ruby driver's included."""
_START_VALUE = re.compile(r"(\d{1,11})\.(\d{1,9})", re.ASCII)
_DEPLOY_ID = "opennebula-hybrid-"
_NAME = "remote-opennebula-"


def format_deploy_id(remote_id: int) -> str:
    """Return the deploy id, in the local cloud, of the remote VM *remote_id*."""
    return f"{_DEPLOY_ID}{remote_id}"


def is_deploy_id(text: str) -> bool:
    """Tell whether *text* is a deploy id of ours."""
    return find_remote_id(text) is not None


def find_remote_id(deploy_id: str) -> int | None:
    """Return the remote VM's id, None when the deploy id is not one of ours."""
    return _number_after(_DEPLOY_ID, deploy_id)


def parse_deploy_id(deploy_id: str) -> int:
    """Return the remote VM's id; raises Refused when the deploy id is not one of ours."""
    number = find_remote_id(deploy_id)
    if number is None:
        raise Refused(
            f"deploy id {deploy_id[:60]!r} is not of the form opennebula-hybrid-<remote VM id>",
            remedy="Free the VM with: onevm recover --delete",
        )
    return number


def format_remote_name(vm_id: int) -> str:
    """Return the name of the remote VM of the local VM *vm_id*."""
    return f"{_NAME}{vm_id}"


def parse_remote_name(remote_name: str) -> int | None:
    """Return the local VM's id that a remote VM's name tells, None for any other name."""
    return _number_after(_NAME, remote_name)


@dataclass(frozen=True, slots=True)
class Marks:
    """Whose a remote VM is, as its marks say."""

    hybrid_id: str
    """ONE_HYBRID_ID of the local host."""
    vm_id: int
    stime: int
    """The local VM's STIME."""
    sequence: int
    """SEQ of the local VM's history record for which the remote VM was made."""

    def name_same_vm(self, other: "Marks") -> bool:
        """Tell whether both name one local VM, whatever the sequence."""
        return replace(self, sequence=0) == replace(other, sequence=0)


def build_marks(local: Vm, hybrid_id: str) -> Marks:
    """Return the marks of the remote VM of *local*, for its present start, or for its first one."""
    sequence = local.history[-1].sequence if local.history else 0
    return Marks(hybrid_id, local.id, local.stime, sequence)


def format_marks(marks: Marks) -> Template:
    """Return the attributes that say whose VM a remote VM is, from its first moment."""
    return Template(
        [
            ("REMOTE_OPENNEBULA", "YES"),
            (_VM_ID, str(marks.vm_id)),
            (HYBRID_ID, marks.hybrid_id),
            (_START, f"{marks.stime}.{marks.sequence}"),
        ]
    )


def read_marks(remote: Vm) -> Marks | None:
    """Return what *remote*'s marks say, None when they are not all there, and right.

    It is no VM of ours then: we write no others.
    """
    hybrid_id, vm_id = remote.user_template.text(HYBRID_ID), read_marked_vm_id(remote)
    start = _START_VALUE.fullmatch(remote.user_template.text(_START))
    if not hybrid_id or vm_id is None or start is None:
        return None
    return Marks(hybrid_id, vm_id, int(start[1]), int(start[2]))


def read_marked_vm_id(remote: Vm) -> int | None:
    """Return the local VM's id in *remote*'s marks, the Ruby driver's included."""
    return read_id(remote.user_template.text(_VM_ID))


def _number_after(prefix: str, text: str) -> int | None:
    return read_id(text.removeprefix(prefix)) if text.startswith(prefix) else None
