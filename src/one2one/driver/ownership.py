"""Whose a remote VM is, found out before anything is done to it.

A deploy id may name anybody's VM: after a restored database, in a remote cloud that was set up
again, or where a user could submit one. So the marks are read before the first operation of a VM.
"""

from dataclasses import replace

from one2one.driver.local import LocalCloud
from one2one.driver.operation import Job
from one2one.driver.remotes import Remote
from one2one.driver.watch import GONE
from one2one.hybrid.naming import (
    Marks,
    find_remote_id,
    format_marks,
    is_deploy_id,
    parse_deploy_id,
)
from one2one.hybrid.ownership import Identity, Ownership, is_imported, judge, not_ours_error
from one2one.hybrid.public_cloud import find_named_vm
from one2one.opennebula.cloud import Cloud, Update
from one2one.opennebula.errors import Busy, NotFound
from one2one.opennebula.records import Vm
from one2one.opennebula.states import State, VmState
from one2one.opennebula.template import Template, Value, to_xml

Attribute = tuple[str, Value]


def find_remote_vm(job: Job) -> int:
    """Return the remote VM's id, by its marks where oned has no deploy id of ours.

    It has ``one-<VM id>`` after ``onevm recover --success`` of a DEPLOY whose answer was lost.
    """
    vm, remote = job.request.vm, job.remote
    named = job.request.deploy_id or vm.deploy_id
    if not is_deploy_id(named) and remote.settings.hybrid_id:
        adopted = find_named_vm(vm.user_template, job.request.host_name)
        if adopted is not None:
            return adopted
        for remote_vm in remote.vm_index.find_marked(job.marks, job.not_before):
            if remote_vm.state.state != VmState.DONE:
                remote.owner_cache.add(remote_vm.id, job.marks)
                return remote_vm.id
    return parse_deploy_id(named)


def require_own(job: Job, remote_id: int) -> State | None:
    """See to it that a remote VM is the operation's, before anything is done to it.

    Returns the VM's state if it was read for that, ``GONE`` where there is none, and None if the
    owner was known. Raises Refused for another's VM, and the errors of a call.
    """
    if job.remote.owner_cache.holds(remote_id, job.marks):
        return None
    try:
        return read_own(job, remote_id).state
    except NotFound:
        return GONE


def read_own(job: Job, remote_id: int) -> Vm:
    """Return a remote VM that is the operation's, just read.

    Raises Refused for another's VM, NotFound where there is none, and the errors of a call.
    """
    remote, marks = job.remote, job.marks
    vm = _read_vm(remote.cloud, remote_id)
    identity = Identity.read(vm)
    ownership = judge(identity, marks)
    imported = is_imported(job.request.vm, remote_id, job.request.host_name)
    if ownership is Ownership.UNMARKED and imported:
        marks = give_marks(remote, job.local, remote_id, marks)
        job.log(f"Remote VM {remote_id}, which was imported, is marked as this VM's")
    elif ownership is not Ownership.OURS or not (identity.marks or _is_linked(job, remote_id)):
        raise not_ours_error(identity, marks)
    remote.owner_cache.add(remote_id, marks)
    return vm


def _is_linked(job: Job, remote_id: int) -> bool:
    """Tell whether oned has the remote VM's deploy id: a user may write VM_ID as well.

    The Ruby driver's mark is the local VM's id alone, which VMs of other clouds have too.
    """
    named = job.request.deploy_id or job.request.vm.deploy_id
    return find_remote_id(named) == remote_id


def _read_vm(cloud: Cloud, remote_id: int) -> Vm:
    """Return a remote VM; raises NotFound only where the list of VMs lacks it too.

    While oned's database fails, oned says of a VM that there is none, and refuses to list any
    (``PoolSQL::get``, measured on 7.2.0 when MariaDB stopped).
    """
    try:
        return cloud.get_vm(remote_id)
    except NotFound:
        if not cloud.list_vms_by_id([remote_id]):
            raise
        cause = f"it said that there is no VM {remote_id}, and lists it"
        raise Busy(cause, call="one.vm.info", endpoint=cloud.url) from None


def is_own(identity: Identity, marks: Marks, local: LocalCloud, host_name: str) -> bool:
    """Tell whether a remote VM is the local VM's that *marks* name, by its marks or an import.

    Raises the errors of a call: the local VM is read where there are no marks.
    """
    verdict = judge(identity, marks)
    if verdict is Ownership.UNMARKED:
        return is_imported(local.get_vm(marks.vm_id), identity.remote_id, host_name)
    return verdict is Ownership.OURS


def give_marks(
    remote: Remote, local: LocalCloud, remote_id: int, marks: Marks, *more: Attribute
) -> Marks:
    """Give a remote VM that has none *marks*, with the host's hybrid id, and return them.

    It was imported or is adopted, and gets the attributes *more* in the same call. The marks are
    read back. Raises Refused where another front-end has marked it in the meantime, and the errors
    of a call.
    """
    if not marks.hybrid_id:
        marks = replace(marks, hybrid_id=local.ensure_hybrid_id(remote.settings.host_id))
    attributes = Template([*format_marks(marks), *more])
    remote.cloud.update_vm(remote_id, to_xml(attributes), Update.MERGE)
    written = Identity.read(remote.cloud.get_vm(remote_id))
    if judge(written, marks) is not Ownership.OURS:
        raise not_ours_error(written, marks)
    return marks
