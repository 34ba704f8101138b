"""Groups of states that the checks speak of, by the names that OpenNebula prints."""

from one2one.opennebula.states import LcmState, VmState

ENDING = frozenset({"DONE", "FAILED", "SHUTDOWN", "EPILOG", "CLEANUP_DELETE"})
"""A remote VM on its way out, or gone."""
ENDS = (LcmState.SHUTDOWN, LcmState.CLEANUP_RESUBMIT, LcmState.CLEANUP_DELETE, LcmState.EPILOG)
"""A local VM that a user ends."""
FIRST_BOOT = (LcmState.BOOT, LcmState.BOOT_FAILURE)
ALL = frozenset(
    {state.name for state in VmState if state is not VmState.ACTIVE}
    | {lcm.name for lcm in LcmState}
)
