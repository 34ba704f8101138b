"""Giving the remote VM the new CONTEXT of its local VM, running or off.

It is merged and encoded as at the VM's creation. Nothing but CONTEXT is passed on: the remote
template decides the rest.
"""

from collections.abc import Callable
from functools import cache, partial

from one2one.driver.contexts import build_context, read_remote_template
from one2one.driver.hotplug import Call, Follower, Result, change
from one2one.driver.operation import Job, Operation, Steps
from one2one.hybrid import goals
from one2one.hybrid.context import merge_context
from one2one.hybrid.context_changes import (
    build_configuration,
    find_differences,
    find_missing_attributes,
    shows_context,
)
from one2one.hybrid.public_cloud import find_template_id
from one2one.opennebula.cloud import Update
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import Vm
from one2one.opennebula.template import Template, to_xml

_UPDATECONF = "updateconf"


def update_configuration(job: Job) -> Steps:
    """UPDATECONF: the local CONTEXT as it is now. oned keeps it here even where that fails."""
    merged = _build_context(job, job.local.get_vm(job.request.vm.id))

    def choose(remote: Vm, accepted: frozenset[str]) -> Call | Result | None:
        if shows_context(remote, merged) or _UPDATECONF in accepted:
            return Result(unseen=_UPDATECONF if _UPDATECONF in accepted else "")
        return _build_update(job, remote, merged)

    return change(job, choose, goals.CHANGEABLE)


def follow_context(job: Job) -> Follower:
    """Return what gives a remote VM that is off the local CONTEXT, where that has other values.

    A difference in what only the remote template has is no reason. What cannot be carried keeps no
    VM from starting.
    """
    local = job.local.get_vm(job.request.vm.id)
    own = _log_refusal(job, lambda: _merge_own(job, local))
    build = cache(partial(_log_refusal, job, partial(_build_context, job, local)))

    def choose(remote: Vm, accepted: frozenset[str]) -> Call | None:
        if own is None or _UPDATECONF in accepted or not remote.template.vector("CONTEXT"):
            return None
        merged = build() if find_differences(remote, own) else None
        return None if merged is None else _build_update(job, remote, merged)

    return choose


def _merge_own(job: Job, local: Vm) -> Template:
    """Return the local CONTEXT alone, as the remote VM gets it; raises Refused."""
    token = job.local.make_onegate_token(local)
    return merge_context(local.template.vector("CONTEXT"), {}, token)


def _log_refusal(job: Job, build: Callable[[], Template]) -> Template | None:
    """Return what *build* returns, None where it refuses, which the VM's log then tells."""
    try:
        return build()
    except Refused as error:
        job.log(f"The new CONTEXT is not passed on: {error}")
        return None


def _build_context(job: Job, local: Vm) -> Template:
    template_id = find_template_id(job.request.vm.user_template, job.request.host_name)
    return build_context(job, local, read_remote_template(job, template_id))


def _build_update(job: Job, remote: Vm, merged: Template) -> Call:
    cloud = job.remote.cloud
    if missing := find_missing_attributes(remote, merged):
        call = partial(cloud.update_vm, remote.id, to_xml(missing), Update.MERGE)
        return Call("update of CONTEXT", call)
    configuration = to_xml(build_configuration(remote, merged))
    return Call(_UPDATECONF, partial(cloud.update_configuration, remote.id, configuration))


OPERATIONS: dict[str, Operation] = {"UPDATECONF": update_configuration}
