"""Resizing the remote VM as its local VM is resized, running or off.

oned asks the driver where the local VM runs. Where it is off, oned changes it without asking, and
the remote VM follows before its next start (``driver.following``).
"""

from functools import partial

from one2one.driver.hotplug import Ask, Done, Follower, change
from one2one.driver.operation import Job, Operation, Steps
from one2one.hybrid import goals
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
from one2one.opennebula.records import Vm
from one2one.opennebula.template import Template, to_xml


def resize(job: Job) -> Steps:
    """RESIZE: what the user changed; oned takes it back where that fails.

    What is tried is noted first: so the next start can tell where only the remote has done it.
    """
    before = read_old_size(job.request.vm)
    wanted = find_changes(read_size(job.request.vm), before)

    def plan(remote: Vm, _: frozenset[str]) -> Ask | Done | None:
        changes = find_changes(wanted, read_size(remote))
        if not changes:
            return Done()
        note = _ask_to_note(job, remote, note_try(remote, before, changes))
        return note or _ask_to_resize(job, remote, changes)

    return change(job, plan, goals.CHANGEABLE)


def follow_size(job: Job) -> Follower:
    """Return what resizes a remote VM that is off as its local VM was resized.

    A remote VM that tells no local size is not resized, but tells it from then on.
    """
    size = read_size(job.request.vm)

    def ask(remote: Vm, _: frozenset[str]) -> Ask | None:
        if changes := find_left(remote, size):
            return _ask_to_resize(job, remote, changes)
        return _ask_to_note(job, remote, Followed(size))

    return ask


def _ask_to_resize(job: Job, remote: Vm, changes: Size) -> Ask:
    template = to_xml(Template(changes.items()))
    return Ask("resize", partial(job.remote.cloud.resize_vm, remote.id, template))


def _ask_to_note(job: Job, remote: Vm, followed: Followed) -> Ask | None:
    if read_followed(remote) == followed:
        return None
    template = to_xml(format_followed(followed))
    call = partial(job.remote.cloud.update_vm, remote.id, template, Update.MERGE)
    return Ask("update of ONE_LOCAL_SIZE", call)


OPERATIONS: dict[str, Operation] = {"RESIZE": resize}
