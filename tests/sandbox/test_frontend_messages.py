"""The front-end sends the messages of real oneds during the whole life of several VMs."""

import re
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from one2one.opennebula.xml import Element, parse
from opennebula_sandbox.frontend.frontend import FrontEnd
from tests.sandbox.frontend_recordings import DATA, Operator, read_recorded_lives
from tests.sandbox.frontends import GENERATIONS

TIMES = ("STIME", "ETIME", "PSTIME", "PETIME", "RSTIME", "RETIME", "ESTIME", "EETIME", "LAST_POLL")
BY_CHANCE = ("UUID", "TIME", "REQUEST_ID")
RACE = ("STATE", "LCM_STATE", "PREV_STATE", "PREV_LCM_STATE", "ETIME")
"""A 5.10 that deletes a VM sends the message mostly after, sometimes before the VM is DONE."""
ADDRESSES = ("/VM/TEMPLATE/NIC/IP", "/VM/TEMPLATE/CONTEXT/ETH0_IP")
"""The network of the recorded 5.10 gave no IP addresses."""


def comparable(line: str, var: str) -> list[tuple[str, str]]:
    """Return the shape of a line, then the leaves of its document, in order."""
    head, action, payload = "", "", ""
    if match := re.fullmatch(r"((\w+) +\d+ ?)(\S*)", line):
        head, action, payload = match.groups()
    if not payload:
        return [("line", line)]
    document = list(leaves(parse(b64decode(payload)), "", var))
    if action == "CLEANUP" and ("/VM/HISTORY_RECORDS/HISTORY/ACTION", "13") in document:
        document = [leaf for leaf in document if leaf[0] not in {f"/VM/{name}" for name in RACE}]
    return [("line", head), *document]


def leaves(element: Element, path: str, var: str) -> Iterator[tuple[str, str]]:
    for child in element:
        if len(child):
            yield from leaves(child, f"{path}/{child.tag}", var)
            continue
        text = (child.text or "").replace(var, "/var/lib/one")
        if child.tag in TIMES:
            text = str(text != "0")
        elif child.tag in BY_CHANCE and text not in ("", "-1"):
            text = "…"
        if f"{path}/{child.tag}" not in ADDRESSES:
            yield f"{path}/{child.tag}", text


@pytest.mark.parametrize("generation", GENERATIONS)
def test_messages_are_those_of_a_real_oned(generation: str, tmp_path: Path) -> None:
    notes = tmp_path / "lines"
    playback = str(Path(__file__).with_name("playback_driver.py"))
    recording = str(DATA / f"vmm-{generation}.jsonl.gz")
    driver = [sys.executable, playback, recording, str(notes)]
    with FrontEnd(generation, driver=driver) as frontend:
        operator = Operator(frontend, frontend.add_host("burst1"))
        for event in read_recorded_lives(generation):
            action, vm_id, *_ = event["line"].split()
            if action != "DRIVER_CANCEL":
                operator.cause(action, int(vm_id), parse(event["payload"]))
        var = str(frontend.home.var)
    sent = [line for line in notes.read_text().splitlines() if line != "INIT"]
    for line, event in zip(sent, read_recorded_lives(generation), strict=True):
        assert comparable(line, var) == comparable(event["line"], var)
