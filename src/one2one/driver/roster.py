"""Which remote VMs exist already, asked before one is created.

An earlier attempt may have created the VM and been cut off before anyone learnt of it. The name
tells in the short pool rows; the marks of the few that match are then read. One listing serves
every DEPLOY that arrived before it was begun, so a burst costs a few listings, not one a VM.
"""

from dataclasses import dataclass

from one2one.driver.shared import Shared
from one2one.hybrid.naming import Owner, owner, remote_name
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.records import Vm, VmRow

CLOCK_SKEW_S = 3600
"""How far the two clouds' clocks may differ."""

_FIRST_PAGE = 100


@dataclass(frozen=True, slots=True)
class _Listing:
    """The account's VMs."""

    since: float
    """All that were created after this are in it: seconds since 1970, by the remote's clock."""
    by_name: dict[str, list[VmRow]]


class Roster:
    """The account's VMs at the remote, by name. Thread-safe."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._listings: Shared[None, _Listing] = Shared()

    def owned(self, vm_id: int, hybrid_id: str, stime: int, asked: float) -> list[Vm]:
        """Return the remote VMs that carry the marks of a local VM, newest first.

        *stime* is the local VM's: what is older cannot be its, and what has another in its marks
        is another VM's with the same id. *asked* is when the question arose: see ``Shared``.
        Raises the errors of a call.
        """
        since = stime - CLOCK_SKEW_S
        listing = self._listings.get(
            None, asked, lambda: self._list(since), lambda found: found.since <= since
        )
        rows = listing.by_name.get(remote_name(vm_id), [])
        vms = [self._cloud.vm(row.id) for row in sorted(rows, key=lambda row: -row.id)]
        return [vm for vm in vms if _owned_by(owner(vm), hybrid_id, vm_id, stime)]

    def _list(self, since: int) -> _Listing:
        """List the VMs created after *since*, or more: all older ones cost only one more call.

        The second call asks by id, because a page by offset would miss VMs when others vanish
        between the calls.
        """
        rows = self._cloud.newest_vms(_FIRST_PAGE)
        reaches = float("-inf")
        if len(rows) >= _FIRST_PAGE:
            oldest = min(rows, key=lambda row: row.id)
            ascending = rows[0].id < rows[-1].id
            if ascending:
                rows = self._cloud.vms()
            elif oldest.stime >= since:
                rows += self._cloud.vms(range(oldest.id))
            else:
                reaches = oldest.stime
        by_name: dict[str, list[VmRow]] = {}
        for row in rows:
            by_name.setdefault(row.name, []).append(row)
        return _Listing(reaches, by_name)


def _owned_by(found: Owner | None, hybrid_id: str, vm_id: int, stime: int) -> bool:
    return found is not None and (found.hybrid_id, found.vm_id, found.stime) == (
        hybrid_id,
        vm_id,
        stime,
    )
