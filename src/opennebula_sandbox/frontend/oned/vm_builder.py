"""Builds the parts of a local VM from its template, and adds disks, NICs and context."""

import uuid

from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.accounts import User
from opennebula_sandbox.cloud.merging import remove
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.vm.context import VmVariables, replace_context
from opennebula_sandbox.cloud.vm.devices import RULES, next_id
from opennebula_sandbox.cloud.vm.expansion import expand_context
from opennebula_sandbox.cloud.vm.resources import Resources
from opennebula_sandbox.frontend.release import Release
from opennebula_sandbox.frontend.secret import decrypt, encrypt

ONEGATE_ENDPOINT = "http://127.0.0.1:5030"

_PARSED = frozenset(
    (
        "CONTEXT",
        "CPU",
        "DISK",
        "FEATURES",
        "GRAPHICS",
        "INPUT",
        "MEMORY",
        "NIC",
        "OS",
        "RAW",
        "VCPU",
    )
)
_GENERATED = ("DISK_ID", "TARGET", "ONEGATE_ENDPOINT", "VMID")
_ENCRYPTED = "PASSWORD"
_FROM_NIC = ("IP", "MAC")
_PLAIN_DISK = ("DEV_PREFIX", "DISK_ID", "TARGET")
"""What oned adds to a volatile disk without a datastore."""


class VmBuilder:
    """Builds the parts of VMs."""

    def __init__(self, release: Release, one_key: str, resources: Resources) -> None:
        """Encrypt secrets with *one_key*."""
        self._release = release
        self._one_key = one_key
        self._resources = resources

    def split_template(
        self, source: Template, vm_id: int, template_id: int | None, uid: int
    ) -> tuple[Template, Template]:
        """Return VM/TEMPLATE and VM/USER_TEMPLATE of a new VM."""
        rest = remove(source, "NAME", *_PARSED)
        template = Template((name, value) for name, value in source if name in _PARSED)
        template.add("VMID", str(vm_id))
        if template_id is not None:
            template.add("TEMPLATE_ID", str(template_id))
        template.add("AUTOMATIC_REQUIREMENTS", self._build_requirements(rest))
        if self._release.profile.newer_body and not template.vectors("OS"):
            template.add("OS", {"UUID": str(uuid.uuid4())})
        if context := template.vector("CONTEXT"):
            generated = {"DISK_ID": str(len(template.vectors("DISK"))), "TARGET": "hda"}
            if context.get("TOKEN", "").upper() == "YES":
                generated |= {"ONEGATE_ENDPOINT": ONEGATE_ENDPOINT, "VMID": str(vm_id)}
                template.add("CREATED_BY", str(uid))
            template = replace_context(template, self._encrypt_context(context) | generated)
        return template, rest

    def update_context(self, vm: Vm, context: Vector) -> Vector:
        """Return the new context of *vm* for the *context* that a user gives."""
        old = vm.template.vector("CONTEXT")
        generated = {name: old[name] for name in _GENERATED if name in old}
        if context.get("NETWORK", "").upper() == "YES":
            context = context | {"NETWORK": "YES"} | self._build_network(vm)
        return self._encrypt_context(context) | generated

    def expand_context(self, vm: Vm, owner: User) -> None:
        """Expand the variables in the context of *vm*; raises Refusal for wrong ones."""
        context = expand_context(vm.template.vector("CONTEXT"), VmVariables(vm, owner))
        vm.template = replace_context(vm.template, context)

    def decrypt_template(self, vm: Vm) -> Template:
        """Return the template of *vm* with its secret as clear text."""
        context = vm.template.vector("CONTEXT")
        secret = decrypt(context.get(_ENCRYPTED, ""), self._one_key)
        return replace_context(vm.template, context | {_ENCRYPTED: secret} if secret else context)

    def add_disk(self, vm: Vm, wanted: Vector) -> None:
        """Give *vm* the disk that is *asked* for in ``one.vm.attach``, still being attached."""
        disks = vm.template.vectors("DISK")
        number = next_id([*disks, vm.template.vector("CONTEXT")], "DISK_ID")
        disk = self._resources.build_disk(wanted, number, len(disks), self._release.profile)
        if self._release.public_cloud and "IMAGE_ID" not in disk:
            disk = wanted | {name: disk[name] for name in _PLAIN_DISK}
        vm.template.add("DISK", disk | {"ATTACH": "YES"})

    def add_nic(self, vm: Vm, wanted: Vector) -> None:
        """Give *vm* the NIC that is *asked* for in ``one.vm.attachnic``, still being attached."""
        number = next_id(vm.template.vectors("NIC"), "NIC_ID")
        nic = self._resources.build_nic(wanted, vm.id, number)
        vm.template.add("NIC", nic | wanted | {"ATTACH": "YES"})
        for rule in RULES:
            vm.template.add("SECURITY_GROUP_RULE", rule)

    def refresh_network(self, vm: Vm) -> None:
        """Put the NICs into the context, as oned does when it writes ``context.sh``."""
        context = vm.template.vector("CONTEXT")
        if context.get("NETWORK", "").upper() == "YES":
            vm.template = replace_context(vm.template, context | self._build_network(vm))

    def _encrypt_context(self, context: Vector) -> Vector:
        """Return *context* with an encrypted secret; since 5.12 (VM_ENCRYPTED_ATTR)."""
        if _ENCRYPTED not in context or not self._release.monitord:
            return context
        return context | {_ENCRYPTED: encrypt(context[_ENCRYPTED], self._one_key)}

    def _build_network(self, vm: Vm) -> Vector:
        return {
            f"ETH{nic['NIC_ID']}_{name}": nic.get(name, "") if name in _FROM_NIC else ""
            for nic in vm.template.vectors("NIC")
            for name in self._release.profile.network_context
        }

    def _build_requirements(self, user_template: Template) -> str:
        """Return the requirements that exclude public clouds which the VM does not name."""
        if not self._release.public_cloud:
            return "!(PIN_POLICY = PINNED)"
        local = "!(PUBLIC_CLOUD = YES) & !(PIN_POLICY = PINNED)"
        types = [cloud.get("TYPE", "") for cloud in user_template.vectors("PUBLIC_CLOUD")]
        if not types:
            return local
        hypervisors = " | ".join(f"HYPERVISOR = {kind}" for kind in types)
        return f"{local} | (PUBLIC_CLOUD = YES & ({hypervisors}))"


def forget_network(vm: Vm) -> None:
    """Remove from *vm* the rules and the context of its last NIC."""
    vm.template = remove(vm.template, "SECURITY_GROUP_RULE")
    context = vm.template.vector("CONTEXT")
    kept = {name: value for name, value in context.items() if not name.startswith("ETH")}
    vm.template = replace_context(vm.template, kept)
