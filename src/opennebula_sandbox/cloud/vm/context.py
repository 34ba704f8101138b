"""Builds the CONTEXT of a new VM. Source: ``VirtualMachineContext.cc``."""

from dataclasses import dataclass

from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.accounts import User
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.profile import Profile
from opennebula_sandbox.cloud.refusal import not_allocated_error
from opennebula_sandbox.cloud.vm.expansion import expand_context

_FROM_NIC = ("IP", "MAC", "VLAN_ID")


@dataclass(frozen=True)
class VmVariables:
    """The values of ``$NAME`` and the other variables in the context of *vm*."""

    vm: Vm
    owner: User

    def read_attribute(self, name: str) -> str:
        """Return an attribute of the VM; VM/TEMPLATE comes before USER_TEMPLATE."""
        known = {
            "UID": str(self.vm.uid),
            "UNAME": self.vm.uname,
            "GID": str(self.vm.gid),
            "GNAME": self.vm.gname,
            "NAME": self.vm.name,
        }
        if name in known:
            return known[name]
        return self.vm.template.text(name) or self.vm.user_template.text(name)

    def read_member(self, name: str, member: str, key: str, value: str) -> str:
        """Return a member of the first vector in which *key* is *value*."""
        if name == "USER":
            return self.owner.template.text(member)
        for vector in self.vm.template.vectors(name):
            if not key or vector.get(key) == value:
                return vector.get(member, "")
        return ""


def build_context(wanted: Vector, vm: Vm, owner: User, disk_id: int, profile: Profile) -> Vector:
    """Return the context of *vm*; raises Refusal for FILES_DS, TOKEN and wrong variables."""
    context = {**wanted, "DISK_ID": str(disk_id), "TARGET": "hda"}
    files = context.pop("FILES_DS", "")
    context = expand_context(context, VmVariables(vm, owner))
    if context.get("NETWORK", "").upper() == "YES":
        for nic in vm.template.vectors("NIC"):
            context |= _build_network(nic, profile)
    if files:
        raise not_allocated_error(f"Error parsing: {files}. syntax error, unexpected RSTRING")
    if context.get("TOKEN", "").upper() == "YES":
        raise not_allocated_error("TOKEN set, but onegate endpoint was not defined in oned.conf.")
    return context


def replace_context(template: Template, context: Vector) -> Template:
    """Return *template* with *context* instead of its own context."""
    return Template((name, context if name == "CONTEXT" else value) for name, value in template)


def _build_network(nic: Vector, profile: Profile) -> Vector:
    return {
        f"ETH{nic['NIC_ID']}_{name}": nic.get(name, "") if name in _FROM_NIC else ""
        for name in profile.network_context
    }
