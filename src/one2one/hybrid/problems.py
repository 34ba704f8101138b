"""What is wrong with a remote VM, in words for the user of its local VM.

    the remote VM is …          the user is told                          with its cloud's words in
    ─────────────────────────   ───────────────────────────────────────   ─────────────────────────
    PENDING                     when a scheduler says why, or it lasts    SCHED_MESSAGE, ERROR
    HOLD                        who can end that                          –
    UNKNOWN                     that its cloud has lost sight of it       –
    …_FAILURE, FAILED           what failed there                         ERROR
    DONE, or is not there       that it is gone                           –
    in any other state          nothing                                   –

ERROR is read in failure states and in PENDING only, because oned never removes it: elsewhere it is
about the past. SCHED_MESSAGE is written by oned from 7.0 on, and by the scheduler before; both put
a time before it.
Source: ``VirtualMachineXML::log``, ``SchedulerManagerDriver::log_vm``,
``VirtualMachine::set_template_error_message``.
"""

import re

from one2one.hybrid.verdicts import explain_failure_at
from one2one.hybrid.words import read_words
from one2one.opennebula.clean import clean_line
from one2one.opennebula.records import Vm
from one2one.opennebula.states import FAILURES, RUNNING, LcmState, State, VmState

ATTRIBUTE = "REMOTE_PROBLEM"
"""The attribute of the local VM that tells it. Nothing else writes it, and nothing acts on it.

FireEdge hides attributes with ERROR or SCHED_ anywhere in their names.
"""
LIMIT = 256
"""Characters of its value."""
PATIENCE_S = 30.0
"""For how many seconds a VM may be PENDING before that is a problem by itself."""

_UNKNOWN = State(VmState.ACTIVE, LcmState.UNKNOWN)
_AT_REST = (VmState.POWEROFF, VmState.SUSPENDED)
_WAITING = (VmState.PENDING, VmState.HOLD, VmState.CLONING_FAILURE, VmState.FAILED, VmState.DONE)
_TIME = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d{1,2} \d\d:\d\d:\d\d \d{4} ?:\s*", re.ASCII)
"""As oned and its scheduler write it: ``Fri Nov 27 18:28:26 2026: ``, ``… 2026 : `` up to 5.10."""


def is_settled(local: State) -> bool:
    """Tell whether no operation moves the local VM, so that a problem is not a passing one."""
    return local in (RUNNING, _UNKNOWN) or local.state in _AT_REST


def may_be_problem(remote: State) -> bool:
    """Tell whether the state of a remote VM may be a problem, so that it must be read whole."""
    if remote.state == VmState.ACTIVE:
        return remote == _UNKNOWN or remote.lcm_state in FAILURES
    return remote.state in _WAITING


def find_problem(remote: Vm, *, lasts: bool = False, secret: str = "") -> str:
    """Return what is wrong with a remote VM, as one line, and nothing where nothing is.

    *lasts* tells that it has been in its state for PATIENCE_S. Its cloud's words are not shown
    with *secret*, the account's password, in them.
    """
    if remote.state.state == VmState.DONE:
        return explain_gone(remote.id)
    is_suspect = may_be_problem(remote.state)
    cause = _find_cause(remote, secret, lasts=lasts) if is_suspect else ""
    return clean_line(f"remote VM {remote.id} is {remote.state}: {cause}", LIMIT) if cause else ""


def explain_gone(remote_id: int) -> str:
    """Return what is wrong with a local VM whose remote VM has ended."""
    return f"remote VM {remote_id} is gone: onevm recover --recreate makes another one"


def explain_unreadable(remote_id: int) -> str:
    """Return what is wrong with a local VM whose remote VM the account may not read any more."""
    return f"remote VM {remote_id} is no longer the remote account's: its owner was changed there"


def _find_cause(remote: Vm, secret: str, *, lasts: bool) -> str:
    if remote.state.state == VmState.PENDING:
        said = _read(remote, "SCHED_MESSAGE", secret) or _read(remote, "ERROR", secret)
        return said or ("its cloud has found no place for it yet" if lasts else "")
    if remote.state.state == VmState.HOLD:
        return f"it starts when its cloud is told: onevm release {remote.id}"
    if remote.state == _UNKNOWN:
        return "its cloud has lost sight of it, or of its host there"
    failed = explain_failure_at(remote.state) or "it cannot be used any more"
    said = _read(remote, "ERROR", secret)
    return f"{failed} ({said})" if said else failed


def _read(remote: Vm, name: str, secret: str) -> str:
    """Return what the remote cloud says, without the time: that changes with each repetition."""
    text = clean_line(read_words(remote, name, secret), 2 * LIMIT)
    return _TIME.sub("", text, count=1) if _TIME.match(text) else text
