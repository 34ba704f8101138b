"""The size of a remote VM, where it is that of its local VM and not that of the remote template.

A user of a template may give a VM another CPU, MEMORY and VCPU, unless VM_RESTRICTED_ATTR lists
them: the remote refuses that by itself (``VMTemplateInstantiate``, ``Template::check_restricted``;
tried on 5.10, 6.10 and 7.2). What a template says below, only OpenNebula's interfaces obey. So do
we:

    the remote template says                      the local size
    ───────────────────────────────────────────   ────────────────────────────────────
    USER_INPUTS/MEMORY = "M|range||512..4096|…"   lies between them
    USER_INPUTS/MEMORY = "M|list||512,1024|…"     is one of them
    USER_INPUTS/MEMORY = "M|fixed||…|512"         is that
    SUNSTONE/CAPACITY_SELECT = NO                 is the template's
    MEMORY_MAX, VCPU_MAX                          is not larger
    TOPOLOGY/PIN_POLICY                           has as many CPU as VCPU: oned makes it so
    one of these that cannot be read              is the template's

The same holds for a later resize.
"""

from collections.abc import Iterator, Mapping
from math import isclose

from one2one.opennebula.errors import Refused
from one2one.opennebula.numbers import parse_number, parse_whole
from one2one.opennebula.records import VmTemplate
from one2one.opennebula.template import Template

_DEFAULTS = {"CPU": "", "MEMORY": "", "VCPU": "1"}
"""Cores, MB, and virtual cores; what a VM has that does not say it."""
_WHOLE = frozenset({"MEMORY", "VCPU"})
_MOST = 10**9
_PINNED = frozenset({"CORE", "THREAD", "SHARED"})
"""Source: ``HostShare::str_to_pin_policy``."""
_SHOWN = 60
"""Characters of a remote value in a message."""
_REMEDY = "Choose another size, or have the remote's administrator change that template"


def override_size(local: Template, remote: VmTemplate) -> Template:
    """Return what gives a VM of *remote* the size in *local*: only what differs.

    *local* is the TEMPLATE of a local VM, or a local VM template. Raises Refused, naming the
    value and what is allowed, where *remote* does not allow it.
    """
    size = {name: local.text(name) or default for name, default in _DEFAULTS.items()}
    changed = {
        name: text
        for name, text in size.items()
        if not _is_same(text, remote.template.text(name) or _DEFAULTS[name])
    }
    require_allowed(size, changed, remote)
    return Template(changed.items())


def require_allowed(
    size: Mapping[str, str], changed: Mapping[str, str], remote: VmTemplate
) -> None:
    """Raise Refused where a VM of *remote* may not get this *size*.

    *changed* is what of it the template's limits are asked for: a VM may keep what it has.
    """
    for name, text in size.items():
        if not _is_size(name, text):
            kind = "positive whole number" if name in _WHOLE else "positive number"
            raise Refused(
                f"the VM's {name} is {text[:_SHOWN]!r} instead of a {kind}",
                remedy="Correct its template",
            )
    if remote.template.vector("TOPOLOGY").get("PIN_POLICY", "").strip().upper() in _PINNED:
        _check_pinned(size, remote.id)
    for name, text in changed.items():
        for allowed, is_met in _find_limits(remote.template, name, text):
            if not is_met:
                raise Refused(
                    f"{name} {text} is not what remote template {remote.id} allows: "
                    f"{allowed[:_SHOWN]}",
                    remedy=_REMEDY,
                )


def _check_pinned(size: Mapping[str, str], remote_id: int) -> None:
    cpu, vcpu = size.get("CPU", ""), size.get("VCPU", _DEFAULTS["VCPU"])
    if not _is_same(cpu, vcpu):
        raise Refused(
            f"remote template {remote_id} pins virtual CPUs, so a VM has as many CPU as VCPU, "
            f"and not CPU {cpu} with VCPU {vcpu}",
            remedy=_REMEDY,
        )


def _find_limits(template: Template, name: str, text: str) -> Iterator[tuple[str, bool]]:
    """Yield what *template* allows for an attribute, and whether the value in *text* meets it."""
    value = parse_number(text) or 0.0
    if template.vector("SUNSTONE").get("CAPACITY_SELECT", "").strip().upper() == "NO":
        yield "its own size alone (SUNSTONE/CAPACITY_SELECT)", False
    if limit := template.text(f"{name}_MAX").strip():
        most = parse_number(limit)
        yield f"{name}_MAX {limit}", most is not None and value <= most
    kind, choices, initial = _read_input(template, name)
    match kind, [parse_number(end.strip()) for end in choices.split("..")]:
        case "range" | "range-float", [float(least), float(most)]:
            yield choices, least <= value <= most
        case "range" | "range-float", _:
            yield f"a range that cannot be read ({choices})", False
        case "list", _:
            yield choices, any(_is_same(text, choice.strip()) for choice in choices.split(","))
        case "fixed", _:
            yield initial or "its own", _is_same(text, initial.strip())


def _read_input(template: Template, name: str) -> tuple[str, str, str]:
    """Return kind, choices and initial value of a user input, empty where it has none.

    Source: ``OpenNebulaHelper.parse_user_inputs`` in ``one_helper.rb``.
    """
    parts = template.vector("USER_INPUTS").get(name, "").split("|")
    _, kind, _, choices, initial = [*parts, "", "", "", ""][:5]
    return kind.strip(), choices, initial


def _is_size(name: str, text: str) -> bool:
    number = parse_whole(text) if name in _WHOLE else parse_number(text)
    return number is not None and 0 < number < _MOST


def _is_same(one: str, other: str) -> bool:
    """Compare two numbers as oned writes CPU: with six digits."""
    numbers = parse_number(one), parse_number(other)
    return None not in numbers and isclose(*numbers, rel_tol=1e-5)  # type: ignore[arg-type]
