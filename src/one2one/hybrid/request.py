"""What oned asks a driver for."""

from dataclasses import dataclass

from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.records import Placement, Vm


@dataclass(frozen=True)
class Request:
    """One action for one VM; raises ProtocolError when oned sent no history record of it."""

    action: str
    """As in the driver protocol: DEPLOY, SHUTDOWN, …"""
    vm: Vm
    """The local VM as oned sent it, in the state that the action put it into."""
    host_name: str
    deploy_id: str
    """Empty when no deploy id is known."""

    def __post_init__(self) -> None:
        """Check it."""
        if not self.vm.history:
            raise ProtocolError(f"oned sent VM {self.vm.id} without a history record", remedy="")

    @property
    def placement(self) -> Placement:
        """Where the VM is now."""
        return self.vm.history[-1]
