"""The next state of a VM after a driver's answer, as tables.

Source: ``src/vmm/VirtualMachineManagerDriver.cc`` (5.x), ``VirtualMachineManagerProtocol.cc``
(since 6.0), ``src/lcm/LifeCycleStates.cc`` and ``LifeCycleActions.cc``.
"""

from typing import NamedTuple

from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from opennebula_sandbox.frontend.oned.operations import active

Moves = dict[LcmState, State]

BOOTING = tuple(state for state in LcmState if state.name.startswith("BOOT"))
"""LCM states of a VM that boots, or whose boot failed."""

_BOOTED: Moves = dict.fromkeys((*BOOTING, LcmState.MIGRATE), RUNNING)
_NOT_BOOTED: Moves = {
    LcmState.MIGRATE: RUNNING,
    LcmState.BOOT: active(LcmState.BOOT_FAILURE),
    LcmState.BOOT_MIGRATE: active(LcmState.BOOT_MIGRATE_FAILURE),
    LcmState.BOOT_UNKNOWN: active(LcmState.UNKNOWN),
    LcmState.BOOT_POWEROFF: State(VmState.POWEROFF),
    LcmState.BOOT_SUSPENDED: State(VmState.SUSPENDED),
    LcmState.BOOT_STOPPED: active(LcmState.BOOT_STOPPED_FAILURE),
    LcmState.BOOT_UNDEPLOY: active(LcmState.BOOT_UNDEPLOY_FAILURE),
}
_SHUT_DOWN: Moves = {
    LcmState.SHUTDOWN: active(LcmState.EPILOG),
    LcmState.SHUTDOWN_POWEROFF: State(VmState.POWEROFF),
    LcmState.SHUTDOWN_UNDEPLOY: active(LcmState.EPILOG_UNDEPLOY),
}
SHUTTING_DOWN = tuple(_SHUT_DOWN)

_SAVED: Moves = {
    LcmState.SAVE_SUSPEND: State(VmState.SUSPENDED),
    LcmState.SAVE_STOP: active(LcmState.EPILOG_STOP),
}
POLLED_AFTER_FAILURE = (*_SHUT_DOWN, *_SAVED, LcmState.MIGRATE)
"""LCM states in which 5.x sends POLL after a failure, to know whether the VM still runs."""

_RESUBMITTED: Moves = {LcmState.CLEANUP_RESUBMIT: State(VmState.PENDING)}

SETTLED: Moves = {
    LcmState.EPILOG: State(VmState.DONE),
    LcmState.EPILOG_STOP: State(VmState.STOPPED),
    LcmState.EPILOG_UNDEPLOY: State(VmState.UNDEPLOYED),
}
"""States that oned leaves at once, because there are no disks to move."""


class Reaction(NamedTuple):
    """What oned does with the answer to one action."""

    success: Moves
    failure: Moves
    failed: str
    """The text of 5.x before the driver's reason; later releases write the action's name."""
    done: str = ""
    """The line in the VM's log after a success."""


def _return_to_running(*states: LcmState) -> Moves:
    return dict.fromkeys(states, RUNNING)


def _make_hotplug_reaction(state: LcmState, failed: str, done: str) -> Reaction:
    return Reaction(_return_to_running(state), _return_to_running(state), failed, done)


_HOTPLUG = LcmState.HOTPLUG
_NIC = LcmState.HOTPLUG_NIC
_NICS: Moves = {_NIC: RUNNING, LcmState.HOTPLUG_NIC_POWEROFF: State(VmState.POWEROFF)}
_SNAPSHOT = LcmState.HOTPLUG_SNAPSHOT
_REBOOT = "VM, assume it's still running"

REACTIONS: dict[str, Reaction] = {
    "DEPLOY": Reaction(_BOOTED, _NOT_BOOTED, "Error deploying virtual machine"),
    "RESTORE": Reaction(_BOOTED, _NOT_BOOTED, "Error restoring VM"),
    "MIGRATE": Reaction(_BOOTED, _NOT_BOOTED, "Error live migrating VM"),
    "SHUTDOWN": Reaction(_SHUT_DOWN, _return_to_running(*_SHUT_DOWN), "Error shutting down VM"),
    "CANCEL": Reaction(_SHUT_DOWN, _return_to_running(*_SHUT_DOWN), "Error canceling VM"),
    "SAVE": Reaction(_SAVED, _return_to_running(*_SAVED), "Error saving VM state"),
    "CLEANUP": Reaction(
        _RESUBMITTED, _RESUBMITTED, "Error cleaning Host", "Host successfully cleaned."
    ),
    "REBOOT": Reaction({}, {}, f"Error rebooting {_REBOOT}", "VM successfully rebooted."),
    "RESET": Reaction({}, {}, f"Error rebooting-hard {_REBOOT}", "VM successfully rebooted-hard."),
    "ATTACHDISK": _make_hotplug_reaction(
        _HOTPLUG, "Error attaching new VM Disk", "VM Disk successfully attached."
    ),
    "DETACHDISK": _make_hotplug_reaction(
        _HOTPLUG, "Error detaching VM Disk", "VM Disk successfully detached."
    ),
    "ATTACHNIC": Reaction(
        _NICS, _NICS, "Error attaching new VM NIC", "VM NIC Successfully attached."
    ),
    "DETACHNIC": Reaction(_NICS, _NICS, "Error detaching VM NIC", "VM NIC Successfully detached."),
    "SNAPSHOTCREATE": _make_hotplug_reaction(
        _SNAPSHOT, "Error creating new VM Snapshot", "VM Snapshot successfully created."
    ),
    "SNAPSHOTREVERT": _make_hotplug_reaction(
        _SNAPSHOT, "Error reverting VM Snapshot", "VM Snapshot successfully reverted."
    ),
    "SNAPSHOTDELETE": _make_hotplug_reaction(
        _SNAPSHOT, "Error deleting VM Snapshot", "VM Snapshot successfully deleted."
    ),
    "DISKSNAPSHOTCREATE": _make_hotplug_reaction(
        LcmState.DISK_SNAPSHOT,
        "Error creating new disk snapshot",
        "VM disk snapshot successfully created.",
    ),
    "RESIZEDISK": _make_hotplug_reaction(
        LcmState.DISK_RESIZE, "Error resizing disk", "VM disk successfully resized"
    ),
    "UPDATECONF": _make_hotplug_reaction(
        _HOTPLUG, "Error updating conf for VM", "VM update conf succesfull."
    ),
    "RESIZE": _make_hotplug_reaction(
        LcmState.HOTPLUG_RESIZE, "Error resizing VM", "VM successfully resized."
    ),
    "BACKUP": _make_hotplug_reaction(
        LcmState.BACKUP, "Error creating backup", "VM backup successfully created."
    ),
}


RECOVERED_ACTIONS: dict[LcmState, str] = {
    **dict.fromkeys(_BOOTED, "DEPLOY"),
    **dict.fromkeys(_SHUT_DOWN, "SHUTDOWN"),
    **dict.fromkeys(_SAVED, "SAVE"),
    _HOTPLUG: "ATTACHDISK",
    **dict.fromkeys(_NICS, "ATTACHNIC"),
    LcmState.HOTPLUG_RESIZE: "RESIZE",
    LcmState.DISK_SNAPSHOT: "DISKSNAPSHOTCREATE",
    LcmState.DISK_RESIZE: "RESIZEDISK",
    LcmState.BACKUP: "BACKUP",
    LcmState.CLEANUP_RESUBMIT: "CLEANUP",
}
"""The action whose answer ``onevm recover --success`` and ``--failure`` replace. For system
snapshots it depends on the change of the snapshot."""
