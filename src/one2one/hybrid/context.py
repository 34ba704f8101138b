"""The CONTEXT of a remote VM: that of the remote template, with the local VM's values on top.

``one.template.instantiate`` replaces its template's whole CONTEXT by the one it is given,
so the driver sends both. The remote then expands ``$`` in every value and has no escape for it;
but it does not expand what an expansion brought in. A local value with a ``$`` is therefore sent
as an attribute of its own, which CONTEXT names (measured on 5.10, 6.10 and 7.2).

From 7.4 a cloud also takes blanks and line breaks from both ends of all that it is given
(``Template::trim_attributes``), but not of what an expansion makes. So they are sent between such
names, one of which is that of an empty attribute. The lexer of a cloud loses a line break right
after a name, and takes some characters there for a part of it (``vm_var_parser.l``, 5.6 to 7.4). A
value with no other place for a name is sent as one attribute, and arrives in 7.4 without its ends.
A backslash at the end of all of CONTEXT is lost too.
"""

import re

from one2one.opennebula.errors import Refused
from one2one.opennebula.template import Template, Vector, check_value

GENERATED = re.compile(r"DISK_ID|TARGET|TOKEN|FILES_DS|(ETH|PCI)\d+_\w+")
"""Members that an oned makes for its own context disk and networks."""

OF_THE_VM = ("NAME", "VMID", "UNAME", "UID", "GNAME", "GID")
"""Variables of CONTEXT that tell of the VM, its user and its group."""
_OF_THE_ACCOUNT = re.compile(
    rf"(?<!\\)(\\\\)*\$(USER\[|({'|'.join(OF_THE_VM)}|TEMPLATE)(?![\w\[]))",
    re.IGNORECASE | re.ASCII,
)
"""What a remote expands to a value of its VM, whose user is the account. A backslash before the
``$`` keeps it from that. Source: ``vm_var_parser.l``, ``vm_var_syntax.y`` (5.6 to 7.4)."""

_RAW = "ONE_RAW_{}"
_RAW_NAME = re.compile(r"\$(ONE_RAW_\d+)", re.ASCII)
_EDGES = re.compile(r"(\s*)(.*?)(\s*)", re.DOTALL | re.ASCII)
_AFTER_NAME = re.compile(r"(?<=[^\s$])[!\"#%&'()*+./:;<>?@^`{|}~-]", re.ASCII)
"""What may follow a name, and stands after a character that no cloud takes away."""


def merge_context(local: Vector, remote: Vector, onegate_token: str | None = None) -> Template:
    """Return CONTEXT, and the attributes that it names, for ``one.template.instantiate``.

    *local* is the CONTEXT of the local VM, whose every value arrives byte for byte; *remote* is
    that of the remote template, still unexpanded. With an *onegate_token* the guest talks to
    the local OneGate. It never gets a token of the remote's: with one it could do to its VM
    whatever the remote account may, such as change its marks. Raises Refused, naming the member,
    for a value that cannot be carried.
    """
    if local.get("FILES", "").strip():
        raise Refused(
            "CONTEXT/FILES names files of the local front-end, which no remote VM can get",
            remedy="Remove FILES from the template",
        )
    members = {k: v for k, v in local.items() if not GENERATED.fullmatch(k) and k != "FILES"}
    remote_members = {k: v for k, v in remote.items() if k not in members}
    if onegate_token is not None:
        members["ONEGATE_TOKEN"] = onegate_token
    if "TOKEN" in remote_members:
        remote_members["TOKEN"] = "NO"  # noqa: S105 - a switch

    raw = Template()
    context = dict(remote_members)
    for name, value in members.items():
        try:
            check_value(f"CONTEXT/{name}", value)
        except ValueError as error:
            raise Refused(str(error), remedy="Change the value") from None
        context[name] = _write(value, raw)
    if not context:
        return Template()
    return Template([*raw, ("CONTEXT", context)])


def expand(merged: Template) -> Vector:
    """Return the members of a merged CONTEXT after their expansion, where that is known."""
    raw = {name: value for name, value in merged if isinstance(value, str)}

    def find(name: re.Match[str]) -> str:
        return raw.get(name[1], name[0])

    return {
        name: _RAW_NAME.sub(find, written)
        for name, written in merged.vector("CONTEXT").items()
        if "$" not in _RAW_NAME.sub("", written)
    }


def _write(value: str, raw: Template) -> str:
    """Return a member whose expansion is *value*; what it names is added to *raw*."""
    edges = _EDGES.fullmatch(value)
    lead, core, trail = edges.groups() if edges else ("", value, "")
    if core == value and core and "$" not in core and not core.endswith("\\"):
        return value
    if trail and core and "$" not in core and not lead:
        return f"{core}{trail}{_add_raw('', raw)}"
    end = ""
    if trail.startswith("\n"):
        places = _AFTER_NAME.finditer(core, core.rfind("$") + 1)
        place = next((match.start() for match in places), len(core))
        core, end = core[:place], core[place:]
    if lead.startswith("\n") or (trail.startswith("\n") and not end):
        return _add_raw(value, raw)
    named = _add_raw(core, raw)
    empty = _add_raw("", raw) if core and (lead or trail) else named
    return f"{empty if lead else ''}{lead}{named}{end}{trail}{empty if trail else ''}"


def _add_raw(value: str, raw: Template) -> str:
    """Add an attribute for *value*, unless there is one, and return what expands to it."""
    known = (name for name, present in raw if present == value)
    name = next(known, None)
    if name is None:
        name = _RAW.format(len(raw) + 1)
        raw.add(name, value)
    return f"${name}"


def find_unset(local: Vector, remote: Vector) -> list[str]:
    """Return the members that *local* does not set and that tell of the remote account.

    *local* is the CONTEXT of a local VM or template, *remote* that of the remote template. The
    guest gets the account's values for these: its key, and the remote VM's name.
    """
    return sorted(
        name
        for name, value in remote.items()
        if name not in local and not GENERATED.fullmatch(name) and _OF_THE_ACCOUNT.search(value)
    )
