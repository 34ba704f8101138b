"""The calls one.template.… and one.templatepool.…."""

from collections.abc import Iterable

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.accounts import Right, User
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.merging import find_restricted, merge, remove
from opennebula_sandbox.cloud.objects import OWN, VmTemplate
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.quotas import Amounts
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal, not_authorized_error
from opennebula_sandbox.cloud.vm.creation import VmRequest, create_vm, is_storable
from opennebula_sandbox.cloud.vm.topology import build_topology
from opennebula_sandbox.cloud.wire.render import render_template


def info(oned: RemoteOned, user: User, template_id: int, *_flags: bool) -> str:
    """Answer one.template.info."""
    return render_template(oned.find_template(user, template_id, Right.USE))


def pool_info(oned: RemoteOned, user: User, whose: int, start: int, end: int) -> str:
    """Answer one.templatepool.info."""
    visible = [
        template
        for template in reversed(oned.templates.values())
        if user.may(Right.USE, template)
        and (whose != -3 or template.uid == user.id)
        and (whose != -1 or template.uid == user.id or template.gid == user.group.id)
        and (whose < 0 or template.uid == whose)
        and (start < 0 or (start <= template.id and (end < 0 or template.id <= end)))
    ]
    listed = "".join(render_template(template) for template in oned.order_pool(visible))
    return f"<VMTEMPLATE_POOL>{listed}</VMTEMPLATE_POOL>"


def allocate(oned: RemoteOned, user: User, template: str) -> int:
    """Answer one.template.allocate."""
    wanted = oned.parse(template)
    _check_may_create(user)
    name = check_template_name(wanted, user, oned.templates.values())
    return oned.add_template(user, name, remove(wanted, "NAME"), permissions=OWN).id


def check_template_name(wanted: Template, user: User, known: Iterable[VmTemplate]) -> str:
    """Return the name of a new template; raises Refusal for a wrong name or wrong text.

    Source: ``PoolObjectSQL::name_is_valid``, ``VMTemplatePool::allocate``.
    """
    name = wanted.text("NAME").rstrip()
    if problem := _find_name_problem(name):
        raise Refusal(ErrorCode.INTERNAL, f"Invalid NAME, {problem}")
    for template in known:
        if (template.name, template.uid) == (name, user.id):
            raise Refusal(ErrorCode.INTERNAL, f"NAME is already taken by TEMPLATE {template.id}.")
    if not is_storable(name, wanted):
        raise Refusal(ErrorCode.INTERNAL, "Error transforming the Template to XML.")
    return name


def instantiate(
    oned: RemoteOned,
    user: User,
    template_id: int,
    name: str,
    hold: bool = False,
    extra: str = "",
    _persistent: bool = False,
) -> int:
    """Answer one.template.instantiate; the checks have oned's order."""
    template = oned.find_template(oned.accounts.users["oneadmin"], template_id, Right.USE)
    added = oned.parse(extra)
    if not user.is_admin and (
        attribute := find_restricted(added, template.template, oned.profile.restricted)
    ):
        reason = f"User Template includes a restricted attribute {attribute}"
        raise not_authorized_error(user.id, reason)
    merged = build_topology(merge(template.template, added))
    oned.find_template(user, template_id, Right.USE)
    if extra:
        _check_may_create(user)
    wanted = remove(merged, "NAME", "TEMPLATE_NAME", "TEMPLATE_ID")
    request = _sum_request(wanted, oned.resources.image_size)
    if problem := oned.accounts.find_exceeded_quota(user, request, oned.profile.quota_metrics):
        raise not_authorized_error(user.id, problem)
    order = VmRequest(user, name, wanted, template_id, template.name, hold)
    now = int(oned.clock.now())
    vm = create_vm(order, oned.vms.next_id, now, oned.resources, oned.profile)
    oned.machine.add(vm)
    return vm.id


def _find_name_problem(name: str) -> str:
    if not name:
        return "it cannot be empty"
    if forbidden := next((c for c in name if c in "&|:\\\";/'#{}$<>"), ""):
        return f"char '{forbidden}' is not allowed"
    return "max length is 128 chars" if len(name.encode()) > 128 else ""


def _check_may_create(user: User) -> None:
    if not (user.is_admin or user.group.creates_templates):
        raise not_authorized_error(user.id, "Not authorized to perform CREATE TEMPLATE")


def _sum_request(wanted: Template, image_size: int) -> Amounts:
    request: dict[str, float] = {"VMS": 1, "RUNNING_VMS": 1}
    for name in ("CPU", "MEMORY"):
        try:
            amount = float(wanted.text(name))
        except ValueError:
            continue
        request |= {name: amount, f"RUNNING_{name}": amount}
    disks = wanted.vectors("DISK")
    return request | {"SYSTEM_DISK_SIZE": sum(_read_size(disk, image_size) for disk in disks)}


def _read_size(disk: dict[str, str], image_size: int) -> int:
    size = disk.get("SIZE", "")
    return int(size) if size.isdecimal() else image_size


METHODS = {
    "one.template.allocate": Method(allocate, (str,)),
    "one.template.info": Method(info, (int,), (bool, bool)),
    "one.template.instantiate": Method(instantiate, (int, str), (bool, str, bool)),
    "one.templatepool.info": Method(pool_info, (int, int, int)),
}
