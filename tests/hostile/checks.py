"""What must hold of whatever comes out of the product."""

import re
from collections.abc import Callable, Mapping

from one2one.opennebula.client import Caller
from one2one.opennebula.errors import InternalError, OneError
from one2one.opennebula.ids import MAX_ID
from one2one.opennebula.records import Host, VmRow, VmTemplate
from tests.hostile import grammar
from tests.hostile.grammar import Message
from tests.hostile.world import PASSWORD

SESSION = f"burst:{PASSWORD}"
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_LONGEST = 1500
"""Characters of an error, its remedy, call and endpoint included."""


class Violation(AssertionError):
    """Raised where something does not hold."""


def check_error(error: OneError) -> None:
    """See that an error is one that the product foresaw, one clean line, without a secret."""
    if isinstance(error, InternalError):
        raise Violation(f"an internal error: {error}")
    text = str(error)
    if find_harm(text) or len(text) > _LONGEST:
        raise Violation(f"an error that is no clean line: {text[:2000]!r}")
    check_secret(text)


def find_harm(text: str) -> str:
    """Return what a terminal acts on, with what stands around it; nothing for a clean text."""
    found = _HARMFUL.search(text)
    return repr(text[max(0, found.start() - 80) : found.end() + 80]) if found else ""


def check_secret(text: str) -> None:
    """See that no password is in *text*."""
    if PASSWORD in text:
        raise Violation(f"a password: {text[:2000]!r}")


def check_found(found: object) -> None:
    """See that what a call returned has the ids that OpenNebula may have."""
    if isinstance(found, bool | str):
        return
    if isinstance(found, VmRow | Host | VmTemplate):
        found = found.id
    if isinstance(found, int):
        if not 0 <= found <= MAX_ID:
            raise Violation(f"{found} as an id")
    elif isinstance(found, Mapping):
        check_found(list(found))
    elif isinstance(found, list | tuple):
        for one in found:
            check_found(one)


def check_echo(client: Caller, word: str) -> None:
    """See that a call is answered, and with its own answer."""
    answer = client.call("echo.info", word)
    if answer != word:
        raise Violation(f"{answer!r} instead of {word!r}")


def check_to_oned(line: str) -> Message:
    """Return what a line of the VMM driver tells oned."""
    return _check_said(line, grammar.read_vmm_line)


def check_pulled(line: str) -> Message:
    """Return what a line of the IM driver tells oned."""
    return _check_said(line, grammar.read_pull_answer)


def check_pushed(line: str) -> Message:
    """Return what a message tells monitord."""
    return _check_said(line, grammar.read_push_message)


def check_either(line: str) -> Message:
    """Return what a line of the IM driver tells monitord, or oned where that had asked."""
    asked_by_oned = line.startswith(("MONITOR ", "STOPMONITOR "))
    return check_pulled(line) if asked_by_oned else check_pushed(line)


def _check_said(line: str, read: Callable[[str], Message]) -> Message:
    if line.find("\n") != len(line) - 1:
        raise Violation(f"not one line: {line[:2000]!r}")
    said = read(line.removesuffix("\n"))
    check_secret(line)
    check_secret(said.text)
    return said
