"""The calls one.vm.… that concern the VM as a whole."""

from one2one.opennebula.states import RUNNING
from opennebula_sandbox.cloud.accounts import Right, User
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.merging import merge, restricted_attribute
from opennebula_sandbox.cloud.oned import Oned
from opennebula_sandbox.cloud.quotas import running_amounts
from opennebula_sandbox.cloud.refusal import Code, Refusal
from opennebula_sandbox.cloud.vm import lifecycle
from opennebula_sandbox.cloud.vm.birth import NOT_STORABLE, storable
from opennebula_sandbox.cloud.wire.grammar import parse

_HARD = {f"{action}-hard" for action in lifecycle.HARD_VARIANTS}
_ACTIONS = {*lifecycle.AT_ONCE, *lifecycle.PATHS, *_HARD}
_RESCHEDULES = {"resched": 1, "unresched": 0}
_NAME_LENGTH = 128


def info(oned: Oned, user: User, vm_id: int, *_decrypt: bool) -> str:
    """Answer one.vm.info."""
    return oned.vms.body(oned.vm(user, vm_id, Right.USE))


def monitoring(oned: Oned, user: User, vm_id: int) -> str:
    """Answer one.vm.monitoring."""
    records = oned.usage.records(oned.vm(user, vm_id, Right.USE))
    return f"<MONITORING_DATA>{records}</MONITORING_DATA>"


def act(oned: Oned, user: User, action: str, vm_id: int) -> int:
    """Answer one.vm.action, whose effect may follow the answer."""
    right = Right.ADMIN if action in _RESCHEDULES else Right.MANAGE
    vm = oned.vm(user, vm_id, right)
    if action in _RESCHEDULES:
        if vm.state != RUNNING:
            reason = f"This action is not available for state {vm.state}"
            raise Refusal(Code.ACTION, f'Error performing action "{action}": {reason}')
        vm.resched = _RESCHEDULES[action]
        oned.vms.changed(vm)
        return vm_id
    if action not in _ACTIONS:
        raise Refusal(Code.ACTION, f'Action "{action}" is not supported')
    if action == "resume" and not lifecycle.running_quota(vm.state):
        owner = oned.accounts.by_id(vm.uid) or user
        request = running_amounts(vm.template)
        if exceeded := oned.accounts.exceeded(owner, request, oned.profile.quota_metrics):
            raise Refusal(Code.ACTION, exceeded)
    oned.machine.act(vm, action, user)
    return vm_id


def update(oned: Oned, user: User, vm_id: int, text: str, mode: int = 0) -> int:
    """Answer one.vm.update: replace USER_TEMPLATE (0), or merge into it (1)."""
    vm = oned.vm(user, vm_id, Right.MANAGE)
    try:
        added = parse(text)
    except Refusal as refusal:
        raise Refusal(refusal.code, f"Cannot update template. {refusal.text}") from None
    restricted = restricted_attribute(added, vm.user_template, oned.profile.restricted)
    if restricted and not user.is_admin:
        reason = f"User Template includes a restricted attribute {restricted}"
        raise Refusal(Code.INTERNAL, f"Cannot update template. {reason}")
    changed = merge(vm.user_template, added) if mode else added
    if not storable(vm.name, changed):
        raise Refusal(Code.INTERNAL, "Cannot update template.")
    vm.user_template = changed
    oned.vms.changed(vm)
    return vm_id


def rename(oned: Oned, user: User, vm_id: int, name: str) -> int:
    """Answer one.vm.rename."""
    vm = oned.vm(user, vm_id, Right.MANAGE)
    if not name:
        raise Refusal(Code.ACTION, "Invalid NAME, it cannot be empty.")
    if len(name) > _NAME_LENGTH:
        raise Refusal(Code.ACTION, f"Invalid NAME, max length for an object is {_NAME_LENGTH}.")
    if not storable(name):
        raise Refusal(Code.INTERNAL, NOT_STORABLE)
    vm.name = name
    oned.vms.changed(vm)
    return vm_id


METHODS = {
    "one.vm.info": Method(info, (int,), (bool,)),
    "one.vm.monitoring": Method(monitoring, (int,)),
    "one.vm.action": Method(act, (str, int)),
    "one.vm.update": Method(update, (int, str), (int,)),
    "one.vm.rename": Method(rename, (int, str)),
}
