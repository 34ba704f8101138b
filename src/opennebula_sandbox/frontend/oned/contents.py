"""How the local oned turns a VM template into a VM, and adds disks, NICs and context to one.

Unlike the simulated cloud it does not expand ``$`` in context values: whatever a template holds
reaches the driver, which is what hybrid VMs are tried with.
"""

import uuid

from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.merging import remove
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.vm.context import replace_context
from opennebula_sandbox.cloud.vm.devices import RULES, Resources, next_id
from opennebula_sandbox.frontend.generation import Generation
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
_SEALED = "PASSWORD"
_FROM_NIC = ("IP", "MAC")
_PLAIN_DISK = ("DEV_PREFIX", "DISK_ID", "TARGET")
"""What oned adds to a disk that no datastore is to hold."""


class Contents:
    """Makes the parts of VMs."""

    def __init__(self, generation: Generation, one_key: str) -> None:
        """Encrypt what is a secret with *one_key*."""
        self._generation = generation
        self._one_key = one_key
        self._storehouse = Resources()

    def split(
        self, source: Template, vm_id: int, template_id: int, uid: int
    ) -> tuple[Template, Template]:
        """Return VM/TEMPLATE and VM/USER_TEMPLATE of a new VM."""
        rest = remove(source, "NAME", *_PARSED)
        template = Template((name, value) for name, value in source if name in _PARSED)
        template.add("VMID", str(vm_id))
        template.add("TEMPLATE_ID", str(template_id))
        template.add("AUTOMATIC_REQUIREMENTS", self._requirements(rest))
        if self._generation.profile.newer_body and not template.vectors("OS"):
            template.add("OS", {"UUID": str(uuid.uuid4())})
        if context := template.vector("CONTEXT"):
            generated = {"DISK_ID": str(len(template.vectors("DISK"))), "TARGET": "hda"}
            if context.get("TOKEN", "").upper() == "YES":
                generated |= {"ONEGATE_ENDPOINT": ONEGATE_ENDPOINT, "VMID": str(vm_id)}
                template.add("CREATED_BY", str(uid))
            template = replace_context(template, self._sealed(context) | generated)
        return template, rest

    def updated_context(self, vm: Vm, context: Vector) -> Vector:
        """Return what *context*, given by a user, becomes in *vm*."""
        old = vm.template.vector("CONTEXT")
        generated = {name: old[name] for name in _GENERATED if name in old}
        if context.get("NETWORK", "").upper() == "YES":
            context = context | {"NETWORK": "YES"} | self._network(vm)
        return self._sealed(context) | generated

    def opened(self, vm: Vm) -> Template:
        """Return the template of *vm* with its secret in clear text."""
        context = vm.template.vector("CONTEXT")
        secret = decrypt(context.get(_SEALED, ""), self._one_key)
        return replace_context(vm.template, context | {_SEALED: secret} if secret else context)

    def add_disk(self, vm: Vm, asked: Vector) -> None:
        """Give *vm* the disk that is *asked* for in ``one.vm.attach``, still being attached."""
        disks = vm.template.vectors("DISK")
        number = next_id([*disks, vm.template.vector("CONTEXT")], "DISK_ID")
        disk = self._storehouse.build_disk(asked, number, len(disks), self._generation.profile)
        if self._generation.public_cloud:
            disk = asked | {name: disk[name] for name in _PLAIN_DISK}
        vm.template.add("DISK", disk | {"ATTACH": "YES"})

    def add_nic(self, vm: Vm, asked: Vector) -> None:
        """Give *vm* the NIC that is *asked* for in ``one.vm.attachnic``, still being attached."""
        number = next_id(vm.template.vectors("NIC"), "NIC_ID")
        nic = self._storehouse.build_nic(asked, vm.id, number)
        vm.template.add("NIC", nic | asked | {"ATTACH": "YES"})
        for rule in RULES:
            vm.template.add("SECURITY_GROUP_RULE", rule)

    def refresh_network(self, vm: Vm) -> None:
        """Put the NICs into the context, as oned does when it writes ``context.sh``."""
        context = vm.template.vector("CONTEXT")
        if context.get("NETWORK", "").upper() == "YES":
            vm.template = replace_context(vm.template, context | self._network(vm))

    def _sealed(self, context: Vector) -> Vector:
        """Return *context* with its secret encrypted, as since 5.12 (VM_ENCRYPTED_ATTR)."""
        if _SEALED not in context or not self._generation.monitord:
            return context
        return context | {_SEALED: encrypt(context[_SEALED], self._one_key)}

    def _network(self, vm: Vm) -> Vector:
        return {
            f"ETH{nic['NIC_ID']}_{name}": nic.get(name, "") if name in _FROM_NIC else ""
            for nic in vm.template.vectors("NIC")
            for name in self._generation.profile.network_context
        }

    def _requirements(self, user_template: Template) -> str:
        """Return what keeps VMs from public clouds that they do not name."""
        if not self._generation.public_cloud:
            return "!(PIN_POLICY = PINNED)"
        local = "!(PUBLIC_CLOUD = YES) & !(PIN_POLICY = PINNED)"
        types = [cloud.get("TYPE", "") for cloud in user_template.vectors("PUBLIC_CLOUD")]
        if not types:
            return local
        hypervisors = " | ".join(f"HYPERVISOR = {kind}" for kind in types)
        return f"{local} | (PUBLIC_CLOUD = YES & ({hypervisors}))"


def forget_network(vm: Vm) -> None:
    """Take from *vm* what described the NIC that it no longer has."""
    vm.template = remove(vm.template, "SECURITY_GROUP_RULE")
    context = vm.template.vector("CONTEXT")
    kept = {name: value for name, value in context.items() if not name.startswith("ETH")}
    vm.template = replace_context(vm.template, kept)
