"""The CONTEXT that a remote VM gets from its local VM and its remote template."""

from one2one.driver.operation import Job
from one2one.hybrid.context import find_unset, merge_context
from one2one.opennebula.records import Vm
from one2one.opennebula.template import Template


def build_context(job: Job, local: Vm, template_id: int) -> Template:
    """Return CONTEXT, and the attributes that it names, as ``merge_context`` does.

    *local* is the local VM with encrypted attributes in clear. Raises Refused for a value that
    cannot be carried, and the errors of a call.
    """
    remote = job.remote
    remote_context = remote.templates.get(
        template_id, job.not_before, lambda: remote.cloud.get_template(template_id)
    ).template.vector("CONTEXT")
    local_context = local.template.vector("CONTEXT")
    token = job.local.make_onegate_token(local)
    if local_context.get("FILES_DS"):
        job.log("CONTEXT/FILES_DS is left out: a remote VM cannot get local files")
    if unset := find_unset(local_context, remote_context):
        names = ", ".join(unset)
        job.log(f"CONTEXT has the remote account's {names}: set it in the local template")
    return merge_context(local_context, remote_context, token)
