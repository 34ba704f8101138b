"""The CONTEXT that a remote VM gets from its local VM and its remote template."""

from one2one.driver.operation import Job
from one2one.hybrid.context import find_unset, merge_context
from one2one.opennebula.records import Vm, VmTemplate
from one2one.opennebula.template import Template


def read_remote_template(job: Job, template_id: int) -> VmTemplate:
    """Return a remote template, read since oned asked; raises the errors of a call."""
    remote = job.remote
    return remote.templates.get(
        template_id, job.not_before, lambda: remote.cloud.get_template(template_id)
    )


def build_context(job: Job, local: Vm, template: VmTemplate) -> Template:
    """Return CONTEXT, and the attributes that it names, as ``merge_context`` does.

    *local* is the local VM with encrypted attributes in clear, *template* the remote template.
    Raises Refused for a value that cannot be carried.
    """
    local_context, remote_context = (t.template.vector("CONTEXT") for t in (local, template))
    token = job.local.make_onegate_token(local)
    if local_context.get("FILES_DS"):
        job.log("CONTEXT/FILES_DS is left out: a remote VM cannot get local files")
    if unset := find_unset(local_context, remote_context):
        names = ", ".join(unset)
        job.log(f"CONTEXT has the remote account's {names}: set it in the local template")
    return merge_context(local_context, remote_context, token)
