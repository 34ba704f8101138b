"""The states that operations want, and what each state means on the way there.

    step       the remote VM is …                              the driver …
    ────────   ─────────────────────────────────────────────   ─────────────────────────────
    REACHED    there                                           answers SUCCESS
    UNDERWAY   moving there                                    waits
    ACT        where the action is legal                       asks for the action
    BUSY       in the middle of something else                 waits until it can act
    NEVER      where no waiting and no action leads there      answers FAILURE

Which action is legal in which state is OpenNebula's decision: ``src/dm/DispatchManagerActions.cc``.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto

from one2one.opennebula.states import FAILURES, LcmState, State


class Step(Enum):
    """What the present state of a VM means for a goal; see the table above."""

    REACHED = auto()
    UNDERWAY = auto()
    ACT = auto()
    BUSY = auto()
    NEVER = auto()


Names = frozenset[str]
"""States by the names that OpenNebula's commands print."""


@dataclass(frozen=True)
class Goal:
    """A state to bring a VM to. A state in none of the sets is BUSY."""

    name: str
    reached: Names
    underway: Names
    act: Names
    never: Names

    def step(self, state: State) -> Step:
        """Return what *state* means for this goal."""
        name = str(state)
        for step, names in (
            (Step.REACHED, self.reached),
            (Step.UNDERWAY, self.underway),
            (Step.ACT, self.act),
            (Step.NEVER, self.never),
        ):
            if name in names:
                return step
        return Step.BUSY


def _split(names: str) -> Names:
    return frozenset(names.split())


_UNPLACED = _split("INIT PENDING HOLD CLONING")
_HELD = _split("INIT HOLD")
"""States that last until a user acts. PENDING and CLONING pass, so an operation waits for them."""
_OFF = _split("POWEROFF UNDEPLOYED")
_SAVED = _split("SUSPENDED STOPPED")
_FAILURES = frozenset(lcm.name for lcm in FAILURES)
_ENDED = _FAILURES | _split(
    "DONE FAILED CLONING_FAILURE SHUTDOWN EPILOG CLEANUP_DELETE CLEANUP_RESUBMIT"
)
_STARTING = frozenset(lcm.name for lcm in LcmState if lcm.name.startswith(("BOOT", "PROLOG"))) - (
    _FAILURES | _split("PROLOG_MIGRATE_POWEROFF PROLOG_MIGRATE_SUSPEND")
)

RUNNING = Goal(
    "RUNNING",
    # A VM that waits for a place to run counts as running in the local cloud: see hybrid.mirror.
    reached=_UNPLACED
    | _split("RUNNING MIGRATE HOTPLUG HOTPLUG_NIC HOTPLUG_SNAPSHOT HOTPLUG_SAVEAS HOTPLUG_RESIZE")
    | _split("DISK_SNAPSHOT DISK_SNAPSHOT_DELETE DISK_RESIZE BACKUP"),
    underway=_STARTING,
    act=_OFF | _SAVED | _split("UNKNOWN"),
    never=_ENDED,
)
POWEROFF = Goal(
    "POWEROFF",
    reached=_split("POWEROFF"),
    underway=_split("SHUTDOWN_POWEROFF"),
    act=_split("RUNNING UNKNOWN"),
    never=_ENDED | _SAVED | _HELD | _split("UNDEPLOYED"),
)
UNDEPLOYED = Goal(
    "UNDEPLOYED",
    reached=_split("UNDEPLOYED"),
    underway=_split("SHUTDOWN_UNDEPLOY EPILOG_UNDEPLOY"),
    act=_split("RUNNING UNKNOWN POWEROFF"),
    never=_ENDED | _SAVED | _HELD,
)
SUSPENDED = Goal(
    "SUSPENDED",
    reached=_split("SUSPENDED"),
    underway=_split("SAVE_SUSPEND"),
    act=_split("RUNNING"),
    never=_ENDED | _OFF | _HELD | _split("STOPPED"),
)
STOPPED = Goal(
    "STOPPED",
    reached=_split("STOPPED"),
    underway=_split("SAVE_STOP EPILOG_STOP"),
    act=_split("RUNNING SUSPENDED"),
    never=_ENDED | _OFF | _HELD,
)
CHANGEABLE = Goal(
    "RUNNING",
    reached=_split("RUNNING"),
    underway=frozenset(),
    act=frozenset(),
    never=_ENDED | _OFF | _SAVED | _HELD | _split("UNKNOWN"),
)
"""Where a VM can be changed as it runs. Nothing brings it there: the local VM runs too."""
CHANGEABLE_OR_OFF = replace(
    CHANGEABLE,
    name="RUNNING or POWEROFF",
    reached=_split("RUNNING POWEROFF"),
    never=CHANGEABLE.never - _split("POWEROFF"),
)
OFF = replace(
    CHANGEABLE,
    name="POWEROFF or UNDEPLOYED",
    reached=_OFF,
    never=_ENDED | _SAVED | _HELD | _split("RUNNING UNKNOWN"),
)
"""Where a VM can be changed before it starts."""
OFF_OR_STARTED = replace(
    OFF,
    name="POWEROFF, UNDEPLOYED or RUNNING",
    reached=OFF.reached | (OFF.never - _ENDED),
    never=_ENDED,
)
"""The same, and where its own user may have brought it in the meantime."""
DONE = Goal(
    "DONE",
    reached=_split("DONE"),
    underway=_split("SHUTDOWN EPILOG CLEANUP_DELETE"),
    act=_split("RUNNING UNKNOWN CLONING_FAILURE") | _UNPLACED | _OFF | _SAVED | _FAILURES,
    never=_split("FAILED"),
)
