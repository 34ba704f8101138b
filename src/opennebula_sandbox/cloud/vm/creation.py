"""Creates a VM from a merged template. Source: ``VirtualMachine::insert``."""

import math
import re
import uuid
from dataclasses import dataclass
from itertools import chain

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.accounts import User
from opennebula_sandbox.cloud.merging import remove
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.profile import Profile
from opennebula_sandbox.cloud.refusal import not_allocated_error
from opennebula_sandbox.cloud.vm.context import build_context
from opennebula_sandbox.cloud.vm.devices import RULES, next_id
from opennebula_sandbox.cloud.vm.lifecycle import HOLD, PENDING
from opennebula_sandbox.cloud.vm.resources import NotGiven, NotOwned, Resources

_KNOWN = frozenset(
    (
        *("INPUT", "FEATURES", "RAW", "OS", "GRAPHICS", "VIDEO", "CPU_MODEL", "TOPOLOGY"),
        *("NUMA_NODE", "CPU_COST", "MEMORY_COST", "DISK_COST", "EMULATOR"),
    )
)
"""oned copies these attributes to TEMPLATE; all others go to USER_TEMPLATE."""
_CAPACITY = ("CPU", "MEMORY", "VCPU")
_HOTPLUG = ("MEMORY_MAX", "MEMORY_SLOTS", "MEMORY_RESIZE_MODE", "VCPU_MAX")
"""How far CPU and memory may grow later; oned copies them to TEMPLATE (6.4)."""
_REBUILT = (*_CAPACITY, "NAME", "VMID", "DISK", "NIC", "CONTEXT", "SUBMIT_ON_HOLD")

NOT_STORABLE = "Error transforming the VM to XML."
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\\]\\]>")


@dataclass(frozen=True)
class VmRequest:
    """The VM that a user asks for."""

    owner: User
    name: str
    template: Template
    """The VM template, merged with the extra template."""
    template_id: int
    template_name: str
    hold: bool


def create_vm(
    request: VmRequest, vm_id: int, now: int, resources: Resources, profile: Profile
) -> Vm:
    """Return the VM of *request*; raises Refusal and then creates nothing."""
    wanted, owner = request.template, request.owner
    known = _KNOWN.union(_HOTPLUG if profile.newer_body else ())
    template = Template([("VMID", str(vm_id)), ("TEMPLATE_ID", str(request.template_id))])
    for name, value in wanted:
        if name in known:
            template.add(name, value)
    _add_capacity(template, wanted)
    if profile.newer_body and not template.vectors("OS"):
        template.add("OS", {"UUID": str(uuid.uuid4())})
    vm = Vm(
        id=vm_id,
        uid=owner.id,
        gid=owner.group.id,
        uname=owner.name,
        gname=owner.group.name,
        name=request.name or f"{request.template_name}-{vm_id}",
        stime=now,
        template=template,
        user_template=remove(wanted, *_REBUILT, *known),
        state=HOLD if request.hold else PENDING,
    )
    _add_devices(vm, wanted, resources, profile)
    if request.hold:
        template.add("SUBMIT_ON_HOLD", "YES")
    if any(name == "CONTEXT" for name, _ in wanted):
        disk_id = next_id(template.vectors("DISK"), "DISK_ID")
        context = build_context(wanted.vector("CONTEXT"), vm, owner, disk_id, profile)
        template.add("CONTEXT", context)
    vm.template = add_requirements(template, profile)
    if not is_storable(vm.name, vm.template, vm.user_template):
        raise not_allocated_error(NOT_STORABLE)
    return vm


def add_requirements(template: Template, profile: Profile) -> Template:
    """Return *template* with the AUTOMATIC_… requirements, which say where its VM may run."""
    public = "!(PUBLIC_CLOUD = YES) & " if profile.public_clouds else ""
    clusters = '("CLUSTERS/ID" @> 0)'
    system = template.text("TM_MAD_SYSTEM")
    requirements = {
        "AUTOMATIC_REQUIREMENTS": f"(CLUSTER_ID = 0) & {public}!(PIN_POLICY = PINNED)",
        "AUTOMATIC_DS_REQUIREMENTS": clusters + (f' & (TM_MAD = "{system}")' if system else ""),
        "AUTOMATIC_NIC_REQUIREMENTS": clusters,
    }
    return Template([*remove(template, *requirements), *requirements.items()])


def is_storable(name: str, *templates: Template) -> bool:
    """Tell whether the database's XML can hold a VM of this name with these templates."""
    texts, members = [name], list[str]()
    for _, value in chain(*templates):
        texts += [value] if isinstance(value, str) else value.values()
        members += () if isinstance(value, str) else value
    return not (
        set("<&") & set(name)
        or any(_FORBIDDEN.search(text) for text in texts)
        or any(member[0].isdigit() for member in members)
    )


def find_capacity_problem(template: Template) -> str | None:
    """Return oned's error text for the first of MEMORY, CPU and VCPU that is not positive."""
    if not _is_positive(template.text("MEMORY"), int):
        return "MEMORY attribute must be a positive integer value."
    if not _is_positive(template.text("CPU"), float):
        return "CPU attribute must be a positive float or integer value."
    vcpu = template.text("VCPU")
    if vcpu and not _is_positive(vcpu, int):
        return "VCPU attribute must be a positive integer value."
    return None


def _add_capacity(template: Template, wanted: Template) -> None:
    if problem := find_capacity_problem(wanted):
        raise not_allocated_error(problem)
    template.add("MEMORY", wanted.text("MEMORY"))
    template.add("CPU", f"{float(wanted.text('CPU')):g}")
    if vcpu := wanted.text("VCPU"):
        template.add("VCPU", vcpu)


def _is_positive(text: str, kind: type[int] | type[float]) -> bool:
    try:
        return 0 < kind(text) < math.inf
    except ValueError:
        return False


def _add_devices(vm: Vm, wanted: Template, resources: Resources, profile: Profile) -> None:
    template = vm.template
    try:
        for number, nic in enumerate(wanted.vectors("NIC")):
            template.add("NIC", resources.build_nic(nic, vm.id, number))
        for number, disk in enumerate(wanted.vectors("DISK")):
            template.add("DISK", resources.build_disk(disk, number, number, profile))
    except NotOwned as error:
        kind, name, section = error.args
        raise not_allocated_error(
            f"User {vm.uid} does not own a {kind} with name: {name} . "
            f"Set {kind.upper()}_UNAME or {kind.upper()}_UID of owner in {section}."
        ) from None
    except NotGiven as error:
        raise not_allocated_error(str(error)) from None
    if template.vectors("NIC"):
        for rule in RULES:
            template.add("SECURITY_GROUP_RULE", rule)
