"""What must hold, each with its name and where it is checked: docs/reliability.md has the list."""

from typing import NamedTuple

ALWAYS, CALM = "at every step", "after calm"


class Invariant(NamedTuple):
    """A promise that the simulation checks."""

    name: str
    promise: str
    checked: str


class Violation(AssertionError):
    """Raised where an invariant does not hold."""

    def __init__(self, invariant: Invariant, story: str) -> None:
        super().__init__(invariant, story)
        self.invariant = invariant
        self.story = story

    def __str__(self) -> str:
        return f"{self.invariant.name}: {self.story}"


SINGLE = Invariant(
    "single",
    "A start of a local VM has one live remote VM at most. Not counted are those that a call made "
    "which arrived after its driver had given it up, or which the network delivered twice, or that "
    "another local VM names, as after a remote was restored",
    ALWAYS,
)
SINGLE_DEVICE = Invariant(
    "single device",
    "A driver attaches no disk or NIC to a remote VM that has it already, whatever became of the "
    "answer. Not counted are calls that arrived after their driver had given them up, or twice",
    ALWAYS,
)
DETACHED = Invariant(
    "detached",
    "After an attachment that succeeded the remote VM has no disk or NIC of a local one that is "
    "gone, or could not be attached",
    CALM,
)
UNREPEATED = Invariant(
    "unrepeated",
    "For one DEPLOY of oned's a driver has the remote make one VM at most, and for one REBOOT or "
    "RESET it asks once, whatever became of the answer",
    ALWAYS,
)
OWN = Invariant(
    "own",
    "A driver asks for no action on a VM without the marks of a local VM of its front-end. A VMM "
    "driver asks for none on a VM of which oned has not asked it for an action",
    ALWAYS,
)
KEPT = Invariant("kept", "A host keeps the hybrid id that it has", ALWAYS)
ALIVE = Invariant(
    "alive",
    "A driver terminates no remote VM whose local VM lives, and was not asked to end",
    ALWAYS,
)
ONCE = Invariant(
    "once",
    "oned gets one answer at most to each action, and none to one that was cancelled",
    ALWAYS,
)
PATIENT = Invariant("patient", "An election fails no operation within 15 seconds", ALWAYS)
TRUE = Invariant(
    "true",
    "SUCCESS means that the remote VM has been where the action was to bring it since it was "
    "asked. That of a first DEPLOY means a VM made for this start, that of a clean-up that none is "
    "left",
    ALWAYS,
)
SEEN = Invariant(
    "seen",
    "Monitoring reports no state that the remote VM of this local VM was not in just before",
    ALWAYS,
)
HOST = Invariant(
    "host",
    "A host is put into ERROR only when its remote could not be read for the grace period, and "
    "taken out of it only when it was read",
    ALWAYS,
)
SOUND = Invariant("sound", "No thread of a driver dies, and no error is a bug", ALWAYS)
ANSWERED = Invariant("answered", "Every action that reached a living driver is answered", CALM)
AGREED = Invariant("agreed", "The states of both sides agree", CALM)
ON = Invariant("on", "Every host is on", CALM)
TOLD = Invariant(
    "told",
    "A host is in ERROR when its remote has not answered for 5 minutes, and on again 4 minutes "
    "after it answers",
    CALM,
)
PAIRED = Invariant(
    "paired", "Each living local VM has one remote VM, the one that its deploy id names", CALM
)
NONE_LEFT = Invariant(
    "none left", "No remote VM is left when its local VM has ended and the reaper has looked", CALM
)
UNTOUCHED = Invariant("untouched", "The VMs of others are as their owners left them", CALM)

INVARIANTS = (
    *(SINGLE, SINGLE_DEVICE, UNREPEATED, OWN, KEPT, ALIVE, ONCE, PATIENT, TRUE, SEEN, HOST, SOUND),
    *(DETACHED, ANSWERED, AGREED, ON, PAIRED, TOLD, NONE_LEFT, UNTOUCHED),
)


def check_sound(line: str) -> None:
    """Raise Violation where a driver writes of a bug."""
    if "internal error" in line or "an answer that cannot be read (" in line:
        raise Violation(SOUND, line)
