"""Which VMs' usage is sent to monitord: records that it does not have yet.

monitord keeps each MONITOR_VM as a new record with its own time, and forgets a record after
VM_MONITORING_EXPIRATION_TIME, 12 hours by default. A remote may have no newer record for minutes.
So a remote record, known by its REMOTE_USAGE_TIME, is sent once. It is sent again when the state or
an address changes, and in any case long before it expires.
"""

from collections.abc import Iterable

from one2one.driver.round import VmUsage

REFRESH_S = 1800.0


class UsageNews:
    """The usage that was sent to monitord for the VMs of one host, and when."""

    def __init__(self) -> None:
        self._sent: dict[int, tuple[VmUsage, float]] = {}

    def select_news(self, usages: Iterable[VmUsage], now: float) -> list[VmUsage]:
        """Return those that are news at *now*, by ``runtime.monotonic()``; drop other VMs."""
        known = list(usages)
        ids = {usage.vm_id for usage in known}
        self._sent = {vm_id: sent for vm_id, sent in self._sent.items() if vm_id in ids}
        return [usage for usage in known if self._is_news(usage, now)]

    def record_sent(self, usages: Iterable[VmUsage], now: float) -> None:
        """Note that these were sent."""
        self._sent |= {usage.vm_id: (usage, now) for usage in usages}

    def _is_news(self, usage: VmUsage, now: float) -> bool:
        sent, at = self._sent.get(usage.vm_id, (None, 0.0))
        return usage != sent or now - at >= REFRESH_S
