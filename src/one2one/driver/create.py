"""Creating the remote VM of a local one, exactly once.

Everything is checked before anything is made. An instantiate without an answer is not repeated:
the remote may still carry it out. The next attempt finds its VM by the marks.
"""

from collections.abc import Generator
from dataclasses import replace

from one2one import runtime
from one2one.driver.contexts import build_context, read_remote_template
from one2one.driver.operation import Job, Wait
from one2one.driver.ownership import read_own
from one2one.driver.reach import destroy, reach
from one2one.hybrid import goals
from one2one.hybrid.allowed_size import override_size
from one2one.hybrid.goals import Step
from one2one.hybrid.naming import format_deploy_id, format_marks, format_remote_name, read_marks
from one2one.hybrid.origin import format_origin
from one2one.hybrid.public_cloud import (
    find_max_hours,
    find_named_vm,
    find_template_id,
    takes_local_size,
)
from one2one.hybrid.sizes import Followed, format_followed, read_size
from one2one.opennebula.errors import NotFound, OneError, Refused
from one2one.opennebula.records import Vm
from one2one.opennebula.states import FAILURES, State, VmState
from one2one.opennebula.template import Template, to_xml

_FAILED = frozenset(lcm.name for lcm in FAILURES) | {"CLONING_FAILURE"}
_ENDING = frozenset({"DONE", "FAILED", "SHUTDOWN", "EPILOG", "CLEANUP_DELETE"})


def create(job: Job) -> Generator[Wait, State | None, int]:
    """Return the id of the one remote VM of a local VM that starts for the first time.

    A VM that an earlier attempt made is taken over in whatever state it is. One that failed to
    start there is destroyed first, and so is one from before ``onevm recover --recreate``. A VM
    that is to be adopted is made for it already.
    Raises Refused and ConfigurationError before anything is made, and the errors of a call.
    """
    request, settings = job.request, job.remote.settings
    named = find_named_vm(request.vm.user_template, request.host_name)
    if named is not None:
        return _adopt(job, named)
    template_id = find_template_id(request.vm.user_template, request.host_name)
    find_max_hours(request.vm.user_template, request.host_name)
    local = job.local.get_vm(request.vm.id)
    hybrid_id = settings.hybrid_id or job.local.ensure_hybrid_id(settings.host_id)
    remote = job.opened = replace(job.remote, settings=replace(settings, hybrid_id=hybrid_id))

    earlier = remote.vm_index.find_marked(job.marks, job.not_before)
    taken = yield from _take_over(job, earlier)
    if taken is not None:
        job.log(f"Remote VM {taken} of an earlier attempt is taken over")
        return taken

    extra = _build_extra_template(job, local, template_id)
    try:
        created = remote.cloud.instantiate(template_id, format_remote_name(local.id), extra)
    except OneError as error:
        existing = _find_created(job) if error.sent else None
        if existing is None:
            raise
        created = existing
    remote.owner_cache.add(created, job.marks)
    job.log(f"Remote VM {created} created from template {template_id}")
    return created


def _build_extra_template(job: Job, local: Vm, template_id: int) -> str:
    """Return what instantiate gets besides the template: marks, origin, size and context."""
    asked_by, by_default = job.request.vm.user_template, job.remote.settings.local_size
    has_own_size = takes_local_size(asked_by, job.request.host_name, by_default=by_default)
    template = read_remote_template(job, template_id)
    extra = [*format_marks(job.marks), *format_origin(local, runtime.host_name())]
    extra += format_followed(Followed(read_size(local)))
    if has_own_size:
        extra += override_size(local.template, template)
    return to_xml(Template([*extra, *build_context(job, local, template)]))


def _adopt(job: Job, remote_id: int) -> int:
    """Return the remote VM that the local VM names, as it is; no other is made for it.

    Raises Refused unless ``one2one adopt`` has marked it as the local VM's.
    """
    try:
        vm = read_own(job, remote_id)
        gone = vm.state.state == VmState.DONE
    except NotFound:
        gone = True
    if gone:
        raise Refused(
            f"remote VM {remote_id}, which VM {job.request.vm.id} was to adopt, is gone",
            remedy=f"End the local VM with: onevm terminate {job.request.vm.id}",
        )
    if (other := _find_other_holder(job, remote_id)) is not None:
        raise Refused(
            f"remote VM {remote_id} is VM {other}'s already", remedy="See: one2one status"
        )
    job.log(f"Remote VM {remote_id} ({vm.state}) is adopted")
    return remote_id


def _take_over(job: Job, earlier: list[Vm]) -> Generator[Wait, State | None, int | None]:
    """Return the newest VM made for this start that can go on, and destroy the useless ones."""
    for vm in earlier:
        name, marks = str(vm.state), read_marks(vm)
        if name in _ENDING:
            continue
        if (other := _find_other_holder(job, vm.id)) is not None:
            job.log(f"Remote VM {vm.id} has this VM's marks, but is VM {other}'s")
            continue
        if name in _FAILED or marks is None or marks.sequence != job.marks.sequence:
            job.log(f"Remote VM {vm.id} of an earlier attempt ({name}) is destroyed")
            yield from destroy(job, vm.id)
            continue
        job.remote.owner_cache.add(vm.id, job.marks)
        if name == "HOLD":
            job.remote.cloud.vm_action("release", vm.id)
        elif goals.RUNNING.step(vm.state) is Step.ACT:
            yield from reach(job, vm.id, goals.RUNNING, "resume")
        return vm.id
    return None


def _find_other_holder(job: Job, remote_id: int) -> int | None:
    """Return the other local VM that is this remote VM already, whatever the marks say.

    A guest with a OneGate token of the remote may change its VM's name and marks, but not what
    the local cloud says.
    """
    host_id = job.remote.settings.host_id
    named = job.local.map_deploy_ids(host_id, job.not_before).get(
        format_deploy_id(remote_id), set()
    )
    return min(named - {job.request.vm.id}, default=None)


def _find_created(job: Job) -> int | None:
    """Return the VM that an instantiate without answer made, if it can be seen already."""
    try:
        vms = job.remote.vm_index.find_marked(job.marks, runtime.monotonic())
    except OneError:
        return None
    return next((vm.id for vm in vms if str(vm.state) not in _ENDING), None)
