"""The events that the drivers emit about their work, for ``mad.metrics`` to count.

``Remotes`` takes one listener and passes it on with each ``Remote``. The thread in which the event
happened calls it, so it must be thread-safe and quick, and must not raise. They are named tuples,
because Python makes such a class in a sixth of a dataclass's time: scripts need these too.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from one2one.hybrid.mirror import Report
from one2one.opennebula.breaker import Breaker
from one2one.opennebula.errors import OneError
from one2one.opennebula.states import State

if TYPE_CHECKING:
    from one2one.hybrid.capacity import HostCapacity


class RemoteOpened(NamedTuple):
    """The remote that a host stands for is another one, or the first."""

    host_id: int
    breakers: Sequence[Breaker]
    """Those of its servers."""


class CallEnded(NamedTuple):
    """A call to the remote has ended."""

    host_id: int
    method: str
    seconds: float
    error: OneError | None


class OperationEnded(NamedTuple):
    """oned was answered."""

    host_id: int
    action: str
    seconds: float
    """Since oned asked; waits for other actions of the VM count too."""
    success: bool


class StatesRead(NamedTuple):
    """The states of a host's VMs were read on both sides."""

    host_id: int
    states: Mapping[int, State]
    """Those in the remote cloud, by the ids there."""
    reports: Mapping[int, Report]
    """What the local cloud is told, by the ids here: SILENCE for a VM that is not reported."""


class CapacityRead(NamedTuple):
    """The host's capacity was read."""

    host_id: int
    capacity: "HostCapacity"


class OrphanReaped(NamedTuple):
    """A remote VM without a local VM was destroyed."""

    host_id: int


class HostForgotten(NamedTuple):
    """The host is no longer monitored."""

    host_id: int


Event = (
    RemoteOpened
    | CallEnded
    | OperationEnded
    | StatesRead
    | CapacityRead
    | OrphanReaped
    | HostForgotten
)
Emit = Callable[[Event], object]


def ignore(_: Event) -> None:
    """Ignore an event."""
