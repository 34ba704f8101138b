"""The calls one.vm.… about a VM itself: info, monitoring, action, update, rename."""

from one2one.opennebula.states import RUNNING
from opennebula_sandbox.cloud.accounts import Right, User
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.merging import find_restricted, merge
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.quotas import sum_running_amounts
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal
from opennebula_sandbox.cloud.vm import lifecycle
from opennebula_sandbox.cloud.vm.creation import NOT_STORABLE, is_storable

_HARD = {f"{action}-hard" for action in lifecycle.HARD_VARIANTS}
_ACTIONS = {*lifecycle.AT_ONCE, *lifecycle.PATHS, *_HARD}
_RESCHEDULES = {"resched": 1, "unresched": 0}
_NAME_LENGTH = 128


def info(oned: RemoteOned, user: User, vm_id: int, *_decrypt: bool) -> str:
    """Answer one.vm.info."""
    return oned.vms.render_body(oned.find_vm(user, vm_id, Right.USE))


def monitoring(oned: RemoteOned, user: User, vm_id: int) -> str:
    """Answer one.vm.monitoring."""
    records = oned.usage.render_records(oned.find_vm(user, vm_id, Right.USE))
    return f"<MONITORING_DATA>{records}</MONITORING_DATA>"


def act(oned: RemoteOned, user: User, action: str, vm_id: int) -> int:
    """Answer one.vm.action; its effect may come after the answer."""
    right = Right.ADMIN if action in _RESCHEDULES else Right.MANAGE
    vm = oned.find_vm(user, vm_id, right)
    if action in _RESCHEDULES:
        if vm.state != RUNNING:
            reason = f"This action is not available for state {vm.state}"
            raise Refusal(ErrorCode.ACTION, f'Error performing action "{action}": {reason}')
        vm.resched = _RESCHEDULES[action]
        oned.vms.note_change(vm)
        return vm_id
    if action not in _ACTIONS:
        raise Refusal(ErrorCode.ACTION, f'Action "{action}" is not supported')
    if action == "resume" and not lifecycle.counts_as_running(vm.state):
        owner = oned.accounts.find_user(vm.uid) or user
        request = sum_running_amounts(vm.template)
        if problem := oned.accounts.find_exceeded_quota(owner, request, oned.profile.quota_metrics):
            raise Refusal(ErrorCode.ACTION, problem)
    oned.machine.act(vm, action, user)
    return vm_id


def update(oned: RemoteOned, user: User, vm_id: int, text: str, mode: int = 0) -> int:
    """Answer one.vm.update: replace USER_TEMPLATE (0), or merge into it (1)."""
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    try:
        added = oned.parse(text)
    except Refusal as refusal:
        raise Refusal(refusal.code, f"Cannot update template. {refusal.text}") from None
    restricted = find_restricted(added, vm.user_template, oned.profile.restricted)
    if restricted and not user.is_admin:
        reason = f"User Template includes a restricted attribute {restricted}"
        raise Refusal(ErrorCode.INTERNAL, f"Cannot update template. {reason}")
    changed = merge(vm.user_template, added) if mode else added
    if not is_storable(vm.name, changed):
        raise Refusal(ErrorCode.INTERNAL, "Cannot update template.")
    vm.user_template = changed
    oned.vms.note_change(vm)
    return vm_id


def rename(oned: RemoteOned, user: User, vm_id: int, name: str) -> int:
    """Answer one.vm.rename."""
    vm = oned.find_vm(user, vm_id, Right.MANAGE)
    if not name:
        raise Refusal(ErrorCode.ACTION, "Invalid NAME, it cannot be empty.")
    if len(name) > _NAME_LENGTH:
        raise Refusal(
            ErrorCode.ACTION, f"Invalid NAME, max length for an object is {_NAME_LENGTH}."
        )
    if not is_storable(name):
        raise Refusal(ErrorCode.INTERNAL, NOT_STORABLE)
    vm.name = name
    oned.vms.note_change(vm)
    return vm_id


METHODS = {
    "one.vm.info": Method(info, (int,), (bool,)),
    "one.vm.monitoring": Method(monitoring, (int,)),
    "one.vm.action": Method(act, (str, int)),
    "one.vm.update": Method(update, (int, str), (int,)),
    "one.vm.rename": Method(rename, (int, str)),
}
