"""The life of a VM as tables: which action is legal in which state, and where it leads.

oned does some actions at once (``AT_ONCE``). The others it only accepts; its life-cycle manager
takes them up a moment later, checks the state once more, and leads the VM through states that
each last as long as a driver works (``PATHS``). A driver that fails sends it elsewhere
(``FAILURES``). Source: ``DispatchManagerActions.cc``, ``LifeCycleActions.cc`` and
``LifeCycleStates.cc`` of 6.10.
"""

from collections.abc import Mapping

from one2one.opennebula.states import FAILURES as FAILED
from one2one.opennebula.states import RUNNING, LcmState, State, VmState

Path = tuple[State, ...]
"""States one after another; the VM stays in the last."""


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
"""Actions that are done when their call returns."""

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
"""Actions that are accepted first and carried out later."""

HARD_OVERRIDES: Mapping[str, Mapping[State, Path]] = {
    action: {path[0]: path}
    for action, path in (
        ("terminate", _SHUTDOWN),
        ("poweroff", _POWEROFF),
        ("undeploy", _UNDEPLOY),
    )
}
"""States in which the -hard variant may follow the graceful one, since 6.0."""

HARD_VARIANTS = frozenset({"terminate", "poweroff", "undeploy", "reboot"})

DEPLOYMENTS: Mapping[State, Path] = {
    PENDING: active(LcmState.PROLOG, LcmState.BOOT, LcmState.RUNNING),
    STOPPED: active(LcmState.PROLOG_RESUME, LcmState.BOOT_STOPPED, LcmState.RUNNING),
    UNDEPLOYED: active(LcmState.PROLOG_UNDEPLOY, LcmState.BOOT_UNDEPLOY, LcmState.RUNNING),
}
"""What the scheduler's choice of a host leads to, by what the VM was before it was PENDING."""

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
    "snapshot": {RUNNING: active(LcmState.HOTPLUG_SNAPSHOT, LcmState.RUNNING)},
    "updateconf": {RUNNING: active(LcmState.HOTPLUG, LcmState.RUNNING)},
}
"""Changes to a VM that runs, or is switched off."""

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
"""Where a VM goes from a state whose work fails."""

_TRANSFER = "Error executing image transfer script: no space left... see more details in VM log"
ERRORS = {"PROLOG": _TRANSFER, "EPILOG": _TRANSFER, "BOOT": "DEPLOY: no such machine type"}
"""What oned writes into ERROR, behind the time, by the first word of the state that failed."""

GRACEFUL = frozenset(
    active(LcmState.SHUTDOWN, LcmState.SHUTDOWN_POWEROFF, LcmState.SHUTDOWN_UNDEPLOY)
)
"""States in which a guest is asked to shut down, and may not care."""


_SWITCHED_OFF = frozenset(
    active(LcmState.HOTPLUG_PROLOG_POWEROFF, LcmState.HOTPLUG_EPILOG_POWEROFF)
)


def running_quota(state: State) -> bool:
    """Tell whether a VM in *state* counts for the RUNNING_… quotas."""
    if state.state == VmState.ACTIVE:
        return state not in _SWITCHED_OFF
    return state in (PENDING, HOLD, CLONING, CLONING_FAILURE)
