"""NICs: the remote VM gets one for each that is attached to its local VM.

The local network names the remote one. If that has the address which the local cloud leased, the
NIC gets this address there, or is refused: two networks with the same addresses are one to their
users, and another address would be in use twice. If it does not have it, it gives one of its own.
"""

from functools import partial

from one2one.driver.devices import attach, detach, find_mapped
from one2one.driver.operation import Job, Operation, Steps
from one2one.hybrid.devices import NIC, LocalDevice, find_active, find_lost_aliases, is_active
from one2one.hybrid.pass_through import unsupported_error
from one2one.opennebula.devices import get_network
from one2one.opennebula.errors import Refused
from one2one.opennebula.ids import read_id
from one2one.opennebula.template import Vector

_OTHERS = ("NIC_ALIAS", "PCI")
"""What oned attaches and detaches as NICs too. An alias is an address of another NIC; a PCI device
is of a host."""


def attach_nic(job: Job) -> Steps:
    """ATTACHNIC."""
    for other in _OTHERS:
        if is_active(job.request.vm, other):
            raise unsupported_error(f"ATTACHNIC of a {other}")
    local = find_active(job.request, NIC)
    return attach(job, local, partial(_describe, job, local))


def detach_nic(job: Job) -> Steps:
    """DETACHNIC: of what was never attached there, nothing is left to do."""
    if any(is_active(job.request.vm, other) for other in _OTHERS):
        yield from ()
        return ""
    local = find_active(job.request, NIC)
    if lost := find_lost_aliases(job.request.vm, local):
        raise Refused(
            f"NIC {local.number} still names alias {', '.join(lost)}, which is gone",
            remedy="oned up to 5.10 would crash: keep the NIC until the VM ends",
        )
    return (yield from detach(job, local))


OPERATIONS: dict[str, Operation] = {"ATTACHNIC": attach_nic, "DETACHNIC": detach_nic}


def _describe(job: Job, local: LocalDevice) -> Vector:
    """Return the remote NIC to attach; raises Refused, and the errors of a call."""
    network_id = read_id(local.members.get("NETWORK_ID"))
    if network_id is None:
        raise Refused(
            f"NIC {local.number} has no virtual network",
            remedy="Attach one with: onevm nic-attach --network",
        )
    network, address = find_mapped(job, get_network, network_id), local.members.get("IP", "")
    nic = {"NETWORK_ID": str(network.id)}
    if network.has_address(address):
        return nic | {"IP": address}
    if address:
        job.log(f"The remote's {network.description} has no {address}, and gives another address")
    return nic
