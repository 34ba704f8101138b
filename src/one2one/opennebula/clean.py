r"""Makes text from outside safe for one line: for oned, for a log, for a terminal.

The text of errors, names and states comes from a remote cloud, from its users, or from any server
at a wrong address. A real oned keeps such bytes unchanged: it cuts a driver's line at a NUL, and
an ``ERROR`` with an escape character or ``]]>`` makes the XML of its VM pool unreadable. A terminal
acts on escape sequences and bidirectional overrides. oned takes ``@^_^@`` for its own separator.
This module replaces each such character by its number, as in ``\x1b``.
"""

import re

LIMIT = 1000
"""Characters that an error may have in all."""

_CUT = "…"
_EXCERPT = 60
_LONGEST_ESCAPE = len(r"\U0010ffff")
_INVISIBLE = (
    "\x7f-\x9f"  # DEL and C1, in which NEL ends a line
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional marks and overrides
    "\u2028\u2029"  # line and paragraph separator
    "\ud800-\udfff"  # lone surrogates
    "\ufdd0-\ufdef\ufffe\uffff"  # noncharacters
)
_BLANKS = re.compile("[ \t\n\v\f\r]+")
_FORBIDDEN = re.compile(rf"[\x00-\x1f{_INVISIBLE}\U00010000-\U0010ffff]|(?<=\]\])>|(?<=@\^_\^)@")
"""XML-RPC servers of OpenNebula cannot send characters beyond U+FFFF: see ``check_value``."""
_NOT_IN_JSON = re.compile(f"[{_INVISIBLE}]")


def clean_line(text: str, limit: int = LIMIT) -> str:
    """Return *text* as one line of at most *limit* characters; an ``…`` shows where it is cut.

    Each run of blanks and line breaks becomes one space. A clean line is returned unchanged.
    """
    head = text[: limit * _LONGEST_ESCAPE]
    line = _FORBIDDEN.sub(_escape, _BLANKS.sub(" ", head).strip(" "))
    if len(line) > limit or len(head) < len(text):
        line = line[: limit - len(_CUT)] + _CUT
    return line


def hide(text: str, secret: str) -> str:
    """Return *text* with an ``…`` in place of *secret*. Cut it after that, not before."""
    return text.replace(secret, _CUT) if secret else text


def clean_json(document: str) -> str:
    """Return a JSON *document* with each such character escaped; its values do not change."""
    return _NOT_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", document)


def excerpt(data: bytes | bytearray) -> str:
    """Return how *data* begins, in quotes, for an error."""
    return repr(data[:_EXCERPT].decode(errors="replace"))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
