"""Which VMs' usage monitord is told of: what it was not told yet.

monitord keeps each MONITOR_VM as a new record with its own time, and forgets a record after
VM_MONITORING_EXPIRATION_TIME, 12 hours by default. A remote may have no newer record for minutes.
So a remote record is told once, by its REMOTE_USAGE_TIME, and again where the state or an address
is another; and all of it long before it is forgotten.
"""

from collections.abc import Iterable

from one2one.driver.round import VmUsage

REFRESH_S = 1800.0


class UsageNews:
    """What monitord was told of the VMs of one host, and when."""

    def __init__(self) -> None:
        self._told: dict[int, tuple[VmUsage, float]] = {}

    def select(self, usages: Iterable[VmUsage], now: float) -> list[VmUsage]:
        """Return those that are news at *now*, by a clock that nobody sets; forget other VMs."""
        found = list(usages)
        ids = {usage.vm_id for usage in found}
        self._told = {vm_id: told for vm_id, told in self._told.items() if vm_id in ids}
        return [usage for usage in found if self._is_news(usage, now)]

    def note(self, usages: Iterable[VmUsage], now: float) -> None:
        """Note that monitord has been told."""
        self._told |= {usage.vm_id: (usage, now) for usage in usages}

    def _is_news(self, usage: VmUsage, now: float) -> bool:
        told, at = self._told.get(usage.vm_id, (None, 0.0))
        return usage != told or now - at >= REFRESH_S
