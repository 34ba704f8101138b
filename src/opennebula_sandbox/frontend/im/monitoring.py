"""What monitoring is configured to, and what oned tells it, whatever the generation."""

from dataclasses import dataclass
from typing import Protocol

from opennebula_sandbox.cloud.objects import Host


@dataclass(frozen=True)
class Settings:
    """The periods of oned.conf and monitord.conf, in seconds, as they are shipped."""

    interval: float = 180
    """MONITORING_INTERVAL_HOST: after so long without news a host is asked anew."""
    timer: float = 15
    """MANAGER_TIMER: how often that is looked at."""
    beacon_host: float = 30
    system_host: float = 600
    monitor_host: float = 120
    state_vm: float = 5
    monitor_vm: float = 30
    sync_state_vm: float = 180
    encrypted: bool = False
    """Whether monitord has a pair of keys, so that clients encrypt what they send."""


class Monitoring(Protocol):
    """The side of oned, or of monitord, that monitors hosts."""

    def start(self) -> None:
        """Begin, once the IM driver is ready."""

    def stop(self) -> None:
        """Listen to nothing more."""

    def watch(self, host: Host) -> None:
        """Monitor a new host now, or one whose state an administrator has set."""

    def renew(self, host: Host) -> None:
        """Monitor a host now, whatever is known of it."""

    def forget(self, host: Host) -> None:
        """Stop monitoring a host that is deleted."""

    def halt(self) -> None:
        """End with oned: listen to nothing."""

    def resume(self) -> None:
        """Begin with a new oned, which tells of its hosts."""

    def receive(self, line: str) -> None:
        """Take a line of the IM driver's."""
