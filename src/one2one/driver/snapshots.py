"""System snapshots: the remote VM gets one for each of its local VM, and keeps no others of ours.

Which remote snapshot belongs to a local one is told by its name (``hybrid.snapshots``). oned keeps
the remote's number too, as HYPERVISOR_ID, for its administrator to see.
"""

from functools import partial

from one2one.driver.hotplug import Call, Result, change
from one2one.driver.operation import Job, Operation, Steps
from one2one.hybrid import goals
from one2one.hybrid.snapshots import (
    Snapshot,
    find_active,
    find_left_over,
    find_remote,
    format_name,
    read_snapshots,
)
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import Vm

_REVERT = "snapshot-revert"


def create(job: Job) -> Steps:
    """SNAPSHOTCREATE: answers the remote snapshot's number, which becomes HYPERVISOR_ID.

    What an earlier attempt left, whose answer was lost, is deleted first.
    """
    vm_id, local, cloud = job.request.vm.id, find_active(job.request.vm), job.remote.cloud

    def choose(remote: Vm, accepted: frozenset[str]) -> Call | Result | None:
        if _is_busy(remote):
            return None
        if snapshots := find_remote(remote, vm_id, local):
            return Result(str(snapshots[0].id))
        for left in find_left_over(remote, vm_id, local):
            call = _build_deletion(job, remote, left)
            if call.name not in accepted:
                return call
        name = format_name(vm_id, local)
        return Call("snapshot-create", partial(cloud.create_snapshot, remote.id, name))

    return change(job, choose, goals.CHANGEABLE)


def revert(job: Job) -> Steps:
    """SNAPSHOTREVERT: raises Refused where the remote has lost the snapshot."""
    vm_id, local, cloud = job.request.vm.id, find_active(job.request.vm), job.remote.cloud

    def choose(remote: Vm, accepted: frozenset[str]) -> Call | Result | None:
        if _is_busy(remote):
            return None
        if accepted:
            return Result(unseen=_REVERT)
        snapshots = find_remote(remote, vm_id, local)
        if not snapshots:
            raise Refused(
                f"snapshot {local.id} ({local.name}) is gone: remote VM {remote.id} lost it",
                remedy="Delete it here too: nothing can bring it back",
            )
        call = partial(cloud.revert_snapshot, remote.id, snapshots[0].id)
        return Call(_REVERT, call)

    return change(job, choose, goals.CHANGEABLE)


def delete(job: Job) -> Steps:
    """SNAPSHOTDELETE: a snapshot that the remote has lost counts as deleted."""
    vm_id, local = job.request.vm.id, find_active(job.request.vm)

    def choose(remote: Vm, _: frozenset[str]) -> Call | Result | None:
        if _is_busy(remote):
            return None
        snapshots = find_remote(remote, vm_id, local)
        return _build_deletion(job, remote, snapshots[0]) if snapshots else Result()

    return change(job, choose, goals.CHANGEABLE_OR_OFF)


OPERATIONS: dict[str, Operation] = {
    "SNAPSHOTCREATE": create,
    "SNAPSHOTREVERT": revert,
    "SNAPSHOTDELETE": delete,
}


def _build_deletion(job: Job, remote: Vm, snapshot: Snapshot) -> Call:
    call = partial(job.remote.cloud.delete_snapshot, remote.id, snapshot.id)
    return Call(f"snapshot-delete {snapshot.id}", call)


def _is_busy(remote: Vm) -> bool:
    """Tell whether a snapshot is being worked on. A VM in POWEROFF shows that in no other way."""
    return any(snapshot.is_active for snapshot in read_snapshots(remote))
