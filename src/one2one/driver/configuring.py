"""Giving the remote VM the new CONTEXT of its local VM, running or off.

It is merged and encoded as at the VM's creation. Nothing but CONTEXT is passed on: the remote
template decides the rest.
"""

from functools import cache, partial

from one2one.driver.contexts import build_context, read_remote_template
from one2one.driver.hotplug import Ask, Done, Follower, change
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

    def plan(remote: Vm, accepted: frozenset[str]) -> Ask | Done | None:
        if shows_context(remote, merged) or _UPDATECONF in accepted:
            return Done(visible=_UPDATECONF not in accepted)
        return _ask_to_update(job, remote, merged)

    return change(job, plan, goals.CHANGEABLE)


def follow_context(job: Job) -> Follower:
    """Return what gives a remote VM that is off the local CONTEXT, where that has other values.

    A difference in what only the remote template has is no reason. What cannot be carried keeps no
    VM from starting.
    """
    local = job.local.get_vm(job.request.vm.id)
    try:
        token = job.local.make_onegate_token(local)
        own = merge_context(local.template.vector("CONTEXT"), {}, token)
    except Refused as error:
        _log_refusal(job, error)
        return lambda _remote, _accepted: None
    build = cache(partial(_build_context, job, local))

    def ask(remote: Vm, accepted: frozenset[str]) -> Ask | None:
        differ = remote.template.vector("CONTEXT") and find_differences(remote, own)
        if not differ or _UPDATECONF in accepted:
            return None
        try:
            return _ask_to_update(job, remote, build())
        except Refused as error:
            _log_refusal(job, error)
            return None

    return ask


def _log_refusal(job: Job, error: Refused) -> None:
    job.log(f"The new CONTEXT is not passed on: {error}")


def _build_context(job: Job, local: Vm) -> Template:
    template_id = find_template_id(job.request.vm.user_template, job.request.host_name)
    return build_context(job, local, read_remote_template(job, template_id))


def _ask_to_update(job: Job, remote: Vm, merged: Template) -> Ask:
    cloud = job.remote.cloud
    if missing := find_missing_attributes(remote, merged):
        call = partial(cloud.update_vm, remote.id, to_xml(missing), Update.MERGE)
        return Ask("update of CONTEXT", call)
    configuration = to_xml(build_configuration(remote, merged))
    return Ask(_UPDATECONF, partial(cloud.update_configuration, remote.id, configuration))


OPERATIONS: dict[str, Operation] = {"UPDATECONF": update_configuration}
