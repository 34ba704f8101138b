"""Which operations a host passes through to its remote, in one table.

A hybrid host refuses all of them, unless its ONE_PASS_THROUGH names their kind.
"""

from collections.abc import Collection
from dataclasses import dataclass

from one2one.opennebula.errors import Refused


@dataclass(frozen=True, slots=True)
class PassedAction:
    """An action of oned that a host may pass through."""

    kind: str
    """The word in ONE_PASS_THROUGH."""
    action: str
    """As oned asks for it."""
    command: str
    """What a user types after ``onevm``."""
    states: str
    """The states of the local VM in which oned asks for it."""
    since: str
    """The first release of the front-end that does, 5.6 for all."""
    call: str
    """What the remote is asked for."""
    remote_since: str
    """The first release of the remote that does it in these states."""
    failure: str
    """How ERROR of the remote VM begins after its time where that failed, up to 5.12; from 6.0 with
    *action*. Source: ``log_error`` in ``VirtualMachineManager{Driver,Protocol}.cc``."""


ACTIONS = (
    PassedAction(
        *("SNAPSHOT", "SNAPSHOTCREATE", "snapshot-create", "RUNNING", "5.6"),
        *("one.vm.snapshotcreate", "5.6", "Error creating new VM Snapshot"),
    ),
    PassedAction(
        *("SNAPSHOT", "SNAPSHOTREVERT", "snapshot-revert", "RUNNING", "5.6"),
        *("one.vm.snapshotrevert", "5.6", "Error reverting VM Snapshot"),
    ),
    PassedAction(
        *("SNAPSHOT", "SNAPSHOTDELETE", "snapshot-delete", "RUNNING, POWEROFF", "5.6"),
        *("one.vm.snapshotdelete", "5.6", "Error deleting VM Snapshot"),
    ),
    PassedAction(
        *("RESIZE", "RESIZE", "resize", "RUNNING", "6.0"),
        *("one.vm.resize", "6.0", "RESIZE"),
    ),
    PassedAction(
        *("UPDATECONF", "UPDATECONF", "updateconf", "RUNNING", "5.10"),
        *("one.vm.updateconf", "5.10", "Error updating conf for VM"),
    ),
    PassedAction(
        *("DISK", "ATTACHDISK", "disk-attach", "RUNNING", "5.6"),
        *("one.vm.attach", "5.6", "Error attaching new VM Disk"),
    ),
    PassedAction(
        *("DISK", "DETACHDISK", "disk-detach", "RUNNING", "5.6"),
        *("one.vm.detach", "5.6", "Error detaching VM Disk"),
    ),
    PassedAction(
        *("DISK", "RESIZEDISK", "disk-resize", "RUNNING", "5.6"),
        *("one.vm.diskresize", "5.6", "Error resizing disk"),
    ),
    PassedAction(
        *("NIC", "ATTACHNIC", "nic-attach", "RUNNING, POWEROFF", "5.6"),
        *("one.vm.attachnic", "5.6", "Error attaching new VM NIC"),
    ),
    PassedAction(
        *("NIC", "DETACHNIC", "nic-detach", "RUNNING, POWEROFF", "5.6"),
        *("one.vm.detachnic", "5.6", "Error detaching VM NIC"),
    ),
)
"""All of them, by kind."""

KINDS = tuple(dict.fromkeys(row.kind for row in ACTIONS))
"""The words that ONE_PASS_THROUGH may have."""

_FAILURES = {row.command: (f" {row.action}: ", f" {row.failure}: ") for row in ACTIONS}
_KIND_OF = {row.action: row.kind for row in ACTIONS}


class Unsupported(Refused):
    """Raised for an action that the driver does not have, or that the host does not allow."""

    remedy = ""


def require_passed(action: str, passed: Collection[str]) -> None:
    """Raise Unsupported where *action* is of a kind that is not among those *passed* through."""
    kind = _KIND_OF.get(action)
    if kind is not None and kind not in passed:
        raise unsupported_error(action)


def is_error_of(call: str, error: str) -> bool:
    """Tell whether a VM's ERROR, with its time, is about a call, named after its command."""
    return any(words in f" {error}" for words in _FAILURES.get(call.partition(" ")[0], ()))


def unsupported_error(action: str) -> Unsupported:
    """Return the error for what a VM in a remote OpenNebula cannot do."""
    return Unsupported(f"{action} is not supported for VMs in a remote OpenNebula")
