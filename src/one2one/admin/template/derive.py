"""What a local template must say so that its VMs run from a remote template."""

from one2one.opennebula.ids import read_id
from one2one.opennebula.records import VmTemplate
from one2one.opennebula.template import Template

MARK = "ONE2ONE_SYNC"
"""Attribute of the templates that ``one2one template sync`` looks after; others it leaves alone."""

_SIZE = ("CPU", "MEMORY", "VCPU")
_OURS = {MARK, *_SIZE, "PUBLIC_CLOUD", "SCHED_REQUIREMENTS", "USER_INPUTS", "CONTEXT"}


def derive(remote: VmTemplate, host_name: str) -> Template:
    """Return the attributes of the local template for *remote* on a host.

    The size is the remote's, for the local scheduler and quotas. A user input reaches the remote
    VM through the context, so the local context asks for each. Its size cannot be an input: that
    is the remote template's to say. The requirements keep the VM off local hosts, where it has
    no disks, with every release's scheduler.
    """
    local = Template([(MARK, "YES")])
    for name in _SIZE:
        if value := remote.template.text(name):
            local.add(name, value)
    local.add(
        "PUBLIC_CLOUD",
        {"TYPE": "opennebula", "TEMPLATE_ID": str(remote.id), "HOST": host_name},
    )
    local.add("SCHED_REQUIREMENTS", f'HYPERVISOR = "opennebula" & NAME = "{host_name}"')
    inputs = remote.template.vector("USER_INPUTS")
    inputs = {name: text for name, text in inputs.items() if name not in _SIZE}
    if inputs:
        local.add("USER_INPUTS", inputs)
        local.add("CONTEXT", {name: f"${name}" for name in inputs})
    return local


def adapt(known: Template, wanted: Template) -> Template:
    """Return *known* with what is *wanted*, and with what its administrator added."""
    adapted = Template((name, value) for name, value in known if name not in _OURS)
    context = {k: v for k, v in known.vector("CONTEXT").items() if v != f"${k}"}
    context |= wanted.vector("CONTEXT")
    for name, value in wanted:
        if name != "CONTEXT":
            adapted.add(name, value)
    if context:
        adapted.add("CONTEXT", context)
    return adapted


def mapped_id(local: Template, host_name: str) -> int | None:
    """Return the remote template's id that a local template has for a host, None without one."""
    for section in local.vectors("PUBLIC_CLOUD"):
        number = read_id(section.get("TEMPLATE_ID", "").strip())
        if (
            section.get("TYPE", "").lower() == "opennebula"
            and section.get("HOST", "").strip().lower() in (host_name.lower(), "")
            and number is not None
        ):
            return number
    return None
