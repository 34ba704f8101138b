"""The disk, NIC or snapshot that an action is about, marked in its VM until the answer is in."""

from typing import NamedTuple

from one2one.opennebula.template import Template, Value, Vector
from opennebula_sandbox.cloud.merging import merge, remove
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal


class Pending(NamedTuple):
    """The part of a VM that an action is about, marked until the driver has answered."""

    name: str
    """Its attribute in VM/TEMPLATE."""
    mark: str
    """The member that is YES meanwhile."""
    kept: frozenset[bool]
    """After which result (True for success) the part remains."""


_ALWAYS = frozenset((True, False))
_PENDING: dict[str, Pending] = {
    "ATTACHDISK": Pending("DISK", "ATTACH", frozenset((True,))),
    "DETACHDISK": Pending("DISK", "ATTACH", frozenset((False,))),
    "ATTACHNIC": Pending("NIC", "ATTACH", frozenset((True,))),
    "DETACHNIC": Pending("NIC", "ATTACH", frozenset((False,))),
    "SNAPSHOTCREATE": Pending("SNAPSHOT", "ACTIVE", frozenset((True,))),
    "SNAPSHOTREVERT": Pending("SNAPSHOT", "ACTIVE", _ALWAYS),
    "SNAPSHOTDELETE": Pending("SNAPSHOT", "ACTIVE", frozenset((False,))),
    "RESIZEDISK": Pending("DISK", "RESIZE", _ALWAYS),
}
_MARKS = {pending.mark for pending in _PENDING.values()}
_MARKED = {pending.name for pending in _PENDING.values()}


def marked(vm: Vm, name: str, number: int, marks: Vector) -> Template:
    """Return the VM's template with *marks* in the part *number*; raises Refusal without one."""
    key = f"{name}_ID"
    if not any(part.get(key) == str(number) for part in vm.template.vectors(name)):
        raise Refusal(ErrorCode.ACTION, f"{name} {number} does not exist in VM {vm.id}")

    def mark(attribute: str, value: Value) -> Value:
        chosen = attribute == name and isinstance(value, dict) and value.get(key) == str(number)
        return value | marks if chosen and isinstance(value, dict) else value

    return Template((attribute, mark(attribute, value)) for attribute, value in vm.template)


def settled(template: Template, action: str, *, success: bool) -> Template:
    """Return *template* after the answer to *action*, without marks of what was pending."""
    if action == "RESIZE":
        before = Template(template.vector("RESIZE").items())
        template = remove(template, "RESIZE")
        return template if success else merge(template, before)
    pending = _PENDING.get(action)
    if pending is None:
        return template
    name, mark, kept = pending
    return Template(
        (key, _unmarked(value) if key == name else value)
        for key, value in template
        if key != name or not isinstance(value, dict) or mark not in value or success in kept
    )


def unmarked(template: Template) -> Template:
    """Return *template* without any mark."""
    return Template(
        (name, _unmarked(value) if name in _MARKED else value) for name, value in template
    )


def _unmarked(value: Value) -> Value:
    if isinstance(value, str):
        return value
    return {name: text for name, text in value.items() if name not in _MARKS}
