"""Which remote VMs exist already, asked before one is created.

An earlier attempt may have created the VM, and ended before it got the answer. The short pool rows
show the VM's name. Then the marks of the few VMs that match are read. One listing serves every
DEPLOY that arrived before the listing began. So a burst costs a few listings, not one a VM.
"""

from dataclasses import dataclass

from one2one.driver.single_flight import SingleFlight
from one2one.hybrid.naming import Marks, format_remote_name, read_marks
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


class VmIndex:
    """The account's VMs at the remote, by name. Thread-safe."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._listings: SingleFlight[None, _Listing] = SingleFlight()

    def find_marked(self, marks: Marks, not_before: float) -> list[Vm]:
        """Return the remote VMs that carry the marks of a local VM, of any sequence, newest first.

        A remote VM that is older than the local one is not its VM. A listing that began before
        *not_before* is not used: see ``SingleFlight``. Raises the errors of a call.
        """
        since = marks.stime - CLOCK_SKEW_S
        listing = self._listings.get(
            None, not_before, lambda: self._list(since), lambda listing: listing.since <= since
        )
        rows = listing.by_name.get(format_remote_name(marks.vm_id), [])
        vms = [self._cloud.get_vm(row.id) for row in sorted(rows, key=lambda row: -row.id)]
        return [vm for vm in vms if (other := read_marks(vm)) and other.name_same_vm(marks)]

    def _list(self, since: int) -> _Listing:
        """List the VMs created after *since*, or more: all older ones cost only one more call.

        The second call asks by id, because a page by offset would miss VMs when others vanish
        between the calls.
        """
        rows = self._cloud.list_newest_vms(_FIRST_PAGE)
        reaches = float("-inf")
        if len(rows) >= _FIRST_PAGE:
            oldest = min(rows, key=lambda row: row.id)
            ascending = rows[0].id < rows[-1].id
            if ascending:
                rows = self._cloud.list_vms()
            elif oldest.stime >= since:
                rows += self._cloud.list_vms(range(oldest.id))
            else:
                reaches = oldest.stime
        by_name: dict[str, list[VmRow]] = {}
        for row in rows:
            by_name.setdefault(row.name, []).append(row)
        return _Listing(reaches, by_name)
