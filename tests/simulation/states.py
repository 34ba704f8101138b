"""Groups of states that the checks speak of, by the names that OpenNebula prints."""

from one2one.opennebula.states import LcmState, VmState

AT_REST = frozenset(
    ("PENDING", "RUNNING", "POWEROFF", "SUSPENDED", "STOPPED", "UNDEPLOYED", "UNKNOWN", "DONE")
)
"""A VM that stays so until something is done."""
ENDING = frozenset({"DONE", "FAILED", "SHUTDOWN", "EPILOG", "CLEANUP_DELETE"})
"""A remote VM on its way out, or gone."""
ENDS = (LcmState.SHUTDOWN, LcmState.CLEANUP_RESUBMIT, LcmState.CLEANUP_DELETE, LcmState.EPILOG)
"""A local VM that a user ends."""
CLEANUPS = (LcmState.CLEANUP_RESUBMIT, LcmState.CLEANUP_DELETE)
FIRST_BOOT = (LcmState.BOOT, LcmState.BOOT_FAILURE)
FAILED = frozenset(lcm.name for lcm in LcmState if lcm.name.endswith("FAILURE")) | {
    "CLONING_FAILURE"
}
STARTED = frozenset({"RUNNING", "PENDING", "HOLD", "CLONING"})
"""A remote VM that runs, or waits for a place to run."""
ALL = frozenset(
    {state.name for state in VmState if state is not VmState.ACTIVE}
    | {lcm.name for lcm in LcmState}
)
