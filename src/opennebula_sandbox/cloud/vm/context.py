"""CONTEXT, as a VM gets it when it is created. Source: ``VirtualMachineContext.cc``."""

from dataclasses import dataclass

from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.accounts import User
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.profile import Profile
from opennebula_sandbox.cloud.refusal import not_allocated
from opennebula_sandbox.cloud.vm.expansion import expand_context

_FROM_NIC = ("IP", "MAC", "VLAN_ID")


@dataclass(frozen=True)
class VmNames:
    """What ``$NAME`` and its like mean in the context of *vm*."""

    vm: Vm
    owner: User

    def single(self, name: str) -> str:
        """Return an attribute of the VM: its own first, then of the user's template."""
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

    def member(self, name: str, member: str, key: str, value: str) -> str:
        """Return a member of the first vector in which *key* is *value*."""
        if name == "USER":
            return self.owner.template.text(member)
        for vector in self.vm.template.vectors(name):
            if not key or vector.get(key) == value:
                return vector.get(member, "")
        return ""


def build_context(wanted: Vector, vm: Vm, owner: User, disk_id: int, profile: Profile) -> Vector:
    """Return the context of *vm*; raises Refusal for what cannot be parsed or provided."""
    context = {**wanted, "DISK_ID": str(disk_id), "TARGET": "hda"}
    files = context.pop("FILES_DS", "")
    context = expand_context(context, VmNames(vm, owner))
    if context.get("NETWORK", "").upper() == "YES":
        for nic in vm.template.vectors("NIC"):
            context |= _network(nic, profile)
    if files:
        raise not_allocated(f"Error parsing: {files}. syntax error, unexpected RSTRING")
    if context.get("TOKEN", "").upper() == "YES":
        raise not_allocated("TOKEN set, but onegate endpoint was not defined in oned.conf.")
    return context


def replace_context(template: Template, context: Vector) -> Template:
    """Return *template* with *context* instead of the one that it has."""
    return Template((name, context if name == "CONTEXT" else value) for name, value in template)


def _network(nic: Vector, profile: Profile) -> Vector:
    return {
        f"ETH{nic['NIC_ID']}_{name}": nic.get(name, "") if name in _FROM_NIC else ""
        for name in profile.network_context
    }
