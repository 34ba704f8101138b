"""What a local VM asks for in its PUBLIC_CLOUD: a remote template, whose size, how many hours."""

from one2one.hybrid.attributes import MAX_HOURS
from one2one.opennebula.errors import Refused
from one2one.opennebula.ids import read_id
from one2one.opennebula.numbers import parse_number
from one2one.opennebula.template import Template, Vector

_EXAMPLE = 'PUBLIC_CLOUD=[TYPE="opennebula", TEMPLATE_ID="…"]'


def find_template_id(user_template: Template, host_name: str) -> int:
    """Return the TEMPLATE_ID for the host *host_name*.

    A section whose HOST is the host's name wins; otherwise it is the only section that names no
    host. TYPE and HOST are compared without regard to letter case. Raises Refused, with what to
    write, when there is no such section, more than one, or no number in it.
    """
    value = _find_section(user_template, host_name).get("TEMPLATE_ID", "").strip()
    template_id = read_id(value)
    if template_id is None:
        raise Refused(
            f"PUBLIC_CLOUD/TEMPLATE_ID is {value[:60]!r} instead of the id of a remote template",
            remedy=f"Write it as {_EXAMPLE}",
        )
    return template_id


def takes_local_size(user_template: Template, host_name: str, *, by_default: bool) -> bool:
    """Tell whether the remote VM gets the local VM's size, and not the remote template's.

    SIZE in the section for the host says so; where it does not, *by_default* counts, which the
    host says. Raises Refused as ``find_template_id`` does, and for a wrong SIZE.
    """
    size = _find_section(user_template, host_name).get("SIZE", "").strip().upper()
    sizes = {"LOCAL": True, "REMOTE": False, "": by_default}
    if size not in sizes:
        raise Refused(
            f"PUBLIC_CLOUD/SIZE is {size[:60]!r} instead of LOCAL or REMOTE",
            remedy="Correct it in the VM's template",
        )
    return sizes[size]


def find_max_hours(user_template: Template, host_name: str) -> float | None:
    """Return for how many hours the VM may run, as its owner wants it; None without a wish.

    Raises Refused as ``find_template_id`` does, and for a wrong MAX_HOURS.
    """
    value = _find_section(user_template, host_name).get("MAX_HOURS", "").strip()
    if not value:
        return None
    hours = parse_number(value) or 0.0
    if not MAX_HOURS.minimum <= hours <= MAX_HOURS.maximum:
        raise Refused(
            f"PUBLIC_CLOUD/MAX_HOURS is {value[:60]!r} instead of a number of hours, "
            f"{MAX_HOURS.minimum:g} to {MAX_HOURS.maximum}",
            remedy="Correct it in the VM's template",
        )
    return hours


def find_named_vm(user_template: Template, host_name: str) -> int | None:
    """Return VM_ID for the host: the remote VM that the local VM is to adopt, None without one.

    ``one2one adopt`` writes it, and takes it out in the end. Raises Refused for what is no id.
    """
    for section in user_template.vectors("PUBLIC_CLOUD"):
        if "VM_ID" not in section or not _matches("opennebula", section, "TYPE"):
            continue
        if section.get("HOST", "").strip() and not _matches(host_name, section, "HOST"):
            continue
        remote_id = read_id(section["VM_ID"].strip())
        if remote_id is None:
            raise Refused(
                f"PUBLIC_CLOUD/VM_ID is {section['VM_ID'][:60]!r} instead of a remote VM's id",
                remedy="Remove it from the VM's template",
            )
        return remote_id
    return None


def _find_section(user_template: Template, host_name: str) -> Vector:
    sections = [
        s for s in user_template.vectors("PUBLIC_CLOUD") if _matches("opennebula", s, "TYPE")
    ]
    if not sections:
        raise Refused(
            'the VM has no PUBLIC_CLOUD with TYPE="opennebula"',
            remedy=f"Add {_EXAMPLE} to its template",
        )
    named = [s for s in sections if _matches(host_name, s, "HOST")]
    candidates = named or [s for s in sections if not s.get("HOST", "").strip()]
    if len(candidates) != 1:
        count = "several" if candidates else "no"
        raise Refused(
            f"the VM has {count} PUBLIC_CLOUD sections for host {host_name}",
            remedy=f'Give exactly one of them HOST="{host_name}", or none',
        )
    return candidates[0]


def _matches(expected: str, section: Vector, name: str) -> bool:
    return section.get(name, "").strip().lower() == expected.lower()
