"""The size of a remote VM, and which local size it follows.

The remote template decides a remote VM's size, unless its local VM asks for its own. So the two
sizes may differ rightly, and a difference is no reason to change anything. A remote VM therefore
carries the local size that it was last brought in line with. Only what has changed here since then
is changed there.
"""

from math import isclose, isfinite

from one2one.opennebula.records import Vm
from one2one.opennebula.template import Template, Vector

FOLLOWED = "ONE_LOCAL_SIZE"
"""The attribute of a remote VM with the local size that it follows."""
_NAMES = ("CPU", "VCPU", "MEMORY")

Size = dict[str, str]
"""CPU in cores, VCPU and MEMORY in MB, as OpenNebula writes them; those that a VM has."""


def read_size(vm: Vm) -> Size:
    """Return the size of *vm*."""
    return _select({name: vm.template.text(name) for name in _NAMES})


def read_old_size(local: Vm) -> Size:
    """Return the size of a local VM before the resize that oned asks for."""
    return _select(local.template.vector("RESIZE"))


def read_followed(remote: Vm) -> Size | None:
    """Return the local size that *remote* was last brought in line with, None if none is known."""
    return _select(remote.user_template.vector(FOLLOWED)) or None


def format_followed(size: Size) -> Template:
    """Return the attribute that says so."""
    return Template([(FOLLOWED, dict(size))])


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
    try:
        number = float(text or "")
    except ValueError:
        return 0.0
    return number if isfinite(number) else 0.0
