"""Creating the remote VM of a local one, exactly once.

Everything is checked before anything is made. An instantiate without an answer is not repeated:
the remote may still carry it out. The next attempt finds its VM by the marks.
"""

from collections.abc import Generator

from one2one import runtime
from one2one.driver.operation import Job, Wait
from one2one.driver.reach import destroy, reach
from one2one.hybrid import goals
from one2one.hybrid.context import merge_context
from one2one.hybrid.goals import Step
from one2one.hybrid.naming import Marks, format_marks, format_remote_name, read_marks
from one2one.hybrid.public_cloud import find_template_id
from one2one.opennebula.errors import OneError
from one2one.opennebula.records import Vm
from one2one.opennebula.states import FAILURES, State
from one2one.opennebula.template import Template, to_xml

_FAILED = frozenset(lcm.name for lcm in FAILURES) | {"CLONING_FAILURE"}
_ENDING = frozenset({"DONE", "FAILED", "SHUTDOWN", "EPILOG", "CLEANUP_DELETE"})


def create(job: Job) -> Generator[Wait, State | None, int]:
    """Return the id of the one remote VM of a local VM that starts for the first time.

    A VM that an earlier attempt made is taken over in whatever state it is. One that failed to
    start there is destroyed first, and so is one from before ``onevm recover --recreate``.
    Raises Refused and ConfigurationError before anything is made, and the errors of a call.
    """
    request, remote = job.request, job.remote
    template_id = find_template_id(request.vm.user_template, request.host_name)
    local = job.local.get_vm(request.vm.id)
    hybrid_id = remote.settings.hybrid_id or job.local.ensure_hybrid_id(remote.settings.host_id)
    ours = Marks(hybrid_id, local.id, local.stime, request.placement.sequence)

    earlier = remote.vm_index.find_marked(local.id, hybrid_id, local.stime, job.not_before)
    adopted = yield from _adopt(job, earlier, ours.sequence)
    if adopted is not None:
        job.log(f"Remote VM {adopted} of an earlier attempt is taken over")
        return adopted

    extra = _build_extra_template(job, local, template_id, ours)
    try:
        created = remote.cloud.instantiate(template_id, format_remote_name(local.id), extra)
    except OneError as error:
        found = _find_created(job, local, hybrid_id) if error.sent else None
        if found is None:
            raise
        created = found
    job.log(f"Remote VM {created} created from template {template_id}")
    return created


def _build_extra_template(job: Job, local: Vm, template_id: int, owner: Marks) -> str:
    """Return what instantiate gets besides the template: the marks and the context."""
    remote = job.remote
    theirs = remote.templates.get(
        template_id, job.not_before, lambda: remote.cloud.get_template(template_id)
    ).template.vector("CONTEXT")
    ours = local.template.vector("CONTEXT")
    token = job.local.make_onegate_token(local)
    if ours.get("FILES_DS"):
        job.log("CONTEXT/FILES_DS is left out: a remote VM cannot get local files")
    return to_xml(Template([*format_marks(owner), *merge_context(ours, theirs, token)]))


def _adopt(job: Job, earlier: list[Vm], stay: int) -> Generator[Wait, State | None, int | None]:
    """Return the newest VM made for this *stay* that can go on, destroying the useless ones."""
    for vm in earlier:
        name, found = str(vm.state), read_marks(vm)
        if name in _ENDING:
            continue
        if name in _FAILED or found is None or found.sequence != stay:
            job.log(f"Remote VM {vm.id} of an earlier attempt ({name}) is destroyed")
            yield from destroy(job, vm.id)
            continue
        if name == "HOLD":
            job.remote.cloud.vm_action("release", vm.id)
        elif goals.RUNNING.step(vm.state) is Step.ACT:
            yield from reach(job, vm.id, goals.RUNNING, "resume")
        return vm.id
    return None


def _find_created(job: Job, local: Vm, hybrid_id: str) -> int | None:
    """Return the VM that an instantiate without answer made, if it can be seen already."""
    roster = job.remote.vm_index
    try:
        found = roster.find_marked(local.id, hybrid_id, local.stime, runtime.monotonic())
    except OneError:
        return None
    return next((vm.id for vm in found if str(vm.state) not in _ENDING), None)
