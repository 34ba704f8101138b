"""Writes XML as oned does: attributes, permissions, and VM templates.

oned writes the values of templates in CDATA sections. It stores no text that such a section
cannot hold.
"""

from collections.abc import Iterable

from one2one.opennebula.template import Value
from opennebula_sandbox.cloud.objects import Vm, VmTemplate


def render_attribute(name: str, value: Value) -> str:
    """Return one attribute of a template, its members sorted by name."""
    if isinstance(value, str):
        return f"<{name}><![CDATA[{value}]]></{name}>"
    members = "".join(f"<{key}><![CDATA[{value[key]}]]></{key}>" for key in sorted(value))
    return f"<{name}>{members}</{name}>"


def render_attributes(template: Iterable[tuple[str, Value]]) -> str:
    """Return attributes sorted by name; attributes with the same name keep their order."""
    ordered = sorted(template, key=lambda item: item[0])
    return "".join(render_attribute(name, value) for name, value in ordered)


def render_permissions(mode: int) -> str:
    """Return the PERMISSIONS element of *mode*, which is a mode as in chmod."""
    bits = "".join(
        f"<{who}_{right}>{mode >> shift & 1}</{who}_{right}>"
        for who, first in (("OWNER", 8), ("GROUP", 5), ("OTHER", 2))
        for right, shift in (("U", first), ("M", first - 1), ("A", first - 2))
    )
    return f"<PERMISSIONS>{bits}</PERMISSIONS>"


def render_owner(subject: Vm | VmTemplate) -> str:
    """Return the elements with the owner and the group of *subject*."""
    return (
        f"<ID>{subject.id}</ID><UID>{subject.uid}</UID><GID>{subject.gid}</GID>"
        f"<UNAME>{subject.uname}</UNAME><GNAME>{subject.gname}</GNAME><NAME>{subject.name}</NAME>"
    )


def render_template(template: VmTemplate) -> str:
    """Return a VMTEMPLATE."""
    return (
        f"<VMTEMPLATE>{render_owner(template)}{render_permissions(template.permissions)}"
        f"<REGTIME>{template.regtime}</REGTIME>"
        f"<TEMPLATE>{render_attributes(template.template)}</TEMPLATE></VMTEMPLATE>"
    )
