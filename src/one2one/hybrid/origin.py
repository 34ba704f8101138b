"""Where a remote VM comes from, for those who look at it in the remote cloud.

Users of the local cloud choose these values. So they are information: nothing reads them, and what
the remote cloud cannot store is replaced, not refused.
"""

from one2one.opennebula.clean import clean_line
from one2one.opennebula.records import Vm
from one2one.opennebula.template import Template

ORIGIN = ("ONE_LOCAL_NAME", "ONE_LOCAL_USER", "ONE_LOCAL_GROUP", "ONE_LOCAL_FRONTEND")
"""The attributes, for name, user, group and front-end."""
_LONGEST = 128
"""Characters of a value."""
_NOTHING = "-"


def format_origin(local: Vm, front_end: str) -> Template:
    """Return the attributes that say of which local VM, user and *front_end* a remote VM is."""
    values = (local.name, local.owner, local.group, front_end)
    return Template(
        (name, clean_line(value, _LONGEST) or _NOTHING)
        for name, value in zip(ORIGIN, values, strict=True)
    )
