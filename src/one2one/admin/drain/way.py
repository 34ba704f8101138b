"""How a local VM is brought off a host, and what its state means on the way."""

from dataclasses import dataclass
from enum import Enum, auto

from one2one.opennebula.states import FAILURES

_FAILURES = frozenset(lcm.name for lcm in FAILURES)


class Step(Enum):
    """What a state means for a way."""

    REACHED = auto()
    ACT = auto()
    WAIT = auto()
    NEVER = auto()


@dataclass(frozen=True)
class Way:
    """An action for the VMs of a host."""

    action: str
    """Of ``one.vm.action``."""
    done: str
    """What was done, in words."""
    act: frozenset[str]
    reached: frozenset[str]
    never: frozenset[str]

    def step(self, state: str) -> Step:
        """Return what a state's name means; one in none of the sets is on its way."""
        if state in self.reached:
            return Step.REACHED
        if state in self.act:
            return Step.ACT
        return Step.NEVER if state in self.never else Step.WAIT


POWEROFF = Way(
    "poweroff",
    "powered off",
    act=frozenset({"RUNNING", "UNKNOWN"}),
    reached=frozenset({"POWEROFF", "SUSPENDED", "STOPPED", "UNDEPLOYED", "DONE"}),
    never=_FAILURES,
)
UNDEPLOY = Way(
    "undeploy",
    "undeployed",
    act=frozenset({"RUNNING", "UNKNOWN", "POWEROFF"}),
    reached=frozenset({"STOPPED", "UNDEPLOYED", "DONE"}),
    never=_FAILURES | {"SUSPENDED"},
)
