"""Which operations a host passes through to its remote, in one table.

A hybrid host refuses all of them, unless its ONE_PASS_THROUGH names their kind.
"""

from collections.abc import Collection

from one2one.opennebula.errors import Refused

KINDS: dict[str, tuple[str, ...]] = {
    "RESIZE": ("RESIZE",),
    "SNAPSHOT": ("SNAPSHOTCREATE", "SNAPSHOTREVERT", "SNAPSHOTDELETE"),
}
"""The actions of each kind, as oned asks for them."""

_KIND_OF = {action: kind for kind, actions in KINDS.items() for action in actions}


class Unsupported(Refused):
    """Raised for an action that the driver does not have, or that the host does not allow."""

    remedy = ""


def require_passed(action: str, passed: Collection[str]) -> None:
    """Raise Unsupported where *action* is of a kind that is not among those *passed* through."""
    kind = _KIND_OF.get(action)
    if kind is not None and kind not in passed:
        raise unsupported_error(action)


def unsupported_error(action: str) -> Unsupported:
    """Return the error for what a VM in a remote OpenNebula cannot do."""
    return Unsupported(f"{action} is not supported for VMs in a remote OpenNebula")
