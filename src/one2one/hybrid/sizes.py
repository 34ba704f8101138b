"""The size of a remote VM, and which local size it follows.

The remote template decides a remote VM's size, unless its local VM asks for its own. So the two
sizes may differ rightly, and a difference is no reason to change anything. A remote VM therefore
carries the local size that it was last brought in line with. When its local VM starts, the remote
VM is resized in what …

    has changed in the local VM since then
    a resize has tried that only the remote VM then shows: oned took it back, as its answer was lost
"""

from dataclasses import dataclass, field
from math import isclose

from one2one.opennebula.numbers import parse_number
from one2one.opennebula.records import Vm
from one2one.opennebula.template import Template, Vector

FOLLOWED = "ONE_LOCAL_SIZE"
"""The attribute of a remote VM that says so."""
_TRIED = "TRIED_"
_NAMES = ("CPU", "VCPU", "MEMORY")

Size = dict[str, str]
"""CPU in cores, VCPU and MEMORY in MB, as OpenNebula writes them; those that a VM has."""


def read_size(vm: Vm) -> Size:
    """Return the size of *vm*."""
    return _select({name: vm.template.text(name) for name in _NAMES})


def read_old_size(local: Vm) -> Size:
    """Return the size of a local VM before the resize that oned asks for."""
    return _select(local.template.vector("RESIZE"))


@dataclass(frozen=True, slots=True)
class Followed:
    """What a remote VM says of the local size that it follows."""

    size: Size
    """The local size that it was last brought in line with."""
    tried: Size = field(default_factory=dict)
    """What it was to be resized to after that, and may have been."""


def read_followed(remote: Vm) -> Followed | None:
    """Return what *remote* says, None where it says nothing."""
    vector = remote.user_template.vector(FOLLOWED)
    tried = {name: vector.get(f"{_TRIED}{name}", "") for name in _NAMES}
    size = _select(vector)
    return Followed(size, _select(tried)) if size else None


def format_followed(followed: Followed) -> Template:
    """Return the attribute that says so."""
    tried = {f"{_TRIED}{name}": text for name, text in followed.tried.items()}
    return Template([(FOLLOWED, {**followed.size, **tried})])


def note_try(remote: Vm, before: Size, tried: Size) -> Followed:
    """Return what *remote* is to say before it is resized to *tried*, from the local size *before*.

    It is in line with *before* where it shows that; otherwise what it says still counts.
    """
    followed, shown = read_followed(remote), read_size(remote)
    known = followed.size if followed else before
    in_line = {name: text for name, text in before.items() if _is_same(text, shown.get(name))}
    return Followed({**known, **in_line}, tried)


def find_left(remote: Vm, size: Size) -> Size:
    """Return what *remote* is to be resized to before its local VM, of this *size*, starts.

    That is nothing where it does not say what it follows.
    """
    followed, shown = read_followed(remote), read_size(remote)
    if followed is None:
        return {}
    changed = find_changes(size, followed.size)
    lost = {name for name, text in followed.tried.items() if _is_same(text, shown.get(name))}
    wanted = {name: text for name, text in size.items() if name in changed or name in lost}
    return find_changes(wanted, shown)


def find_changes(size: Size, before: Size) -> Size:
    """Return what of *size* is another number than *before*."""
    return {name: text for name, text in size.items() if not _is_same(text, before.get(name))}


def _select(vector: Vector) -> Size:
    """Return those members that are a size: a number greater than 0."""
    return {name: vector[name] for name in _NAMES if _read_number(vector.get(name)) > 0}


def _is_same(one: str, other: str | None) -> bool:
    return isclose(_read_number(one), _read_number(other), rel_tol=1e-4)


def _read_number(text: str | None) -> float:
    """Return the number in *text*, 0 where there is none."""
    return parse_number(text) or 0.0
