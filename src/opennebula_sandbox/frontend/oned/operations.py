"""What a user may do with a VM, as a table: the state it is in, and what follows.

Source: ``src/dm/DispatchManagerActions.cc`` and ``src/lcm/LifeCycleActions.cc``, the same from
5.4 to 7.4 but for the hard operations that override their soft kin (since 6.0).
"""

from typing import NamedTuple

from one2one.opennebula.states import RUNNING, LcmState, State, VmState


def active(state: LcmState) -> State:
    """Return the state of a VM that is ACTIVE and in *state*."""
    return State(VmState.ACTIVE, state)


UNKNOWN = active(LcmState.UNKNOWN)


class Step(NamedTuple):
    """What an operation does to a VM that is in a state which allows it."""

    to: State | None
    """The state that it enters at once; None leaves it where it is."""
    message: str = ""
    """What the driver is told; empty where it is never asked."""
    action: int = 0
    """VMActions, as the history record keeps it."""
    renew: bool = False
    """Whether a new history record begins."""
    cancel: bool = False
    """Whether DRIVER_CANCEL is sent first."""


Operation = dict[State, Step]

RESUMED = 11
"""VMActions: RESUME_ACTION."""

RESTING = tuple(
    State(state)
    for state in (VmState.SUSPENDED, VmState.POWEROFF, VmState.STOPPED, VmState.UNDEPLOYED)
)
"""States of a VM that has a host, or had one, and does not run."""
NOWHERE = tuple(
    State(state)
    for state in (
        VmState.INIT,
        VmState.PENDING,
        VmState.HOLD,
        VmState.CLONING,
        VmState.CLONING_FAILURE,
    )
)


def _leave(lcm: LcmState, action: int, hard: int) -> tuple[Operation, Operation]:
    """Return an operation that ends the VM's run, soft and hard."""
    soft = Step(active(lcm), "SHUTDOWN", action)
    cut = Step(active(lcm), "CANCEL", hard)
    return (
        dict.fromkeys((RUNNING, UNKNOWN), soft),
        dict.fromkeys((RUNNING, UNKNOWN), cut) | {active(lcm): cut._replace(cancel=True)},
    )


_poweroff, _poweroff_hard = _leave(LcmState.SHUTDOWN_POWEROFF, 19, 20)
_undeploy, _undeploy_hard = _leave(LcmState.SHUTDOWN_UNDEPLOY, 5, 6)
_terminate, _terminate_hard = _leave(LcmState.SHUTDOWN, 27, 28)
_bury = dict.fromkeys(RESTING, Step(active(LcmState.EPILOG), action=27))
_bury |= dict.fromkeys(NOWHERE, Step(State(VmState.DONE)))
_bury |= {State(VmState.DONE): Step(None)}
_store: Operation = {State(VmState.POWEROFF): Step(active(LcmState.EPILOG_UNDEPLOY), action=5)}

OPERATIONS: dict[str, Operation] = {
    "terminate": _terminate | _bury,
    "terminate-hard": _terminate_hard | _bury,
    "poweroff": _poweroff,
    "poweroff-hard": _poweroff_hard,
    "undeploy": _undeploy | _store,
    "undeploy-hard": _undeploy_hard | _store,
    "suspend": {RUNNING: Step(active(LcmState.SAVE_SUSPEND), "SAVE", 10)},
    "stop": {
        RUNNING: Step(active(LcmState.SAVE_STOP), "SAVE", 9),
        State(VmState.SUSPENDED): Step(active(LcmState.EPILOG_STOP), action=9),
    },
    "resume": {
        State(VmState.SUSPENDED): Step(
            active(LcmState.BOOT_SUSPENDED), "RESTORE", RESUMED, renew=True
        ),
        State(VmState.POWEROFF): Step(
            active(LcmState.BOOT_POWEROFF), "DEPLOY", RESUMED, renew=True
        ),
        UNKNOWN: Step(active(LcmState.BOOT_UNKNOWN), "DEPLOY"),
        State(VmState.STOPPED): Step(State(VmState.PENDING)),
        State(VmState.UNDEPLOYED): Step(State(VmState.PENDING)),
    },
    "reboot": {RUNNING: Step(None, "REBOOT")},
    "reboot-hard": {RUNNING: Step(None, "RESET")},
    "hold": {State(VmState.PENDING): Step(State(VmState.HOLD))},
    "release": {State(VmState.HOLD): Step(State(VmState.PENDING))},
}
"""``one.vm.action``; resched and unresched, which only set a flag, are not here."""

RETRY: Operation = {
    active(LcmState.BOOT_FAILURE): Step(active(LcmState.BOOT), "DEPLOY"),
    active(LcmState.BOOT_UNDEPLOY_FAILURE): Step(active(LcmState.BOOT_UNDEPLOY), "DEPLOY"),
    active(LcmState.BOOT_MIGRATE_FAILURE): Step(active(LcmState.BOOT_MIGRATE), "RESTORE"),
    active(LcmState.BOOT_STOPPED_FAILURE): Step(active(LcmState.BOOT_STOPPED), "RESTORE"),
}
"""``onevm recover --retry``."""

BOOT_AFTER: dict[int, Step] = {
    9: Step(active(LcmState.BOOT_STOPPED), "RESTORE"),
    5: Step(active(LcmState.BOOT_UNDEPLOY), "DEPLOY"),
    6: Step(active(LcmState.BOOT_UNDEPLOY), "DEPLOY"),
}
"""What ``one.vm.deploy`` does by the action that ended the last stay; else a plain BOOT."""

BOOT = Step(active(LcmState.BOOT), "DEPLOY")

DEPLOYABLE = frozenset(
    State(state) for state in (VmState.PENDING, VmState.HOLD, VmState.STOPPED, VmState.UNDEPLOYED)
)

HOTPLUG: dict[str, Step] = {
    "ATTACHDISK": Step(active(LcmState.HOTPLUG), "ATTACHDISK", 21, renew=True),
    "DETACHDISK": Step(active(LcmState.HOTPLUG), "DETACHDISK", 22, renew=True),
    "ATTACHNIC": Step(active(LcmState.HOTPLUG_NIC), "ATTACHNIC", 23, renew=True),
    "DETACHNIC": Step(active(LcmState.HOTPLUG_NIC), "DETACHNIC", 24, renew=True),
    "SNAPSHOTCREATE": Step(active(LcmState.HOTPLUG_SNAPSHOT), "SNAPSHOTCREATE"),
    "SNAPSHOTREVERT": Step(active(LcmState.HOTPLUG_SNAPSHOT), "SNAPSHOTREVERT"),
    "SNAPSHOTDELETE": Step(active(LcmState.HOTPLUG_SNAPSHOT), "SNAPSHOTDELETE"),
    "DISKSNAPSHOTCREATE": Step(active(LcmState.DISK_SNAPSHOT), "DISKSNAPSHOTCREATE"),
    "RESIZEDISK": Step(active(LcmState.DISK_RESIZE), "RESIZEDISK"),
    "RESIZE": Step(active(LcmState.HOTPLUG_RESIZE), "RESIZE"),
    "UPDATECONF": Step(active(LcmState.HOTPLUG), "UPDATECONF"),
    "MIGRATE": Step(active(LcmState.MIGRATE), "MIGRATE", 2),
    "BACKUP": Step(active(LcmState.BACKUP), "BACKUP", 50),
}
"""What is done to the parts of a VM that is RUNNING, by the message that the driver gets."""
