"""The calls one.vm.… that change a VM's size and configuration."""

import re

from one2one.opennebula.states import RUNNING, LcmState
from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.accounts import Right, User
from opennebula_sandbox.cloud.api.changes import check, plug, store
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.merging import find_restricted, merge, remove
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.quotas import sum_amounts, sum_running_amounts
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal, not_authorized_error
from opennebula_sandbox.cloud.vm import lifecycle
from opennebula_sandbox.cloud.vm.context import build_context, replace_context
from opennebula_sandbox.cloud.vm.creation import find_capacity_problem

_CONFIGURATION = ("OS", "FEATURES", "INPUT", "GRAPHICS", "VIDEO", "RAW", "CPU_MODEL")
_NETWORK_MEMBER = re.compile(r"ETH\d+_\w+")
_RESIZABLE = (lifecycle.POWEROFF, lifecycle.UNDEPLOYED, lifecycle.PENDING, lifecycle.HOLD)
_CONFIGURABLE = {
    *(lifecycle.PENDING, lifecycle.HOLD, lifecycle.POWEROFF, lifecycle.UNDEPLOYED, RUNNING),
    *lifecycle.active(
        *(LcmState.PROLOG, LcmState.EPILOG, LcmState.SHUTDOWN, LcmState.SHUTDOWN_POWEROFF),
        *(LcmState.SHUTDOWN_UNDEPLOY, LcmState.EPILOG_UNDEPLOY, LcmState.PROLOG_UNDEPLOY),
        *(LcmState.BOOT_FAILURE, LcmState.PROLOG_FAILURE, LcmState.EPILOG_FAILURE),
    ),
}


def resize(oned: RemoteOned, user: User, vm_id: int, text: str, _enforce: bool) -> int:
    """Answer one.vm.resize."""
    vm, wanted = oned.find_vm(user, vm_id, Right.MANAGE), oned.parse(text)
    sizes = Template((n, v) for n, v in wanted if n in ("CPU", "MEMORY", "VCPU"))
    before, resized = vm.template, merge(vm.template, sizes)
    if problem := find_capacity_problem(resized):
        raise Refusal(ErrorCode.INTERNAL, problem)
    _require_quota(oned, user, vm, resized)
    live = vm.state == RUNNING and oned.machine.live_resize and oned.profile.newer_body
    if vm.state == RUNNING and not live:
        raise Refusal(ErrorCode.ACTION, oned.profile.resize_refused)
    if live:
        return plug(oned, user, vm, "resize", "", resized, lambda ok: resized if ok else before)
    if vm.state not in _RESIZABLE:
        raise Refusal(ErrorCode.ACTION, f"Cannot resize a VM in state {vm.state}")
    check(vm, resized)
    store(oned, vm, resized)
    return vm_id


def _require_quota(oned: RemoteOned, user: User, vm: Vm, resized: Template) -> None:
    """Raise Refusal if a quota does not allow what *resized* has more than *vm*."""
    owner = oned.accounts.find_user(vm.uid) or user
    counts = [sum_amounts]
    if lifecycle.counts_as_running(vm.state):
        counts.append(sum_running_amounts)
    for count in counts:
        old, new = count(vm.template), count(resized)
        more = {name: new[name] - old[name] for name in new if new[name] != old[name]}
        if problem := oned.accounts.find_exceeded_quota(owner, more, oned.profile.quota_metrics):
            raise not_authorized_error(user.id, problem)


def update_configuration(
    oned: RemoteOned, user: User, vm_id: int, text: str, append: int = 0
) -> int:
    """Answer one.vm.updateconf."""
    wanted = oned.parse(text)
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    append = append if oned.profile.updateconf_append else 0
    restricted = find_restricted(wanted, vm.template, oned.profile.restricted)
    if restricted and not user.is_admin:
        raise not_authorized_error(
            user.id, f"Template includes a restricted attribute {restricted}"
        )
    if vm.state not in _CONFIGURABLE:
        reason = f"configuration cannot be updated in state {vm.state}"
        raise Refusal(ErrorCode.INTERNAL, reason)
    sections = Template((n, v) for n, v in wanted if n in _CONFIGURATION)
    template = merge(vm.template if append else remove(vm.template, *_CONFIGURATION), sections)
    present, changed = vm.template.vector("CONTEXT"), True
    if context := wanted.vector("CONTEXT"):
        context = _build_context(oned, vm, context, append)
        changed = context != present or not oned.profile.network_context_kept
        template = replace_context(template, context)
    check(vm, template)
    if vm.state == RUNNING and changed:
        return plug(oned, user, vm, "updateconf", "", template)
    store(oned, vm, template)
    return vm_id


def _build_context(oned: RemoteOned, vm: Vm, wanted: Vector, append: int) -> Vector:
    """Return the new context; the values that stay are not expanded again, since 6.10."""
    present = vm.template.vector("CONTEXT")
    if not present:
        words = "Virtual machine does not have context, cannot add a new one."
        raise Refusal(ErrorCode.INTERNAL, words)
    kept: Vector = {}
    if oned.profile.network_context_kept:
        _require_no_network_change(wanted, present)
        kept = {n: v for n, v in wanted.items() if present.get(n) == v}
    new = {n: v for n, v in wanted.items() if n not in kept or (n == "NETWORK" and not append)}
    owner = oned.accounts.find_user(vm.uid) or oned.accounts.users["oneadmin"]
    built = build_context(new, vm, owner, int(present["DISK_ID"]), oned.profile)
    built["TARGET"] = present["TARGET"]
    return {**present, **built} if append else {**built, **kept}


def _require_no_network_change(wanted: Vector, present: Vector) -> None:
    for name, value in wanted.items():
        if _NETWORK_MEMBER.fullmatch(name) and present.get(name) != value:
            verb = "update" if name in present else "add"
            words = f"Unable to {verb} {name}, update NIC to update network context"
            raise Refusal(ErrorCode.INTERNAL, words)


METHODS = {
    "one.vm.resize": Method(resize, (int, str, bool)),
    "one.vm.updateconf": Method(update_configuration, (int, str), (int,)),
}
