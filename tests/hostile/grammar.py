"""What oned and monitord can read of what a driver writes, by what they were recorded to read.

Sources: the recordings in ``tests/data``; ``template_parser.l`` for template text.
"""

import re
import zlib
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass
from xml.etree import ElementTree

_INVISIBLE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
)
_HARMFUL = re.compile(f"[{_INVISIBLE}\U00010000-\U0010ffff]|\\]\\]>")
"""What a terminal acts on, or XML cannot hold, or a real oned cannot send."""
_LONGEST = 1200
"""Of a line that oned keeps as an error: 1,000 characters and its first words."""
_INIT = re.compile(r"INIT SUCCESS( - \d*( ?-)?)?")
_TO_ONED = re.compile(
    r"([A-Z_]+ (SUCCESS|FAILURE) (\d{1,10}|-1)( .*)?|LOG [EWID] (\d{1,10}|-1?) .*)"
)
_PULLED = re.compile(r"(MONITOR|STOPMONITOR) (SUCCESS|FAILURE) (\d{1,10}) (.*)")
_PUSHED = re.compile(r"([A-Z_]+) (SUCCESS|FAILURE|[EWID]) (\d{1,10}|-1) \d+ ?([A-Za-z0-9+/]*=*)")
_KINDS = frozenset(
    ("START_MONITOR", "STOP_MONITOR", "BEACON_HOST", "SYSTEM_HOST", "MONITOR_HOST", "STATE_VM")
) | {"MONITOR_VM", "LOG"}
_SPACE = r"(?:\s|#[^\n]*\n)*"
_STRING = r'(?:"((?:\\"|[^"])*)"|([^=#\s,\[\]"]+))'
_NAME = re.compile(rf"{_SPACE}([A-Za-z0-9_]+)[ \t]*={_SPACE}")
_VALUE = re.compile(_STRING)
_MEMBER = re.compile(rf"{_SPACE}([A-Za-z0-9_]+)[ \t]*={_SPACE}{_STRING}{_SPACE}([,\]])")
_VM_STATES = frozenset(
    ("RUNNING", "POWEROFF", "SUSPENDED", "FAILURE", "UNKNOWN", "-", "a", "d", "p")
)


class Unreadable(Exception):
    """Raised for what oned or monitord would not understand, or should not keep."""


@dataclass(frozen=True)
class Message:
    """What a line says."""

    kind: str
    success: bool
    subject: int
    text: str


def read_vmm_line(line: str) -> Message:
    """Return what a VMM driver says; the line comes without its end."""
    if _INIT.fullmatch(line):
        return Message("INIT", True, -1, "")
    _check(line, _TO_ONED.fullmatch(line), "no line of a VMM driver")
    if len(line) > _LONGEST:
        raise Unreadable(f"{len(line)} characters: {line[:200]!r}")
    kind, result, subject, *text = line.split(" ", 3)
    _check_xml("".join(text))
    return Message(kind, result == "SUCCESS", -1 if subject == "-" else int(subject), "".join(text))


def read_pull_answer(line: str) -> Message:
    """Return what an IM driver says to oned, up to 5.10."""
    if line.startswith(("INIT ", "LOG ")):
        return read_vmm_line(line)
    found = _PULLED.fullmatch(line)
    _check(line, found, "no answer to MONITOR")
    assert found is not None
    return _read_monitoring(*found.groups())


def read_push_message(line: str) -> Message:
    """Return what an IM driver says to monitord, at either of its ends."""
    if _INIT.fullmatch(line):
        return Message("INIT", True, -1, "")
    found = _PUSHED.fullmatch(line)
    _check(line, found, "no message for monitord")
    assert found is not None
    if found[1] not in _KINDS:
        raise Unreadable(f"monitord knows no {found[1]}")
    return _read_monitoring(*found.groups())


def _read_monitoring(kind: str, result: str, subject: str, packed: str) -> Message:
    data = b64decode(packed if packed != "-" else "", validate=True)
    with suppress(zlib.error):
        data = zlib.decompress(data)
    text = data.decode()
    _check(text, text, "nothing")
    _check_xml(text)
    if result != "SUCCESS":
        if "\n" in text or len(text) > _LONGEST:
            raise Unreadable(f"an error of {len(text)} characters: {text[:200]!r}")
    elif kind not in ("START_MONITOR", "STOP_MONITOR", "STOPMONITOR"):
        for name, value in template(text):
            if name == "VM" and isinstance(value, dict):
                _check_vm(value)
    return Message(kind, result == "SUCCESS", int(subject), text)


def _check_vm(vm: dict[str, str]) -> None:
    if not re.fullmatch(r"\d{1,10}|-1", vm.get("ID", "")):
        raise Unreadable(f"a VM with the id {vm.get('ID', '')[:20]!r}")
    if vm.get("STATE", "-") not in _VM_STATES:
        raise Unreadable(f"a VM in the state {vm['STATE'][:20]!r}")
    for name in ("MONITOR", "IMPORT_TEMPLATE"):
        text = b64decode(vm.get(name, ""), validate=True).decode()
        _check(text, True, "")
        template(text)


def template(text: str) -> list[tuple[str, str | dict[str, str]]]:
    """Return the attributes in template text."""
    found: list[tuple[str, str | dict[str, str]]] = []
    at = 0
    while text[at:].strip():
        name = _NAME.match(text, at)
        _check(text[at : at + 200], name, "no template")
        assert name is not None
        at = name.end()
        if text.startswith("[", at):
            members, at = _vector(text, at + 1)
            found.append((name[1], members))
        else:
            value = _VALUE.match(text, at)
            _check(text[at : at + 200], value, "no value")
            assert value is not None
            at = value.end()
            found.append((name[1], value[1] if value[1] is not None else value[2]))
    return found


def _vector(text: str, at: int) -> tuple[dict[str, str], int]:
    members: dict[str, str] = {}
    while True:
        member = _MEMBER.match(text, at)
        if member is None and not members and (end := re.compile(r"\s*\]").match(text, at)):
            return members, end.end()
        _check(text[at : at + 200], member, "no member")
        assert member is not None
        members.setdefault(member[1], member[2] if member[2] is not None else member[3])
        at = member.end()
        if member[4] == "]":
            return members, at


def _check(text: str, condition: object, otherwise: str) -> None:
    if condition is None:
        raise Unreadable(f"{otherwise}: {text[:200]!r}")
    if harm := _HARMFUL.search(text):
        raise Unreadable(f"{harm[0]!r} in {text[max(0, harm.start() - 100) : harm.end() + 50]!r}")


def _check_xml(text: str) -> None:
    """See that *text*, kept by oned in a CDATA section, leaves its pools well-formed."""
    ElementTree.fromstring(f"<ERROR><![CDATA[{text}]]></ERROR>")
