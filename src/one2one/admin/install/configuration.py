"""Our part in oned.conf and monitord.conf: a marked block at the end, which can be removed.

An earlier entry for the same driver is set aside: each of its lines gets a mark. Removing the marks
and the block restores the file byte for byte.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from one2one.hybrid.naming import DRIVER
from one2one.opennebula.errors import ConfigurationError
from one2one.opennebula.template import Vector, parse_text

_BEGIN = "# BEGIN one2one: one2one install writes this, one2one uninstall removes it"
_BEGIN_UNENDED = f"{_BEGIN} (the line above had no end)"
_END = "# END one2one"
_ASIDE = "#one2one# "

_BLOCK = re.compile(
    rf"(?:^{_BEGIN}|\n{re.escape(_BEGIN_UNENDED)})\n.*?^{_END}\n", re.MULTILINE | re.DOTALL
)
_OURS = re.compile(rf"^(?:# (?:BEGIN|END) one2one|{_ASIDE})", re.MULTILINE)
_ASIDES = re.compile(rf"^{_ASIDE}", re.MULTILINE)
_MAD = re.compile(
    r"^[ \t]*(VM_MAD|IM_MAD)[ \t]*=[ \t\n]*\[(?:\"(?:\\\"|[^\"])*\"|#[^\n]*|[^\]\"#])*\]",
    re.MULTILINE | re.IGNORECASE,
)
_ENCRYPTED = re.compile(
    r"^[ \t]*HOST_ENCRYPTED_ATTR[ \t]*=[ \t]*\"?ONE_PASSWORD\"?[ \t]*(?:#|$)",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Mad:
    """A driver's entry that is in force."""

    kind: str
    """VM_MAD or IM_MAD."""
    vector: Vector
    start: int
    end: int

    @property
    def is_ours(self) -> bool:
        """Tell whether it is the entry that hybrid hosts use."""
        return self.vector.get("NAME") == DRIVER


def list_mads(source: str) -> Iterator[Mad]:
    """Yield the drivers that oned, or monitord, would start; raises ProtocolError."""
    for match in _MAD.finditer(source):
        kind, vector = next(iter(parse_text(match[0])))
        if isinstance(vector, dict):
            yield Mad(kind, vector, match.start(), match.end())


def encrypts_password(source: str) -> bool:
    """Tell whether oned.conf has hosts' ONE_PASSWORD encrypted (5.10 and later)."""
    return _ENCRYPTED.search(source) is not None


def has_block(source: str) -> bool:
    """Tell whether *source* has a block or a mark of ours."""
    return _OURS.search(source) is not None


def add_block(source: str, entries: str, kinds: tuple[str, ...]) -> str:
    """Return *source* with *entries* in a block, and our driver's other entries set aside.

    *source* has no block; *kinds* are those of the entries that the new ones replace.
    """
    for mad in [*list_mads(source)][::-1]:
        if mad.is_ours and mad.kind in kinds:
            source = _set_aside(source, mad)
    unended = source and not source.endswith("\n")
    begin = f"\n{_BEGIN_UNENDED}" if unended else _BEGIN
    return f"{source}{begin}\n{entries}\n{_END}\n"


def remove_block(source: str) -> str:
    """Return *source* as it was; raises ConfigurationError when our marks were damaged."""
    restored = _ASIDES.sub("", _BLOCK.sub("", source))
    if has_block(restored):
        raise ConfigurationError(
            "it has one half of the marks BEGIN one2one and END one2one",
            remedy="Remove that part by hand, then try again",
        )
    return restored


def _set_aside(source: str, mad: Mad) -> str:
    line_end = source.find("\n", mad.end)
    line_end = len(source) if line_end < 0 else line_end
    rest = source[mad.end : line_end].strip()
    if rest and not rest.startswith("#"):
        raise ConfigurationError(
            f"its {mad.kind} NAME={DRIVER!r} shares a line with something else",
            remedy="Put them on lines of their own, then try again",
        )
    entry = source[mad.start : line_end]
    marked = "\n".join(_ASIDE + line for line in entry.split("\n"))
    return source[: mad.start] + marked + source[line_end:]
