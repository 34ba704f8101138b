"""The life of a VM as tables: the legal actions of each state, and the next states.

oned does some actions at once (``AT_ONCE``). It only accepts the others. Its life-cycle manager
starts them a moment later, checks the state again, and moves the VM through states that each
last while a driver works (``PATHS``). When a driver fails, the VM enters another state
(``FAILURES``). Source: ``DispatchManagerActions.cc``, ``LifeCycleActions.cc`` and
``LifeCycleStates.cc`` of 6.10.
"""

from collections.abc import Mapping

from one2one.opennebula.states import FAILURES as FAILED
from one2one.opennebula.states import RUNNING, LcmState, State, VmState

Path = tuple[State, ...]
"""A sequence of states; the VM stays in the last one."""


def active(*states: LcmState) -> Path:
    """Return states of an ACTIVE VM."""
    return tuple(State(VmState.ACTIVE, lcm) for lcm in states)


PENDING, HOLD, DONE = State(VmState.PENDING), State(VmState.HOLD), State(VmState.DONE)
SUSPENDED, STOPPED = State(VmState.SUSPENDED), State(VmState.STOPPED)
POWEROFF, UNDEPLOYED = State(VmState.POWEROFF), State(VmState.UNDEPLOYED)
CLONING, CLONING_FAILURE = State(VmState.CLONING), State(VmState.CLONING_FAILURE)
(UNKNOWN,) = active(LcmState.UNKNOWN)

_SHUTDOWN = (*active(LcmState.SHUTDOWN, LcmState.EPILOG), DONE)
_POWEROFF = (*active(LcmState.SHUTDOWN_POWEROFF), POWEROFF)
_UNDEPLOY = (*active(LcmState.SHUTDOWN_UNDEPLOY, LcmState.EPILOG_UNDEPLOY), UNDEPLOYED)
_TERMINATE = {
    **dict.fromkeys((RUNNING, UNKNOWN), _SHUTDOWN),
    **dict.fromkeys((SUSPENDED, POWEROFF, STOPPED, UNDEPLOYED), _SHUTDOWN[1:]),
    **dict.fromkeys(active(*FAILED), (*active(LcmState.CLEANUP_DELETE), DONE)),
}

AT_ONCE: Mapping[str, Mapping[State, State]] = {
    "hold": {PENDING: HOLD},
    "release": {HOLD: PENDING},
    "resume": {STOPPED: PENDING, UNDEPLOYED: PENDING},
    "terminate": dict.fromkeys((PENDING, HOLD, CLONING, CLONING_FAILURE, DONE), DONE),
}
"""Actions that oned has done when it answers the call."""

PATHS: Mapping[str, Mapping[State, Path]] = {
    "suspend": {RUNNING: (*active(LcmState.SAVE_SUSPEND), SUSPENDED)},
    "stop": {
        RUNNING: (*active(LcmState.SAVE_STOP, LcmState.EPILOG_STOP), STOPPED),
        SUSPENDED: (*active(LcmState.EPILOG_STOP), STOPPED),
    },
    "poweroff": dict.fromkeys((RUNNING, UNKNOWN), _POWEROFF),
    "undeploy": {RUNNING: _UNDEPLOY, UNKNOWN: _UNDEPLOY, POWEROFF: _UNDEPLOY[1:]},
    "terminate": _TERMINATE,
    "resume": {
        SUSPENDED: (*active(LcmState.BOOT_SUSPENDED), RUNNING),
        POWEROFF: (*active(LcmState.BOOT_POWEROFF), RUNNING),
        UNKNOWN: (*active(LcmState.BOOT_UNKNOWN), RUNNING),
    },
    "reboot": {RUNNING: ()},
}
"""Actions that oned accepts first and does later."""

HARD_OVERRIDES: Mapping[str, Mapping[State, Path]] = {
    action: {path[0]: path}
    for action, path in (
        ("terminate", _SHUTDOWN),
        ("poweroff", _POWEROFF),
        ("undeploy", _UNDEPLOY),
    )
}
"""States in which the -hard action may replace the graceful one, since 6.0."""

HARD_VARIANTS = frozenset({"terminate", "poweroff", "undeploy", "reboot"})

DEPLOYMENTS: Mapping[State, Path] = {
    PENDING: active(LcmState.PROLOG, LcmState.BOOT, LcmState.RUNNING),
    STOPPED: active(LcmState.PROLOG_RESUME, LcmState.BOOT_STOPPED, LcmState.RUNNING),
    UNDEPLOYED: active(LcmState.PROLOG_UNDEPLOY, LcmState.BOOT_UNDEPLOY, LcmState.RUNNING),
}
"""The path of a VM when the scheduler deploys it, by its state before PENDING."""

_SNAPSHOT = active(LcmState.HOTPLUG_SNAPSHOT, LcmState.RUNNING)

HOTPLUGS: Mapping[str, Mapping[State, Path]] = {
    "disk-attach": {
        RUNNING: active(LcmState.HOTPLUG, LcmState.RUNNING),
        POWEROFF: (*active(LcmState.HOTPLUG_PROLOG_POWEROFF), POWEROFF),
    },
    "disk-detach": {
        RUNNING: active(LcmState.HOTPLUG, LcmState.RUNNING),
        POWEROFF: (*active(LcmState.HOTPLUG_EPILOG_POWEROFF), POWEROFF),
    },
    "nic-attach": {
        RUNNING: active(LcmState.HOTPLUG_NIC, LcmState.RUNNING),
        POWEROFF: (POWEROFF,),
    },
    "nic-detach": {
        RUNNING: active(LcmState.HOTPLUG_NIC, LcmState.RUNNING),
        POWEROFF: (POWEROFF,),
    },
    "disk-resize": {
        RUNNING: active(LcmState.DISK_RESIZE, LcmState.RUNNING),
        POWEROFF: (*active(LcmState.DISK_RESIZE_POWEROFF), POWEROFF),
    },
    "snapshot-create": {RUNNING: _SNAPSHOT},
    "snapshot-revert": {RUNNING: _SNAPSHOT},
    "snapshot-delete": {
        RUNNING: _SNAPSHOT,
        POWEROFF: (State(VmState.POWEROFF, LcmState.HOTPLUG_SNAPSHOT), POWEROFF),
    },
    "updateconf": {RUNNING: active(LcmState.HOTPLUG, LcmState.RUNNING)},
    "resize": {RUNNING: active(LcmState.HOTPLUG_RESIZE, LcmState.RUNNING)},
}
"""Changes to a VM that runs, or is in POWEROFF."""

FAILURES: Mapping[State, State] = {
    **dict.fromkeys(
        active(
            *(LcmState.SAVE_SUSPEND, LcmState.SAVE_STOP, LcmState.SHUTDOWN),
            *(LcmState.SHUTDOWN_POWEROFF, LcmState.SHUTDOWN_UNDEPLOY),
        ),
        RUNNING,
    ),
    **dict(
        zip(
            active(LcmState.BOOT_SUSPENDED, LcmState.BOOT_POWEROFF, LcmState.BOOT_UNKNOWN),
            (SUSPENDED, POWEROFF, UNKNOWN),
            strict=True,
        )
    ),
    **{
        State(VmState.ACTIVE, LcmState[lcm.name.removesuffix("_FAILURE")]): failed
        for lcm, failed in ((failure, State(VmState.ACTIVE, failure)) for failure in FAILED)
    },
}
"""The next state of a VM when the work of a state fails."""

_TRANSFER = "Error executing image transfer script: no space left... see more details in VM log"
ERRORS = {"PROLOG": _TRANSFER, "EPILOG": _TRANSFER, "BOOT": "DEPLOY: no such machine type"}
"""The text of ERROR after the time, by the first word of the state that failed."""

GRACEFUL = frozenset(
    active(LcmState.SHUTDOWN, LcmState.SHUTDOWN_POWEROFF, LcmState.SHUTDOWN_UNDEPLOY)
)
"""States in which a guest must shut down, and may ignore that."""


HOTPLUG_ERRORS: Mapping[str, str] = {
    "disk-attach": "ATTACHDISK",
    "disk-detach": "DETACHDISK",
    "disk-resize": "RESIZEDISK",
    "nic-attach": "ATTACHNIC",
    "nic-detach": "DETACHNIC",
    "snapshot-create": "SNAPSHOTCREATE",
    "snapshot-revert": "SNAPSHOTREVERT",
    "snapshot-delete": "SNAPSHOTDELETE",
    "updateconf": "UPDATECONF",
    "resize": "RESIZE",
}
"""The action in the text of ERROR when a hot-plug fails, since 6.0."""

_SWITCHED_OFF = frozenset(
    active(
        *(LcmState.HOTPLUG_PROLOG_POWEROFF, LcmState.HOTPLUG_EPILOG_POWEROFF),
        LcmState.DISK_RESIZE_POWEROFF,
    )
)


def counts_as_running(state: State) -> bool:
    """Tell whether a VM in *state* counts for the RUNNING_… quotas."""
    if state.state == VmState.ACTIVE:
        return state not in _SWITCHED_OFF
    return state in (PENDING, HOLD, CLONING, CLONING_FAILURE)
