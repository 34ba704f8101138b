"""Resizing the remote VM as its local VM is resized, running or off.

oned asks the driver where the local VM runs. Where it is off, oned changes it without asking, and
the remote VM follows before its next start (``driver.following``).
"""

from collections.abc import Callable
from functools import cache, partial

from one2one.driver.contexts import read_remote_template
from one2one.driver.hotplug import Call, Follower, Result, change
from one2one.driver.operation import Job, Operation, Steps
from one2one.hybrid import goals
from one2one.hybrid.allowed_size import require_allowed
from one2one.hybrid.sizes import (
    Followed,
    Size,
    find_changes,
    find_left,
    format_followed,
    note_try,
    read_followed,
    read_old_size,
    read_size,
)
from one2one.opennebula.cloud import Update
from one2one.opennebula.errors import NotAuthorized, NotFound
from one2one.opennebula.ids import read_id
from one2one.opennebula.records import Vm, VmTemplate
from one2one.opennebula.template import Template, to_xml


def resize(job: Job) -> Steps:
    """RESIZE: what the user changed; oned takes it back where that fails.

    What is tried is noted first: so the next start can tell where only the remote has done it.
    """
    before = read_old_size(job.request.vm)
    wanted = find_changes(read_size(job.request.vm), before)
    read_limits = cache(partial(_read_limits, job))

    def choose(remote: Vm, _: frozenset[str]) -> Call | Result | None:
        changes = find_changes(wanted, read_size(remote))
        if not changes:
            return Result()
        _require_allowed(remote, changes, read_limits)
        note = _build_note(job, remote, note_try(remote, before, changes))
        return note or _build_resize(job, remote, changes)

    return change(job, choose, goals.CHANGEABLE)


def follow_size(job: Job) -> Follower:
    """Return what resizes a remote VM that is off as its local VM was resized.

    A remote VM that tells no local size is not resized, but tells it from then on.
    """
    size = read_size(job.request.vm)
    read_limits = cache(partial(_read_limits, job))

    def choose(remote: Vm, _: frozenset[str]) -> Call | None:
        if changes := find_left(remote, size):
            _require_allowed(remote, changes, read_limits)
            return _build_resize(job, remote, changes)
        return _build_note(job, remote, Followed(size))

    return choose


def _read_limits(job: Job, template_id: int) -> VmTemplate | None:
    """Return the remote template that limits a VM, None where it can be read no more."""
    try:
        return read_remote_template(job, template_id)
    except (NotFound, NotAuthorized):
        return None


def _require_allowed(
    remote: Vm, changes: Size, read_limits: Callable[[int], VmTemplate | None]
) -> None:
    """Raise Refused where the template that *remote* was made of does not allow *changes*."""
    template_id = read_id(remote.template.text("TEMPLATE_ID"))
    limits = None if template_id is None else read_limits(template_id)
    if limits is not None:
        require_allowed({**read_size(remote), **changes}, changes, limits)


def _build_resize(job: Job, remote: Vm, changes: Size) -> Call:
    template = to_xml(Template(changes.items()))
    return Call("resize", partial(job.remote.cloud.resize_vm, remote.id, template))


def _build_note(job: Job, remote: Vm, followed: Followed) -> Call | None:
    if read_followed(remote) == followed:
        return None
    template = to_xml(format_followed(followed))
    call = partial(job.remote.cloud.update_vm, remote.id, template, Update.MERGE)
    return Call("update of ONE_LOCAL_SIZE", call)


OPERATIONS: dict[str, Operation] = {"RESIZE": resize}
