"""The documents that the clouds of a benchmark answer with: real ones, with other ids in them.

They come from the recordings of OpenNebula 6.10 that the tests use too, so that rows are as long
as real rows are.
"""

import gzip
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

_DATA = Path(__file__).parent.parent / "tests" / "data"
HYBRID_ID = "11111111-2222-3333-4444-555555555555"
USER = re.compile(r"burst(\d+):")
"""The session of the remote user of a host, with the host's id."""


def _lines(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(_DATA / f"{name}-6.10.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


@cache
def read_recording(side: str, method: str, note: str = "") -> str:
    """Return the first answer of *side* (``api`` for the remote, ``local``) to *method*."""
    answer: str = next(
        call["result"][1]
        for call in _lines(side)
        if call["method"] == method
        and note in call["note"]
        and call["result"]
        and call["result"][0] is True
        and str(call["result"][1]) not in ("", "0")
    )
    return answer


@cache
def _row(side: str, kind: str) -> list[str]:
    """Return a recorded row, cut where the ids, the states and the host stand."""
    if kind == "record":
        document = read_recording("api", "one.vmpool.monitoring")
        row: str = re.findall("<MONITORING>.*?</MONITORING>", document, re.DOTALL)[0]
        row = re.sub(r"(<ID><!\[CDATA\[)\d+", r"\1\0id\0", row)
        row = re.sub(r"(<TIMESTAMP><!\[CDATA\[\d+)\d", r"\1\0poll\0", row)
        return row.split("\0")
    if kind == "extended":
        document = read_recording(side, "one.vm.info", "RUNNING")
    else:
        document = read_recording(side, "one.vmpool.infoset")
    row = re.findall("<VM>.*</VM>", document, re.DOTALL)[0]
    row = re.sub(r"(<VM><ID>)\d+", r"\1\0id\0", row, count=1)
    row = re.sub(r"(<LAST_POLL>)\d+", r"\1\0poll\0", row, count=1)
    row = re.sub(r"(<NAME>)(remote-opennebula-|hybrid-template-)\d+", r"\1\2\0name\0", row, count=1)
    row = re.sub(r"(<STATE>)\d+(</STATE><LCM_STATE>)\d+", r"\1\0state\0\2\0lcm\0", row, count=1)
    row = re.sub(r"(<DEPLOY_ID>opennebula-hybrid-)\d+", r"\1\0id\0", row, count=1)
    row = re.sub(r"(<REMOTE_OPENNEBULA_VM_ID><!\[CDATA\[)\d+", r"\1\0name\0", row)
    row = re.sub(r"(<HID>)\d+", r"\1\0host\0", row)
    row = re.sub(r"(<HOSTNAME>)(<!\[CDATA\[)?burst1", r"\1\2burst\0host\0", row)
    return row.split("\0")


def row(
    side: str, kind: str, vm_id: int, name: int, state: tuple[int, int], host: int, poll: str = "0"
) -> str:
    """Return a ``<VM>``, *kind* short or extended, or a ``<MONITORING>``, kind record.

    *poll* is the last digit of its time.
    """
    values = {"id": vm_id, "name": name, "state": state[0], "lcm": state[1], "host": host}
    parts = list(_row(side, kind))
    parts[1::2] = [str(values.get(part, poll)) for part in parts[1::2]]
    return "".join(parts)


def host(host_id: int, endpoint: str, vm_ids: Iterable[int], max_connections: int) -> str:
    """Return a local host that stands for the remote cloud at *endpoint*."""
    document = read_recording("local", "one.host.info", "decrypted")
    document = document.replace(
        "<ID>0</ID><NAME>burst1<", f"<ID>{host_id}</ID><NAME>burst{host_id}<"
    )
    document = document.replace("http://127.0.0.1:7633/RPC2", endpoint)
    ids = "".join(f"<ID>{vm_id}</ID>" for vm_id in vm_ids)
    document = document.replace("<VMS><ID>7</ID></VMS>", f"<VMS>{ids}</VMS>")
    more = (
        f"<ONE_HYBRID_ID>{HYBRID_ID}</ONE_HYBRID_ID><ONE_TIMEOUT>5</ONE_TIMEOUT>"
        f"<ONE_MAX_CONNECTIONS>{max_connections}</ONE_MAX_CONNECTIONS>"
    )
    user = "<ONE_USER><![CDATA[burst"
    return document.replace(user, f"{more}{user}{host_id}")


def message(
    vm_id: int, host_id: int, lcm_state: int, deploy_id: str, *, vm_alone: bool = False
) -> str:
    """Return what oned writes to a VMM driver about a VM, in base64."""
    line = next(line for line in _lines("vmm") if line.get("line", "").startswith("DEPLOY "))
    document: str = line["payload"]
    document = document.replace("<VM><ID>2</ID>", f"<VM><ID>{vm_id}</ID>")
    document = document.replace(
        "<LCM_STATE>2</LCM_STATE>", f"<LCM_STATE>{lcm_state}</LCM_STATE>", 1
    )
    document = document.replace("<DEPLOY_ID></DEPLOY_ID>", f"<DEPLOY_ID>{deploy_id}</DEPLOY_ID>")
    document = document.replace("<DEPLOY_ID/>", f"<DEPLOY_ID>{deploy_id}</DEPLOY_ID>")
    document = document.replace("burst1", f"burst{host_id}").replace("<HID>0<", f"<HID>{host_id}<")
    if vm_alone:
        document = document[document.index("<VM>") : document.index("</VM>") + len("</VM>")]
    return b64encode(document.encode()).decode()


def start_monitor(host_id: int, port: int, periods: dict[str, int]) -> str:
    """Return what onemonitord writes to begin the monitoring of a host, uncompressed."""
    line = next(line for line in _lines("im") if line.get("line", "").startswith("START_MONITOR -"))
    document: str = line["payload"].replace("<HOST><ID>0</ID>", f"<HOST><ID>{host_id}</ID>")
    document = document.replace("<![CDATA[4124]]>", f"<![CDATA[{port}]]>")
    for name, seconds in periods.items():
        document = re.sub(
            rf"(<{name}><!\[CDATA\[)\d+(\]\]></{name}>)", rf"\g<1>{seconds}\2", document
        )
    return document


def answer(value: str | int, *, success: bool = True) -> bytes:
    """Return an XML-RPC answer as oned's xmlrpc-c writes it."""
    kind = "i4" if isinstance(value, int) else "string"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n<methodResponse>\r\n<params>\r\n'
        f"<param><value><array><data>\r\n<value><boolean>{int(success)}</boolean></value>\r\n"
        f"<value><{kind}>{escape(str(value))}</{kind}></value>\r\n<value><i4>0</i4></value>\r\n"
        "</data></array></value></param>\r\n</params>\r\n</methodResponse>\r\n"
    ).encode()


NO_METHOD = (
    b'<?xml version="1.0" encoding="UTF-8"?>\r\n<methodResponse>\r\n<fault><value><struct>'
    b"<member><name>faultCode</name><value><i4>-506</i4></value></member><member>"
    b"<name>faultString</name><value><string>Method not defined</string></value></member>"
    b"</struct></value></fault>\r\n</methodResponse>\r\n"
)
