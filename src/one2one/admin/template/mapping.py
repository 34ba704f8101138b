"""Which remote template a local template stands for."""

from one2one.opennebula.ids import read_id
from one2one.opennebula.template import Template


def find_mapped_id(local: Template, host_name: str) -> int | None:
    """Return the remote template's id that a local template has for a host, None without one."""
    return _find_template_id(local, host_name.lower(), "")


def find_named_id(local: Template, host_name: str) -> int | None:
    """Return the same, where the local template names the host."""
    return _find_template_id(local, host_name.lower())


def _find_template_id(local: Template, *hosts: str) -> int | None:
    for section in local.vectors("PUBLIC_CLOUD"):
        number = read_id(section.get("TEMPLATE_ID", "").strip())
        is_opennebula = section.get("TYPE", "").strip().lower() == "opennebula"
        if (
            is_opennebula
            and section.get("HOST", "").strip().lower() in hosts
            and number is not None
        ):
            return number
    return None
