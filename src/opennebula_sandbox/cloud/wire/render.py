"""XML as oned writes it: attributes, permissions, and the objects that consist of them.

Values of templates stand in CDATA sections, as oned writes them. It stores nothing that such a
section cannot hold.
"""

from collections.abc import Iterable

from one2one.opennebula.template import Value
from opennebula_sandbox.cloud.objects import Vm, VmTemplate


def attribute(name: str, value: Value) -> str:
    """Return one attribute of a template; members come in the order of their names."""
    if isinstance(value, str):
        return f"<{name}><![CDATA[{value}]]></{name}>"
    members = "".join(f"<{key}><![CDATA[{value[key]}]]></{key}>" for key in sorted(value))
    return f"<{name}>{members}</{name}>"


def attributes(template: Iterable[tuple[str, Value]]) -> str:
    """Return attributes in the order of their names; equal names keep theirs."""
    ordered = sorted(template, key=lambda item: item[0])
    return "".join(attribute(name, value) for name, value in ordered)


def permissions(mode: int) -> str:
    """Return the PERMISSIONS element of *mode*, which reads as in chmod."""
    bits = "".join(
        f"<{who}_{right}>{mode >> shift & 1}</{who}_{right}>"
        for who, first in (("OWNER", 8), ("GROUP", 5), ("OTHER", 2))
        for right, shift in (("U", first), ("M", first - 1), ("A", first - 2))
    )
    return f"<PERMISSIONS>{bits}</PERMISSIONS>"


def owned(subject: Vm | VmTemplate) -> str:
    """Return the elements that say whose *subject* is."""
    return (
        f"<ID>{subject.id}</ID><UID>{subject.uid}</UID><GID>{subject.gid}</GID>"
        f"<UNAME>{subject.uname}</UNAME><GNAME>{subject.gname}</GNAME><NAME>{subject.name}</NAME>"
    )


def vm_template(template: VmTemplate) -> str:
    """Return a VMTEMPLATE."""
    return (
        f"<VMTEMPLATE>{owned(template)}{permissions(template.permissions)}"
        f"<REGTIME>{template.regtime}</REGTIME>"
        f"<TEMPLATE>{attributes(template.template)}</TEMPLATE></VMTEMPLATE>"
    )
