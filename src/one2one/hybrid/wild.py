"""VMs of the account that no front-end made: offered to the local cloud for import.

oned calls them wild, up to 6.10: ``onehost importvm`` creates a local VM from the template that is
offered and takes it for one that runs, or is off, already. 7.x has no such import. Source:
``Host::import_wild`` in OpenNebula's Ruby library.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from one2one.hybrid.naming import format_deploy_id
from one2one.hybrid.ownership import Identity
from one2one.opennebula.ids import read_id
from one2one.opennebula.records import Vm
from one2one.opennebula.states import VmState
from one2one.opennebula.template import Template, Vector, to_text

_NOT_IN_A_NAME = re.compile(r"[^\w .,@+()=!-]|[\U00010000-\U0010ffff]")
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class WildVm:
    """A VM as oned lists it for import."""

    deploy_id: str
    name: str
    """No two that are offered together have the same."""
    import_template: str
    """Template text."""


def find_wild(
    vms: Iterable[Vm], known: Collection[int], host_name: str, version: tuple[int, ...]
) -> list[WildVm]:
    """Return those of the account's *vms* that may be imported into the local cloud.

    *known* are the ids that local VMs have already. A VM with marks is never among them, be it
    of this front-end, of another or of the Ruby driver, nor one that neither runs nor is off:
    an import knows nothing else.
    """
    if version >= (7,):
        return []
    attribute = get_import_attribute(version)
    offered, names = [], set[str]()
    for vm in vms:
        if vm.id in known or not Identity.read(vm).is_wild:
            continue
        if vm.state.state not in (VmState.ACTIVE, VmState.POWEROFF):
            continue
        name = fit_name(vm)
        if name in names:
            name = f"{name}-{vm.id}"
        names.add(name)
        template = _build_import_template(vm, name, host_name, attribute)
        offered.append(WildVm(format_deploy_id(vm.id), name, template))
    return offered


def get_import_attribute(version: tuple[int, ...]) -> str:
    """Return the attribute by which a template of the local cloud names an existing remote VM.

    Source: ``VirtualMachine::insert``.
    """
    return "DEPLOY_ID" if version >= (5, 12) else "IMPORT_VM_ID"


def fit_name(remote: Vm) -> str:
    """Return the name of a remote VM, as a local VM may have it."""
    return _NOT_IN_A_NAME.sub("_", remote.name)[:100] or "vm"


def describe_remote_vm(remote: Vm, name: str, host_name: str) -> Template:
    """Return the attributes of a local VM called *name* that stands for a VM of the host's remote.

    It has the remote VM's size, and the remote template that this was made from.
    """
    template = Template([("NAME", name)])
    for size in ("CPU", "VCPU", "MEMORY"):
        amount = remote.template.text(size)
        if _AMOUNT.fullmatch(amount):
            template.add(size, amount)
    public_cloud: Vector = {"TYPE": "opennebula"}
    template_id = read_id(remote.template.text("TEMPLATE_ID"))
    if template_id is not None:
        public_cloud["TEMPLATE_ID"] = str(template_id)
    is_plain = not _NOT_IN_A_NAME.search(host_name)
    if is_plain:
        public_cloud["HOST"] = host_name
    template.add("PUBLIC_CLOUD", public_cloud)
    template.add("HYPERVISOR", "opennebula")
    if is_plain:
        template.add("SCHED_REQUIREMENTS", f'NAME = "{host_name}"')
    return template


def _build_import_template(vm: Vm, name: str, host_name: str, attribute: str) -> str:
    template = describe_remote_vm(vm, name, host_name)
    template.add(attribute, format_deploy_id(vm.id))
    if vm.state.state == VmState.POWEROFF:
        template.add("IMPORT_STATE", "POWEROFF")
    template.add("DESCRIPTION", f"Imported from a remote OpenNebula, where it is VM {vm.id}")
    return to_text(template)
