"""Derives the local template whose VMs run from a remote template.

The remote's values are checked: a value that oned would refuse or misunderstand is refused here,
by name. Source of oned's rules: ``VirtualMachine::insert``,
``VirtualMachineContext.cc``, ``VMTemplateInstantiate`` (5.6 to 7.4).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from one2one.admin.template.reserved import is_reserved
from one2one.hybrid.context import OF_THE_VM
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import VmTemplate
from one2one.opennebula.template import Template, Vector, check_value

Attributes = dict[str, str]
"""Values by path: ``CPU``, or ``CONTEXT/PORT`` for a member of a vector."""

LARGEST = 1 << 16
"""Characters that may be taken over from one remote template."""

_SIZE = {
    "CPU": re.compile(r"\d{1,9}(\.\d{1,9})?|\.\d{1,9}", re.ASCII),
    "MEMORY": re.compile(r"\d{1,9}", re.ASCII),
    "VCPU": re.compile(r"\d{1,9}", re.ASCII),
}
"""What oned takes for these, and finds positive."""
_SHORT = re.compile(r"[^\r\n]{1,256}")
_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,127}")
_OF_THE_USER = (r"USER\[SSH_PUBLIC_KEY\]", *OF_THE_VM)
"""Variables of a CONTEXT that are expanded here. No others of ``$USER``: they may be secrets, and
a remote template must not be able to ask for them."""


@dataclass(frozen=True)
class Derived:
    """The attributes of the local template."""

    attributes: Attributes
    left_out: tuple[str, ...] = ()
    """The user inputs that cannot be asked for here."""


def derive(
    remote: VmTemplate, host_name: str, restricted: Iterable[str] = (), *, local_size: bool = False
) -> Derived:
    """Return what the local template for *remote* on a host must say, but for PUBLIC_CLOUD.

    The size is the remote's, for the local scheduler and quotas. A user input reaches the remote
    VM through the context, so the local context asks for each. Its size is an input only where
    the remote VM gets the local size (*local_size*). A value of the remote's CONTEXT that tells of
    the VM's user or name is expanded here, where that user and that name are. The requirements
    keep the VM off local hosts, where it has no disks, with every release's scheduler. An input
    that is called like something that oned acts on, or that users may not set (*restricted*), is
    left out.

    Raises Refused when no VM can be made of *remote*, or not all of it can be taken over.
    """
    template = remote.template
    if template.text("VROUTER").upper() == "YES":
        raise Refused("it is for virtual routers, and no VM can be made of it")
    attributes = dict(_read_size(template))
    attributes["SCHED_REQUIREMENTS"] = f'HYPERVISOR = "opennebula" & NAME = "{host_name}"'
    asked = {
        name.upper(): text
        for name, text in template.vector("USER_INPUTS").items()
        if local_size or name.upper() not in _SIZE
    }
    barred = frozenset(restricted)
    inputs = {
        name: text
        for name, text in asked.items()
        if _may_be_asked(name, barred) or (name in _SIZE and name not in barred)
    }
    attributes |= {f"USER_INPUTS/{name}": text for name, text in inputs.items()}
    if order := _sort_inputs(template.text("INPUTS_ORDER"), inputs):
        attributes["INPUTS_ORDER"] = order
    sent = {name: f"${name}" for name in inputs if name not in _SIZE}
    context = sent | _expand_here(template, inputs)
    attributes |= {f"CONTEXT/{name}": text for name, text in context.items()}
    return Derived(_check(attributes), tuple(sorted(asked.keys() - inputs.keys())))


def build_public_cloud(remote_id: int, host_name: str) -> Vector:
    """Return the PUBLIC_CLOUD that names a remote template of a host."""
    return {"TYPE": "opennebula", "TEMPLATE_ID": str(remote_id), "HOST": host_name}


def _read_size(template: Template) -> Iterator[tuple[str, str]]:
    for name, pattern in _SIZE.items():
        value = template.text(name)
        if pattern.fullmatch(value) and float(value) > 0:
            yield name, value
        elif value or name != "VCPU":
            said = f"its {name} is {clean_line(value, 40)!r}" if value else f"it has no {name}"
            raise Refused(f"{said}, and no VM can be made of it")


def _may_be_asked(name: str, barred: frozenset[str]) -> bool:
    return bool(_NAME.fullmatch(name)) and not is_reserved(name) and name not in barred


def _sort_inputs(order: str, inputs: Vector) -> str:
    """Return INPUTS_ORDER with those of the *inputs* that it names."""
    return ",".join(name for part in order.split(",") if (name := part.strip().upper()) in inputs)


def _expand_here(template: Template, inputs: Vector) -> Vector:
    """Return the short members of CONTEXT with variables, of which each has its value here.

    Long ones are scripts: they stay as the remote has them, and change as it changes them.
    """
    known = "|".join((*_OF_THE_USER, *map(re.escape, inputs)))
    variable = re.compile(rf"\$({known})(?![A-Z0-9_\[])", re.IGNORECASE | re.ASCII)
    return {
        name.upper(): text
        for name, text in template.vector("CONTEXT").items()
        if "$" in text
        and _SHORT.fullmatch(text)
        and _may_be_asked(name.upper(), frozenset())
        and not re.search(r"[$\\]", variable.sub("", text))
    }


def _check(attributes: Attributes) -> Attributes:
    """Return the attributes; raises Refused for what cannot be kept here, or shown."""
    if sum(len(path) + len(text) for path, text in attributes.items()) > LARGEST:
        raise Refused(f"its user inputs and context are longer than {LARGEST} characters")
    for path, text in attributes.items():
        try:
            check_value(path, text)
        except ValueError as error:
            raise Refused(str(error)) from None
        if any(clean_line(word, len(word)) != word for word in text.split()):
            raise Refused(f"{path} has characters that a terminal acts on")
    return attributes
