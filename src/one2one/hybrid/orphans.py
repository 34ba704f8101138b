"""Which remote VMs have lost their local VM, decided from complete readings of both clouds.

What one remote VM with this host's marks is, by what became of the local VM that they name:

    the local VM …                                             the remote VM is
    ────────────────────────────────────────────────────────   ──────────────────────
    does not exist                                             lost
    names this remote VM in its deploy id, and is not DONE     its
    the same, but on another host, and was recreated since     left behind
    is not the one it was made for, but has its id             lost
    is DONE                                                    abandoned
    starts for the first time, or is being cleaned up          its
    waits for a new start, after a recover --recreate          left behind
    is on another host, with another deploy id                 left behind
    names another remote VM, which carries the same marks      double
    names another remote VM, which does not, or none           its

"Its" are also those that DEPLOY or monitoring may yet take up, and the one that outlived what its
local VM names (after a restored database): the reaper leaves what may still belong to a VM.

Only "abandoned" is what a user asked for, and only there oned itself keeps since when: the ETIME of
the local VM, so no sighting needs to be remembered. The others rest on what the local cloud lacks
or contradicts, as they all do after its database was restored from a backup. They must be orphans
at two readings, far enough apart for an administrator to notice; of those, many at once are left
alone, and stay so when they become fewer.

A remote VM with another name than the driver gives is never destroyed. It was imported, and
existed before, or it was renamed. An administrator is told of it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from one2one.hybrid.marked_vms import MarkedVm
from one2one.hybrid.naming import find_remote_id
from one2one.opennebula.records import VmSummary
from one2one.opennebula.states import LcmState, VmState

MANY = 3
MANY_SHARE = 0.3
"""More than so many orphans, and more than this share of the host's remote VMs, are left alone."""

_UNSETTLED = (
    LcmState.PROLOG,
    LcmState.PROLOG_FAILURE,
    LcmState.BOOT,
    LcmState.BOOT_FAILURE,
    LcmState.CLEANUP_RESUBMIT,
    LcmState.CLEANUP_DELETE,
)
_WAITING = (VmState.PENDING, VmState.HOLD)


class Kind(Enum):
    """Why a remote VM is an orphan."""

    ABANDONED = "abandoned"
    LOST = "lost"
    DOUBLE = "double"
    LEFT_BEHIND = "left behind"


Grace = Mapping[Kind, float]

GRACE_S: Grace = {
    Kind.ABANDONED: 300.0,
    Kind.LOST: 1800.0,
    Kind.DOUBLE: 1800.0,
    Kind.LEFT_BEHIND: 1800.0,
}
"""For how many seconds a remote VM must have been an orphan before it is destroyed."""
NO_GRACE: Grace = dict.fromkeys(Kind, 0.0)
"""For an administrator who has seen what they are."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """A remote VM without a local one."""

    remote_id: int
    vm_id: int
    """The local VM that its marks name."""
    kind: Kind
    reason: str
    ended: int = 0
    """When an abandoned one's local VM ended, in seconds since 1970 by the local clock."""
    is_named: bool = True
    """Whether its name tells the local VM, too."""


def find_orphan(
    marked: MarkedVm, local: VmSummary | None, host_id: int, all_marked: Collection[MarkedVm]
) -> Orphan | None:
    """Return what makes the remote VM an orphan, None while it may belong to a local VM.

    *local* is the local VM that its marks name, None only if the local cloud, asked for it
    alone, knows no such VM. It has its whole history where ``may_name_another`` says so.
    *all_marked* are all remote VMs with the marks of the host *host_id*.
    """
    marks = marked.marks

    def orphan(kind: Kind, reason: str) -> Orphan:
        return Orphan(marked.remote_id, marks.vm_id, kind, reason, is_named=marked.is_named)

    if local is None:
        return orphan(Kind.LOST, f"there is no local VM {marks.vm_id}")
    named, done = find_remote_id(local.deploy_id), local.state.state == VmState.DONE
    was_recreated = local.recreated >= marks.sequence and may_name_another(marked, local, host_id)
    if named == marked.remote_id and not done and not was_recreated:
        return None
    if local.stime != marks.stime:
        return orphan(Kind.LOST, f"the local VM {marks.vm_id} is not the one it was made for")
    if done:
        return replace(orphan(Kind.ABANDONED, f"local VM {local.id} is DONE"), ended=local.etime)
    if _is_unsettled(local):
        return None
    if local.state.state in _WAITING and named is None and marks.sequence <= local.sequence:
        reason = f"local VM {local.id} was recreated, and waits for a new start"
        return orphan(Kind.LEFT_BEHIND, reason)
    if local.deploy_id and local.host_id != host_id:
        reason = f"local VM {local.id} is on host {local.host_name} as {local.deploy_id}"
        return orphan(Kind.LEFT_BEHIND, reason)
    same_vm = (marks.vm_id, marks.stime)
    if any(c.remote_id == named and (c.marks.vm_id, c.marks.stime) == same_vm for c in all_marked):
        return orphan(Kind.DOUBLE, f"local VM {local.id} is remote VM {named}, made for it too")
    return None


def may_name_another(marked: MarkedVm, local: VmSummary | None, host_id: int) -> bool:
    """Tell whether the deploy id may name a VM of another remote, which has the same id.

    The VM is on another host then. It may have been moved there and stopped, and come back. Only
    its whole history tells whether it was recreated, and so has a new remote VM.
    """
    return (
        local is not None
        and local.stime == marked.marks.stime
        and local.host_id != host_id
        and find_remote_id(local.deploy_id) == marked.remote_id
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done about the orphans."""

    destroy: tuple[Orphan, ...] = ()
    wait: tuple[Orphan, ...] = ()
    """Those whose grace is not over."""
    refused: tuple[Orphan, ...] = ()
    """Those that are, or were, too many at once."""
    kept: tuple[Orphan, ...] = ()
    """Those that were imported, or renamed."""
    first_seen: Mapping[int, float] = field(default_factory=dict)
    """Remote VM → when it was first seen as an orphan, for the next decision."""


@dataclass(frozen=True, slots=True)
class Instant:
    """The present moment, twice."""

    monotonic: float
    """Against this the sightings are held, so that no set clock shortens a grace."""
    clock: float
    """Seconds since 1970, against which what oned keeps is held."""


def decide(
    orphans: Collection[Orphan],
    marked_vms: int,
    last: Decision,
    now: Instant,
    *,
    grace: Grace = GRACE_S,
    allow_many: bool = False,
) -> Decision:
    """Return what to do about the *orphans*. *marked_vms* is how many VMs carry the host's marks.

    *last* is the decision before this one. *allow_many* tells that the administrator has seen how
    many orphans there are.
    """
    kept = tuple(one for one in orphans if not one.is_named)
    orphans = [one for one in orphans if one.is_named]
    doubtful = [one for one in orphans if one.kind is not Kind.ABANDONED]
    too_many = len(doubtful) > MANY and len(doubtful) > MANY_SHARE * marked_vms
    before = {one.remote_id for one in last.refused}
    first_seen = {o.remote_id: last.first_seen.get(o.remote_id, now.monotonic) for o in orphans}
    destroy, wait, refused = list[Orphan](), list[Orphan](), list[Orphan]()
    for one in orphans:
        needed = grace[one.kind]
        seen_for = now.monotonic - first_seen[one.remote_id]
        ended_for = now.clock - one.ended if one.ended else 0.0
        if one in doubtful and not allow_many and (too_many or one.remote_id in before):
            refused.append(one)
        elif max(seen_for, ended_for) >= needed:
            destroy.append(one)
        else:
            wait.append(one)
    return Decision(tuple(destroy), tuple(wait), tuple(refused), kept, first_seen)


def _is_unsettled(local: VmSummary) -> bool:
    return local.state.state == VmState.ACTIVE and local.state.lcm_state in _UNSETTLED
