"""Monitoring messages are template text that oned can read, whatever the values hold."""

import os
import subprocess
import sys
import zlib
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.driver.round import VmReport, VmUsage
from one2one.hybrid.capacity import HostCapacity
from one2one.hybrid.mirror import Report
from one2one.hybrid.wild import WildVm
from one2one.mad import im_messages, im_texts
from one2one.mad.scripts import log
from one2one.opennebula import xml
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import ProtocolError
from opennebula_sandbox.cloud.wire.grammar import parse
from tests.file_systems import NO_BYTECODE, write_nothing

CAPACITY = HostCapacity(5000, 64 << 20, 12_000, 1 << 40)
storable = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"])).map(
    lambda text: text.replace('"', "'").rstrip("\\").replace("]]>", "").replace("@^_^@", "")
)
"""What oned can have stored as a deploy id, by whatever way."""


@given(st.lists(storable, max_size=3))
def test_whatever_a_deploy_id_holds_every_vm_is_told_of(deploy_ids: list[str]) -> None:
    reports = [VmReport(n, found, Report.POWEROFF) for n, found in enumerate(deploy_ids)]
    told = parse(im_texts.format_state_vm(reports)).vectors("VM")
    assert [(vm["ID"], vm["STATE"]) for vm in told] == [
        (str(n), "POWEROFF") for n in range(len(deploy_ids))
    ]
    usages = [VmUsage(n, found, {"CPU": "1"}) for n, found in enumerate(deploy_ids)]
    told = parse(im_texts.format_monitor_vm(usages)).vectors("VM")
    assert [parse(b64decode(vm["MONITOR"]).decode()).text("CPU") for vm in told] == ["1"] * len(
        told
    )


@given(st.text(), st.text())
def test_what_may_be_imported_arrives_as_it_is(name: str, template: str) -> None:
    clear = "".join(c for c in template if c.isprintable())
    (told,) = parse(
        im_texts.format_system_host(CAPACITY, [WildVm("opennebula-hybrid-7", "w", clear)])
    ).vectors("VM")
    assert b64decode(told["IMPORT_TEMPLATE"]).decode() == clear
    assert (told["ID"], told["DEPLOY_ID"]) == ("-1", "opennebula-hybrid-7")


def test_a_host_that_is_overfull_has_nothing_left_rather_than_less() -> None:
    told = parse(im_texts.format_monitor_host(CAPACITY))
    assert (told.text("FREECPU"), told.text("FREEMEMORY")) == ("0", "0")


def test_5_10_is_told_of_every_vm_and_of_those_to_be_imported() -> None:
    reports = {3: Report.RUNNING, 4: Report.SILENCE}
    usages = [VmUsage(3, "opennebula-hybrid-9", {"CPU": "12.5", "GUEST_IP": "10.0.0.1"})]
    wilds = [WildVm("opennebula-hybrid-7", "web", "CPU=1")]
    told = parse(im_texts.format_monitor('burst "1"', CAPACITY, reports, usages, wilds))
    assert told.text("VM_POLL") == "YES"
    assert [(vm["ID"], vm["POLL"]) for vm in told.vectors("VM")] == [
        ("3", 'STATE=a CPU="12.5" GUEST_IP="10.0.0.1"'),
        ("4", "STATE=-"),
        ("-1", "STATE=-"),
    ]


@given(st.text())
def test_a_reason_is_one_line_whatever_it_holds(reason: str) -> None:
    for line in (
        im_messages.format_log("E", 0, reason, push=False),
        im_messages.format_log("E", 0, reason, push=True),
        im_messages.format_push_message(
            "SYSTEM_HOST", 0, success=False, data=clean_line(reason).encode()
        ),
    ):
        assert line.count("\n") == 1
        assert line.endswith("\n")


@given(st.text())
def test_5_10_can_inflate_what_it_is_answered(text: str) -> None:
    clean = text.encode("utf-8", "ignore").decode()
    line = im_messages.format_pull_answer("MONITOR", 0, success=True, info=clean)
    assert zlib.decompress(b64decode(line.split()[3])).decode() == clean


@pytest.mark.parametrize("port", ["0", "65536", "-1", "9" * 5000, "x"])
def test_a_port_that_is_none_is_a_protocol_error(port: str) -> None:
    document = f"<C><NETWORK><PORT>{port}</PORT></NETWORK></C>"
    with pytest.raises(ProtocolError):
        im_messages.read_configuration(xml.parse(document))


def test_the_scripts_log_has_a_line_for_each_thing_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE_LOCATION", str(tmp_path))
    (tmp_path / "var").mkdir()
    for _ in range(2):
        log.append_line("Host b: no\x1b[31m\r\nFri Nov 27: forged")
    [line] = (tmp_path / "var/one2one.log").read_text().splitlines()
    assert line.endswith(r": Host b: no\x1b[31m Fri Nov 27: forged")


def test_a_log_that_cannot_be_written_keeps_nothing_from_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE_LOCATION", str(tmp_path))
    (tmp_path / "var").mkdir()
    script = "import one2one.mad.scripts.log as log; log.append_line('Host b')"
    environment = os.environ | NO_BYTECODE
    command = [sys.executable, "-c", script]
    subprocess.run(command, env=environment, preexec_fn=write_nothing, check=True)
    assert (tmp_path / "var/one2one.log").read_bytes() == b""
