"""The lines that oned and a VMM driver exchange, without any I/O.

The two dialects differ in small things. 5.6 to 5.12 write ``DEPLOY 34 <payload>`` and take ``-``
for "no VM"; from 6.0 oned writes two spaces after the action (an empty status), and ``-`` would
mean VM 0. Sources: ``src/mad/Mad.cc`` and ``include/Message.h``.
"""

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass
from enum import Enum

from one2one.hybrid.request import Request
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.ids import read_id
from one2one.opennebula.records import Vm
from one2one.opennebula.xml import parse, read_text

_ACTION = re.compile("[A-Z_]{1,40}")
SECURITY_GROUP_ACTIONS = {"UPDATESG": "SECURITY_GROUP_ID", "UPDATENIC": "VIRTUAL_NETWORK_ID"}
"""Actions whose answer, FAILURE too, must begin with the number in that element."""


class Dialect(Enum):
    """The two dialects, by what stands for "no VM" in a LOG line."""

    MAD = "-"
    """5.6 to 5.12."""
    DRIVER = "-1"
    """6.0 and later."""


@dataclass(frozen=True, slots=True)
class VmmLine:
    """A line from oned."""

    action: str
    vm_id: int
    """-1 for INIT and FINALIZE."""
    payload: str
    dialect: Dialect | None
    """None where the line does not tell."""


def parse_line(line: str) -> VmmLine:
    """Return what oned wrote; raises ProtocolError for a line that cannot be answered."""
    words = line.split(maxsplit=2)
    if not words:
        raise ProtocolError("an empty line came from oned", remedy="")
    action = words[0].upper()
    if action in ("INIT", "FINALIZE"):
        return VmmLine(action, -1, "", None)
    vm_id = read_id(words[1]) if len(words) > 1 else None
    if not _ACTION.fullmatch(action) or vm_id is None:
        raise ProtocolError(f"oned sent {line[:60]!r}: no action or no VM id in it", remedy="")
    empty_status = line[len(words[0]) :].startswith("  ")
    dialect = Dialect.DRIVER if empty_status else Dialect.MAD
    return VmmLine(action, vm_id, words[2] if len(words) > 2 else "", dialect)


def parse_request(action: str, payload: str) -> Request:
    """Return the request in a driver message, base64 of ``<VMM_DRIVER_ACTION_DATA>``.

    Raises ProtocolError when it is not that, or lacks the host, the VM or its history record.
    """
    root = parse(decode_payload(payload))
    vm = root.find("VM")
    host_name = read_text(root, "HOST")
    if vm is None or not host_name:
        raise ProtocolError(f"oned's {action} has no VM or no HOST in <{root.tag}>", remedy="")
    return Request(action, Vm.read(vm), host_name, read_text(root, "DEPLOY_ID"))


def decode_payload(payload: str) -> bytes:
    """Return the document in *payload*, base64 with or without line breaks."""
    try:
        return b64decode("".join(payload.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(f"oned's message is not base64 ({error})", remedy="") from None


def read_subject(action: str, payload: str) -> str:
    """Return the number that an answer to *action* must begin with, nothing for most."""
    element = SECURITY_GROUP_ACTIONS.get(action)
    if element is None:
        return ""
    number = read_id(read_text(parse(decode_payload(payload)), element))
    return "-1" if number is None else str(number)


def format_answer(action: str, vm_id: int, *, success: bool, info: str) -> str:
    """Return the line that ends an action."""
    result = "SUCCESS" if success else "FAILURE"
    return f"{action} {result} {vm_id} {clean_line(info) or '-'}\n"


def format_log(severity: str, vm_id: int | None, info: str, dialect: Dialect) -> str:
    """Return a LOG line, for the VM's log, or for oned's own without a VM.

    *severity* is E, W (from 6.0), I or D.
    """
    about = dialect.value if vm_id is None else vm_id
    return f"LOG {severity} {about} {clean_line(info)}\n"
