"""Which remote VMs exist already, asked before one is created.

An earlier attempt may have created the VM and been cut off before anyone learnt of it. The name
tells in the short pool rows; the marks of the few that match are then read. One listing serves
every DEPLOY that arrived before it was begun, so a burst costs a few listings, not one a VM.
"""

import threading
import time
from copy import copy

from one2one.hybrid.naming import Owner, owner, remote_name
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.errors import OneError
from one2one.opennebula.records import Vm, VmRow

CLOCK_SKEW_S = 3600
"""How far the two clouds' clocks may differ."""

_FIRST_PAGE = 100


class Roster:
    """The account's VMs at the remote, by name. Thread-safe."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._begun = float("-inf")
        self._since = float("inf")
        self._by_name: dict[str, list[VmRow]] = {}
        self._failure: tuple[float, OneError] | None = None

    def owned(self, vm_id: int, hybrid_id: str, stime: int, asked: float) -> list[Vm]:
        """Return the remote VMs that carry the marks of a local VM, newest first.

        *stime* is the local VM's: what is older cannot be its, and what has another in its marks
        is another VM's with the same id. *asked* is when the question arose, by
        ``time.monotonic()``: the listing is at least as new as that, and a new one when it is
        infinite.

        Raises the errors of a call, that of a listing to all whom it was to serve.
        """
        with self._lock:
            if self._begun < asked or self._since > stime - CLOCK_SKEW_S:
                self._list_or_fail(stime - CLOCK_SKEW_S, asked)
            rows = self._by_name.get(remote_name(vm_id), [])
        vms = [self._cloud.vm(row.id) for row in sorted(rows, key=lambda row: -row.id)]
        return [vm for vm in vms if _owned_by(owner(vm), hybrid_id, vm_id, stime)]

    def _list_or_fail(self, since: int, asked: float) -> None:
        """List the VMs, unless that failed already since *asked*: a burst fails in one timeout."""
        if self._failure and self._failure[0] >= asked:
            raise copy(self._failure[1])
        begun = time.monotonic()
        try:
            self._list(since)
        except OneError as error:
            self._failure = begun, copy(error)
            raise

    def _list(self, since: int) -> None:
        """List the VMs created after *since*, or more: all older ones cost only one more call.

        The second call asks by id, because a page by offset would miss VMs when others vanish
        between the calls.
        """
        begun = time.monotonic()
        rows = self._cloud.newest_vms(_FIRST_PAGE)
        reaches = float("-inf")
        if len(rows) >= _FIRST_PAGE:
            oldest = min(rows, key=lambda row: row.id)
            ascending = rows[0].id < rows[-1].id
            if ascending:
                rows = self._cloud.vms()
            elif oldest.stime >= since:
                rows += self._cloud.vms(0, oldest.id - 1)
            else:
                reaches = oldest.stime
        by_name: dict[str, list[VmRow]] = {}
        for row in rows:
            by_name.setdefault(row.name, []).append(row)
        self._begun, self._since, self._by_name = begun, reaches, by_name


def _owned_by(found: Owner | None, hybrid_id: str, vm_id: int, stime: int) -> bool:
    return found is not None and (found.hybrid_id, found.vm_id, found.stime) == (
        hybrid_id,
        vm_id,
        stime,
    )
