"""What the driver reports of a remote VM, and when it reports nothing.

One table says what each remote state is reported as; ``docs/states.md`` is made from it. Then
``choose_report`` compares that with the local VM. It reports only where the two differ and oned
would act. So the driver remembers nothing of earlier reports, and makes a lost report again.

Three rules keep an old reading from undoing what oned has just done (only oned from 6.4 has
guards of its own):

- a remote reading counts only if it was begun after the local VM was first seen in its present
  state, and if that state was read again afterwards;
- a local VM in the middle of an operation belongs to the VMM driver, unless it is stuck there;
- a shutdown is reported as finished only when the remote VM has reached its goal: a VM to be
  terminated that is only powered off still exists.

Source of what oned does with a report: ``test_and_trigger`` in ``src/im/InformationManager.cc``
(5.12 to 7.4), ``process_poll`` in ``src/vmm/VirtualMachineManagerDriver.cc`` (5.6 to 5.10).
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from one2one.hybrid.naming import is_deploy_id
from one2one.opennebula.states import FAILURES, RUNNING, LcmState, State, VmState

STUCK_S = 60.0
"""Seconds that an operation may keep a local VM in one state before monitoring corrects it."""


class Report(Enum):
    """A state to report: the STATE of 5.12 and later."""

    RUNNING = "RUNNING"
    POWEROFF = "POWEROFF"
    SUSPENDED = "SUSPENDED"
    FAILURE = "FAILURE"
    """oned makes it UNKNOWN: neither running for sure nor off."""
    SILENCE = "UNKNOWN"
    """oned does nothing."""

    @property
    def letter(self) -> str:
        """The STATE of 5.6 to 5.10."""
        return _LETTERS[self]


_LETTERS = {
    Report.RUNNING: "a",
    Report.POWEROFF: "d",
    Report.SUSPENDED: "p",
    Report.FAILURE: "e",
    Report.SILENCE: "-",
}

BY_STATE: dict[VmState, Report] = {
    VmState.INIT: Report.RUNNING,
    VmState.PENDING: Report.RUNNING,
    VmState.HOLD: Report.RUNNING,
    VmState.CLONING: Report.RUNNING,
    VmState.STOPPED: Report.SUSPENDED,
    VmState.SUSPENDED: Report.SUSPENDED,
    VmState.DONE: Report.POWEROFF,
    VmState.FAILED: Report.FAILURE,
    VmState.POWEROFF: Report.POWEROFF,
    VmState.UNDEPLOYED: Report.POWEROFF,
    VmState.CLONING_FAILURE: Report.FAILURE,
}
"""What each VM_STATE but ACTIVE is reported as. Waiting for a place to run counts as running."""

_OTHERWISE: dict[Report, tuple[LcmState, ...]] = {
    Report.SILENCE: (
        LcmState.SAVE_STOP,
        LcmState.SAVE_SUSPEND,
        LcmState.EPILOG_STOP,
        LcmState.EPILOG,
        LcmState.SHUTDOWN,
        LcmState.CLEANUP_RESUBMIT,
        LcmState.SHUTDOWN_POWEROFF,
        LcmState.CLEANUP_DELETE,
        LcmState.SHUTDOWN_UNDEPLOY,
        LcmState.EPILOG_UNDEPLOY,
    ),
    Report.POWEROFF: (
        LcmState.HOTPLUG_SAVEAS_POWEROFF,
        LcmState.HOTPLUG_PROLOG_POWEROFF,
        LcmState.HOTPLUG_EPILOG_POWEROFF,
        LcmState.PROLOG_MIGRATE_POWEROFF,
        LcmState.DISK_SNAPSHOT_POWEROFF,
        LcmState.DISK_SNAPSHOT_REVERT_POWEROFF,
        LcmState.DISK_SNAPSHOT_DELETE_POWEROFF,
        LcmState.DISK_RESIZE_POWEROFF,
        LcmState.DISK_RESIZE_UNDEPLOYED,
        LcmState.HOTPLUG_NIC_POWEROFF,
        LcmState.HOTPLUG_SAVEAS_UNDEPLOYED,
        LcmState.BACKUP_POWEROFF,
        LcmState.RESTORE,
    ),
    Report.SUSPENDED: (
        LcmState.HOTPLUG_SAVEAS_SUSPENDED,
        LcmState.PROLOG_MIGRATE_SUSPEND,
        LcmState.DISK_SNAPSHOT_SUSPENDED,
        LcmState.DISK_SNAPSHOT_REVERT_SUSPENDED,
        LcmState.DISK_SNAPSHOT_DELETE_SUSPENDED,
        LcmState.HOTPLUG_SAVEAS_STOPPED,
    ),
    Report.FAILURE: (LcmState.UNKNOWN, *FAILURES),
}

BY_LCM_STATE: dict[LcmState, Report] = dict.fromkeys(LcmState, Report.RUNNING) | {
    lcm: report for report, states in _OTHERWISE.items() for lcm in states
}
"""What ACTIVE is reported as. RUNNING unless the VM is on its way out, or off or suspended while
something is done to it, or its own cloud has lost it."""


def map_state(remote: State) -> Report:
    """Return what a remote state is reported as; a number unknown to us is never guessed at."""
    try:
        state = VmState(remote.state)
        if state is VmState.ACTIVE:
            return BY_LCM_STATE[LcmState(remote.lcm_state)]
        return BY_STATE[state]
    except ValueError:
        return Report.SILENCE


@dataclass(frozen=True, slots=True)
class Observation:
    """A local VM as it was last read."""

    state: State
    deploy_id: str
    since: float
    """When it was first read like this, with no other reading in between."""


_AT_REST = (VmState.POWEROFF, VmState.SUSPENDED)
_OFF_HOST = (VmState.STOPPED, VmState.UNDEPLOYED)
_UNKNOWN = State(VmState.ACTIVE, LcmState.UNKNOWN)
_FIRST_START = (LcmState.BOOT, LcmState.BOOT_FAILURE)
_RESTART = (LcmState.BOOT_POWEROFF, LcmState.BOOT_SUSPENDED, LcmState.BOOT_UNKNOWN)
_SHUTDOWN_ENDS: dict[int, tuple[VmState, ...]] = {
    LcmState.SHUTDOWN: (VmState.DONE,),
    LcmState.SHUTDOWN_POWEROFF: (VmState.DONE, VmState.POWEROFF),
    LcmState.SHUTDOWN_UNDEPLOY: (VmState.DONE, VmState.UNDEPLOYED),
}


def choose_report(local: Observation, remote: State, read_at: float, *, stuck: bool) -> Report:
    """Return what to report so that the local VM follows its remote VM, else SILENCE.

    *read_at* is when the remote reading was begun; *local* was read after it. *stuck* tells
    that the local VM has been in its state for longer than an operation takes.
    """
    report = map_state(remote)
    if local.since >= read_at or not _may_act(local.state, remote, stuck=stuck):
        return Report.SILENCE
    settled = local.state in (RUNNING, _UNKNOWN)
    speaks = {
        Report.RUNNING: local.state != RUNNING,
        Report.POWEROFF: settled or local.state.lcm_state in _SHUTDOWN_ENDS,
        Report.SUSPENDED: settled,
        Report.FAILURE: local.state == RUNNING,
        Report.SILENCE: False,
    }
    return report if speaks[report] else Report.SILENCE


@lru_cache(1024)
def is_never_reported(local: State, remote: State) -> bool:
    """Tell whether a local VM in one state gets no report of a remote one in another, ever.

    So it is for nearly all VMs: one that runs on both sides, for example.
    """
    seen = Observation(local, "", since=0.0)
    reports = {choose_report(seen, remote, 1.0, stuck=stuck) for stuck in (False, True)}
    return reports == {Report.SILENCE}


def is_started(local: State, remote: State) -> bool:
    """Tell whether the remote VM runs, and no release of oned believes it of the local VM."""
    return local.state in _OFF_HOST and map_state(remote) is Report.RUNNING


def is_unlinked(local: Observation, *, stuck: bool) -> bool:
    """Tell whether oned lacks the VM's deploy id, so that only marks can tell its remote VM.

    That happens when the answer to its DEPLOY was lost; ``onevm recover --success`` then gives it
    one of oned's own. While a VM starts for the first time, its deploy id names an earlier
    remote VM.
    """
    if not stuck or local.state.state != VmState.ACTIVE:
        return False
    starts = local.state.lcm_state in _FIRST_START
    return starts or (local.state in (RUNNING, _UNKNOWN) and not is_deploy_id(local.deploy_id))


def _may_act(local: State, remote: State, *, stuck: bool) -> bool:
    """Tell whether monitoring may change the local VM now, and not the VMM driver.

    It may not where a VM starts on a host that may not be its remote VM's: its deploy id could
    name another VM there.
    """
    if local.state in _AT_REST or local in (RUNNING, _UNKNOWN):
        return True
    if local.state != VmState.ACTIVE or not stuck:
        return False
    return local.lcm_state in _RESTART or remote.state in _SHUTDOWN_ENDS.get(local.lcm_state, ())
