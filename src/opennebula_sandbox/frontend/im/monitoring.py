"""The settings of monitoring, and its interface to oned in all releases."""

from dataclasses import dataclass
from typing import Protocol

from opennebula_sandbox.cloud.objects import Host


@dataclass(frozen=True)
class MonitoringSettings:
    """The periods in oned.conf and monitord.conf, in seconds, with their stock values."""

    interval: float = 180
    """MONITORING_INTERVAL_HOST: after this time without a message, the host is asked again."""
    timer: float = 15
    """MANAGER_TIMER: the period of this check."""
    beacon_host: float = 30
    system_host: float = 600
    monitor_host: float = 120
    state_vm: float = 5
    monitor_vm: float = 30
    sync_state_vm: float = 180
    encrypted: bool = False
    """Whether monitord has a pair of keys, so that clients encrypt their messages."""


class Monitoring(Protocol):
    """The part of oned, or of monitord, that monitors hosts."""

    def start(self) -> None:
        """Start, after the IM driver is ready."""

    def stop(self) -> None:
        """Stop listening."""

    def watch(self, host: Host) -> None:
        """Monitor a host that is new, or whose state an administrator has set."""

    def renew(self, host: Host) -> None:
        """Monitor a host now in any state."""

    def forget(self, host: Host) -> None:
        """Stop the monitoring of a deleted host."""

    def halt(self) -> None:
        """Stop listening, because oned ended."""

    def resume(self) -> None:
        """Start with a new oned and its hosts."""

    def receive(self, line: str) -> None:
        """Take a line of the IM driver."""
