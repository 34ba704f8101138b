"""What monitord knows of one host: whether it is late, and which of its messages are too old.

Source: ``src/monitor/src/monitor/HostMonitorManager.cc``, ``HostBase::init_attributes``.
"""

from dataclasses import dataclass, field

from one2one.opennebula.states import HostState
from opennebula_sandbox.frontend.im.monitor_line import MonitorLine

_EXPIRES_SECONDS = 300
_ORDERED = ("MONITOR_VM", "MONITOR_HOST", "SYSTEM_HOST", "STATE_VM")
_SIGNS_OF_LIFE = ("BEACON_HOST", "MONITOR_HOST")


@dataclass
class HostRecord:
    """A host that is monitored. All times are those of the sandbox's clock, in seconds."""

    heard: float = 0.0
    """The time of the last message of the host."""
    in_progress: bool = False
    """Whether its client was started, and has not reported yet."""
    state: int = HostState.INIT
    newest: dict[str, int] = field(default_factory=dict)
    """The time of the newest message of each type."""

    def record_message(self, line: MonitorLine, now: float) -> None:
        """Note a message that the host's client sent."""
        if line.type in _SIGNS_OF_LIFE:
            self.heard = now
            self.in_progress &= line.type == "BEACON_HOST"

    def is_in_order(self, state: int, line: MonitorLine) -> bool:
        """Tell whether the message is not older than the newest of its type.

        *state* is the host's state. With a new state the order begins again.
        """
        if line.type not in _ORDERED or not line.timestamp:
            return True
        if self.state != state:
            self.state, self.newest = state, {}
        if self.newest.get(line.type, 0) > line.timestamp:
            return False
        self.newest[line.type] = line.timestamp
        return True

    def is_late(self, now: float, updated: float, interval: float) -> bool:
        """Tell whether the host sent no message for too long.

        A change of the host, at *updated*, counts as a message.
        """
        limit = _EXPIRES_SECONDS if self.in_progress else interval
        return now - max(self.heard, updated) >= limit
