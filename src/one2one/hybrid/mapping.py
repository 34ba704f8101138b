"""Which image or network of a remote stands for a local one.

An attribute of the local object says it, by the remote's id: for every remote, or for that of one
hybrid host: ``ONE_REMOTE_NETWORK="7"`` or ``ONE_REMOTE_NETWORK=[HOST="burst1", ID="7"]``. What the
DISK or NIC of a VM says of it does not count, because users write that. Nor does what an image or
network of a user says, unless the host allows it: it would get its user every image and network
that the account may use.
"""

from one2one.opennebula.errors import NotFound, Refused
from one2one.opennebula.ids import read_id
from one2one.opennebula.resources import Resource

ATTRIBUTES = {"image": "ONE_REMOTE_IMAGE", "network": "ONE_REMOTE_NETWORK"}
"""By ``Resource.kind``."""
_COMMANDS = {"image": "oneimage", "network": "onevnet"}


def find_mapped_id(local: Resource, host_name: str, *, by_users: bool) -> int:
    """Return the id of what stands for *local* in a host's remote; raises Refused without one.

    *by_users* tells whether mappings of what users own count.
    """
    text, attribute = _find_text(local, host_name), ATTRIBUTES[local.kind]
    number = read_id(text)
    if number is None:
        cause = f"{local.description} has no {attribute}"
        if text:
            cause = f"{local.description} has {attribute}={text[:60]!r}, which is no id"
        raise Refused(cause, remedy=_explain_mapping(local, host_name))
    if not by_users and not local.is_administrators:
        raise Refused(
            f"{local.description} has {attribute}, which does not count: a user owns the "
            f"{local.kind}, not oneadmin",
            remedy=f"Have an administrator see whether it is right, and then run: "
            f"{_COMMANDS[local.kind]} chown {local.id} oneadmin",
        )
    return number


def not_usable_error(local: Resource, remote_id: int, host_name: str, error: Refused) -> Refused:
    """Return the error for a remote image or network that cannot be read, as *error* says."""
    stands = f"{local.description} stands for {local.kind} {remote_id} of the remote"
    cause = f"{stands}, which the account may not use"
    remedy = "Have the remote's administrator give the account the right to USE it"
    if isinstance(error, NotFound):
        cause = f"{stands}, which does not exist"
        remedy = _explain_mapping(local, host_name)
    return Refused(cause, remedy=remedy, call=error.call, endpoint=error.endpoint)


def _explain_mapping(local: Resource, host_name: str) -> str:
    return (
        f"Set {ATTRIBUTES[local.kind]} to the id of the {local.kind} that stands for it in the "
        f"remote of host {host_name}, with: {_COMMANDS[local.kind]} update {local.id}"
    )


def _find_text(local: Resource, host_name: str) -> str:
    attribute = ATTRIBUTES[local.kind]
    for vector in local.template.vectors(attribute):
        if vector.get("HOST", "").strip().lower() == host_name.lower():
            return vector.get("ID", "").strip()
    return local.template.text(attribute).strip()
