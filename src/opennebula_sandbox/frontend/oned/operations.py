"""What users may do with VMs, as tables: the state of the VM, and its transition.

Source: ``src/dm/DispatchManagerActions.cc`` and ``src/lcm/LifeCycleActions.cc``. They are the
same from 5.4 to 7.4, except that since 6.0 a hard operation replaces the soft one.
"""

from typing import NamedTuple

from one2one.opennebula.states import RUNNING, LcmState, State, VmState


def active(state: LcmState) -> State:
    """Return the state of a VM that is ACTIVE and in *state*."""
    return State(VmState.ACTIVE, state)


UNKNOWN = active(LcmState.UNKNOWN)
POWEROFF = State(VmState.POWEROFF)


class Transition(NamedTuple):
    """What an operation does to a VM in one state."""

    to: State | None
    """The state that the VM enters at once; None means that its state stays."""
    message: str = ""
    """The message to the driver; empty means no message."""
    action: int = 0
    """The action in the history record (VMActions)."""
    renew: bool = False
    """Whether a new history record begins."""
    cancel: bool = False
    """Whether oned sends DRIVER_CANCEL first."""


Operation = dict[State, Transition]

RESUMED = 11
"""RESUME_ACTION of VMActions."""

RESTING = tuple(
    State(state)
    for state in (VmState.SUSPENDED, VmState.POWEROFF, VmState.STOPPED, VmState.UNDEPLOYED)
)
"""States of a VM that does not run and has, or had, a host."""
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
    """Return the soft and the hard operation that ends the VM's run."""
    soft = Transition(active(lcm), "SHUTDOWN", action)
    cut = Transition(active(lcm), "CANCEL", hard)
    return (
        dict.fromkeys((RUNNING, UNKNOWN), soft),
        dict.fromkeys((RUNNING, UNKNOWN), cut) | {active(lcm): cut._replace(cancel=True)},
    )


_poweroff, _poweroff_hard = _leave(LcmState.SHUTDOWN_POWEROFF, 19, 20)
_undeploy, _undeploy_hard = _leave(LcmState.SHUTDOWN_UNDEPLOY, 5, 6)
_terminate, _terminate_hard = _leave(LcmState.SHUTDOWN, 27, 28)
_bury = dict.fromkeys(RESTING, Transition(active(LcmState.EPILOG), action=27))
_bury |= dict.fromkeys(NOWHERE, Transition(State(VmState.DONE)))
_bury |= {State(VmState.DONE): Transition(None)}
_store: Operation = {
    State(VmState.POWEROFF): Transition(active(LcmState.EPILOG_UNDEPLOY), action=5)
}

OPERATIONS: dict[str, Operation] = {
    "terminate": _terminate | _bury,
    "terminate-hard": _terminate_hard | _bury,
    "poweroff": _poweroff,
    "poweroff-hard": _poweroff_hard,
    "undeploy": _undeploy | _store,
    "undeploy-hard": _undeploy_hard | _store,
    "suspend": {RUNNING: Transition(active(LcmState.SAVE_SUSPEND), "SAVE", 10)},
    "stop": {
        RUNNING: Transition(active(LcmState.SAVE_STOP), "SAVE", 9),
        State(VmState.SUSPENDED): Transition(active(LcmState.EPILOG_STOP), action=9),
    },
    "resume": {
        State(VmState.SUSPENDED): Transition(
            active(LcmState.BOOT_SUSPENDED), "RESTORE", RESUMED, renew=True
        ),
        State(VmState.POWEROFF): Transition(
            active(LcmState.BOOT_POWEROFF), "DEPLOY", RESUMED, renew=True
        ),
        UNKNOWN: Transition(active(LcmState.BOOT_UNKNOWN), "DEPLOY"),
        State(VmState.STOPPED): Transition(State(VmState.PENDING)),
        State(VmState.UNDEPLOYED): Transition(State(VmState.PENDING)),
    },
    "reboot": {RUNNING: Transition(None, "REBOOT")},
    "reboot-hard": {RUNNING: Transition(None, "RESET")},
    "hold": {State(VmState.PENDING): Transition(State(VmState.HOLD))},
    "release": {State(VmState.HOLD): Transition(State(VmState.PENDING))},
}
"""The actions of ``one.vm.action``, except resched and unresched, which only set a flag."""

RETRY: Operation = {
    active(LcmState.BOOT_FAILURE): Transition(active(LcmState.BOOT), "DEPLOY"),
    active(LcmState.BOOT_UNDEPLOY_FAILURE): Transition(active(LcmState.BOOT_UNDEPLOY), "DEPLOY"),
    active(LcmState.BOOT_MIGRATE_FAILURE): Transition(active(LcmState.BOOT_MIGRATE), "RESTORE"),
    active(LcmState.BOOT_STOPPED_FAILURE): Transition(active(LcmState.BOOT_STOPPED), "RESTORE"),
}
"""``onevm recover --retry``."""

BOOT_AFTER: dict[int, Transition] = {
    9: Transition(active(LcmState.BOOT_STOPPED), "RESTORE"),
    5: Transition(active(LcmState.BOOT_UNDEPLOY), "DEPLOY"),
    6: Transition(active(LcmState.BOOT_UNDEPLOY), "DEPLOY"),
}
"""What ``one.vm.deploy`` does, by the action that ended the last stay; BOOT for others."""

BOOT = Transition(active(LcmState.BOOT), "DEPLOY")

DEPLOYABLE = frozenset(
    State(state) for state in (VmState.PENDING, VmState.HOLD, VmState.STOPPED, VmState.UNDEPLOYED)
)

HOTPLUG: dict[str, Transition] = {
    "ATTACHDISK": Transition(active(LcmState.HOTPLUG), "ATTACHDISK", 21, renew=True),
    "DETACHDISK": Transition(active(LcmState.HOTPLUG), "DETACHDISK", 22, renew=True),
    "ATTACHNIC": Transition(active(LcmState.HOTPLUG_NIC), "ATTACHNIC", 23, renew=True),
    "DETACHNIC": Transition(active(LcmState.HOTPLUG_NIC), "DETACHNIC", 24, renew=True),
    "SNAPSHOTCREATE": Transition(active(LcmState.HOTPLUG_SNAPSHOT), "SNAPSHOTCREATE"),
    "SNAPSHOTREVERT": Transition(active(LcmState.HOTPLUG_SNAPSHOT), "SNAPSHOTREVERT"),
    "SNAPSHOTDELETE": Transition(active(LcmState.HOTPLUG_SNAPSHOT), "SNAPSHOTDELETE"),
    "DISKSNAPSHOTCREATE": Transition(active(LcmState.DISK_SNAPSHOT), "DISKSNAPSHOTCREATE"),
    "RESIZEDISK": Transition(active(LcmState.DISK_RESIZE), "RESIZEDISK", 29, renew=True),
    "RESIZE": Transition(active(LcmState.HOTPLUG_RESIZE), "RESIZE"),
    "UPDATECONF": Transition(active(LcmState.HOTPLUG), "UPDATECONF"),
    "MIGRATE": Transition(active(LcmState.MIGRATE), "MIGRATE", 2),
    "BACKUP": Transition(active(LcmState.BACKUP), "BACKUP", 50),
}
"""The changes of a VM that is RUNNING, by the message to the driver."""

COLD_NIC: dict[str, Transition] = {
    action: HOTPLUG[action]._replace(to=active(LcmState.HOTPLUG_NIC_POWEROFF))
    for action in ("ATTACHNIC", "DETACHNIC")
}
"""The changes of the NICs of a VM in POWEROFF, where the driver is asked."""

DELETION_WHILE_OFF = Transition(
    State(VmState.POWEROFF, LcmState.HOTPLUG_SNAPSHOT), "SNAPSHOTDELETE"
)
"""A system snapshot of a VM in POWEROFF is deleted: oned changes its LCM state alone."""
