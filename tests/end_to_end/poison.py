"""VMs of the account that no OpenNebula should show, each odd in its own way."""

import re
from collections.abc import Iterator

from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.wire.delivery import ApiRequest
from opennebula_sandbox.cloud.wire.xmlrpc import format_http_answer

MARKS = ("99999999999", "2147483648", "9" * 5000, "-1", "0x7", "٣", "")
"""REMOTE_OPENNEBULA_VM_ID of VMs whose other marks are right."""
ROWS = (
    ("<ID>.*?</ID>", "<ID>" + "9" * 5000 + "</ID>"),
    ("<ID>.*?</ID>", "<ID></ID>"),
    ("<STATE>.*?</STATE>", ""),
    ("<STATE>.*?</STATE>", "<STATE>1e9</STATE>"),
    ("<LCM_STATE>.*?</LCM_STATE>", "<LCM_STATE>x</LCM_STATE>"),
    ("<STIME>.*?</STIME>", "<STIME>" + "9" * 400 + "</STIME>"),
    ("<HID>.*?</HID>", "<HID>inf</HID>"),
)
"""What is read in the row of a VM, and what it is replaced by."""
_ROW = b"&lt;VM&gt;"
_ID = re.compile(rb"&lt;ID&gt;(\d+)")


def poison(cloud: SimulatedCloud, hybrid_id: str) -> list[int]:
    """Give the account a VM for each oddity, and return their ids."""
    marked = [
        _new(cloud, ONE_HYBRID_ID=hybrid_id, ONE_HYBRID_STAY="1.0", **{_VM_ID: mark})
        for mark in MARKS
    ]
    emoji = [_new(cloud, NOTE=_SMILE), _new(cloud, _SMILE)]
    edits = {_new(cloud): (_escape(old), _escape(new)) for old, new in ROWS}

    def deliver(request: ApiRequest) -> Iterator[bytes]:
        head, *rows = request.execute().split(_ROW)
        rows = [_edit(row, edits) for row in rows]
        yield format_http_answer(_ROW.join([head, *rows]), keep=request.keep)

    cloud.faults.on(deliver, "one.vm*.info*", times=None)
    return [*marked, *emoji, *edits]


_VM_ID = "REMOTE_OPENNEBULA_VM_ID"
_SMILE = "\N{GRINNING FACE}"


def _new(cloud: SimulatedCloud, name: str = "bystander", **attributes: str) -> int:
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in attributes.items())
    return cloud.instantiate(0, name, f"<T>{inner}</T>").id


def _edit(row: bytes, edits: dict[int, tuple[bytes, bytes]]) -> bytes:
    found = _ID.match(row)
    old, new = edits.get(int(found[1]) if found else -1, (b"$^", b""))
    return re.sub(old, new, row, count=1)


def _escape(text: str) -> bytes:
    return text.replace("<", "&lt;").replace(">", "&gt;").encode()
