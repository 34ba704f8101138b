"""A new CONTEXT for a remote VM that exists, for ``one.vm.updateconf``.

The call replaces CONTEXT, and drops those other sections that it is not given. So the driver sends
them as they are. It expands ``$`` in CONTEXT as at the VM's creation, also from the attributes of
the VM (``hybrid.context``): these must be there first. Source: ``VirtualMachine::updateconf``.
"""

from one2one.hybrid.context import GENERATED, expand
from one2one.opennebula.records import Vm
from one2one.opennebula.template import Template

_SECTIONS = ("OS", "FEATURES", "INPUT", "GRAPHICS", "VIDEO", "RAW", "CPU_MODEL")
_TRIMMED = " \f\n\r\t\v"
_ENCRYPTED = "PASSWORD"
"""From 5.12 oned encrypts it, so an ordinary user cannot read what it is now."""


def find_missing_attributes(remote: Vm, merged: Template) -> Template:
    """Return those attributes that CONTEXT names and that *remote* does not have so."""
    raw = ((name, value) for name, value in merged if isinstance(value, str))
    present = remote.user_template.text
    return Template((name, text) for name, text in raw if not _is_kept(text, present(name)))


def build_configuration(remote: Vm, merged: Template) -> Template:
    """Return what to give ``one.vm.updateconf``, for the merged CONTEXT."""
    sections = ((name, remote.template.vector(name)) for name in _SECTIONS)
    present = [(name, vector) for name, vector in sections if vector]
    return Template([*present, ("CONTEXT", merged.vector("CONTEXT"))])


def shows_context(remote: Vm, merged: Template) -> bool:
    """Tell whether *remote* has the *merged* CONTEXT, as far as that can be told, and no more."""
    present, wanted = remote.template.vector("CONTEXT"), merged.vector("CONTEXT")
    extra = (name for name in present if name not in wanted and not GENERATED.fullmatch(name))
    return not any(extra) and not find_differences(remote, merged)


def find_differences(remote: Vm, merged: Template) -> list[str]:
    """Return the members of the *merged* CONTEXT that *remote* has otherwise.

    What the remote expands by itself, and a password that it encrypts, cannot be compared; nor
    can the ends that a remote of 7.4 may have taken away.
    """
    present = remote.template.vector("CONTEXT")
    return [
        name
        for name, value in expand(merged).items()
        if not _is_kept(value, present.get(name, ""))
        and not (name == _ENCRYPTED and present.get(name))
    ]


def _is_kept(value: str, present: str) -> bool:
    """Tell whether *present* is what a remote keeps of a value; 7.4 takes its ends away."""
    return present in (value, value.strip(_TRIMMED))
