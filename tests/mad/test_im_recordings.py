"""Monitoring by what real clouds said: their lines to IM drivers, their pools and quotas."""

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from one2one.driver.local import LocalCloud
from one2one.driver.monitor import HostMonitor
from one2one.driver.remotes import Remotes
from one2one.hybrid.mirror import Report, map_state
from one2one.mad import im_messages, im_texts
from one2one.mad.im_messages import Periods
from one2one.mad.pull import answer_pull
from one2one.opennebula.records import VmRow
from one2one.opennebula.template import Template, parse_text
from one2one.opennebula.xml import parse
from opennebula_sandbox.cloud.wire.server import XmlRpcServer
from opennebula_sandbox.cloud.wire.xmlrpc import Fault
from opennebula_sandbox.frontend.im import monitor_line

DATA = Path(__file__).parent.parent / "data"
VERSIONS = ("5.10", "6.10", "7.2")
AFTER = {
    "HOLD": Report.RUNNING,
    "PENDING": Report.RUNNING,
    "after reboot": Report.RUNNING,
    "after suspend": Report.SUSPENDED,
    "after resume": Report.RUNNING,
    "after poweroff": Report.POWEROFF,
    "after undeploy": Report.POWEROFF,
    "after stop": Report.SUSPENDED,
    "DONE": Report.POWEROFF,
}
"""What is reported of a remote VM, by what had been done with it when it was recorded."""
TOTALS = {
    "5.10": (4960, 65024),
    "6.10": (4980, 65280),
    "7.2": (4990, 65408),
}
"""Percent and MB: quotas of 50 cores and 64 GB, less what others use."""
LOCAL_IDS = {"5.10": 7, "6.10": 7, "7.2": 4}
"""The local VMs, which were no hybrid ones when they were recorded."""


def events(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def lines(version: str, direction: str) -> list[str]:
    return [e["line"] for e in events(f"im-{version}") if e["dir"] == direction]


class Recorded:
    """A cloud that answers each call as it was answered first, whatever its arguments."""

    def __init__(self, name: str) -> None:
        self._events = [e for e in events(name) if not e["note"].startswith(("wrong", "bad"))]
        self.replaced: list[tuple[str, str]] = []

    def call(self, method: str, arguments: tuple[object, ...]) -> Sequence[bool | int | str]:
        found = [e for e in self._events if e["method"] == method]
        decrypted = [e for e in found if e["args"][-1:] == [True] and arguments[-1] is True]
        answer = (decrypted or found)[0]
        if answer["fault"]:
            raise Fault(*answer["fault"])
        ok, value, *rest = answer["result"]
        for pattern, replacement in self.replaced:
            value = re.sub(pattern, replacement, str(value))
        return [ok, value, *rest]


@contextmanager
def open_monitor(version: str, tmp: Path) -> Iterator[HostMonitor]:
    """Give the monitoring of the recorded front-end's host, by the recorded remote."""
    local, remote = Recorded(f"local-{version}"), Recorded(f"api-{version}")
    servers = XmlRpcServer(local.call), XmlRpcServer(remote.call)
    for server in servers:
        server.start()
    remote_id = "21" if version == "5.10" else str(remote.call("one.vmpool.infoset", ("",))[1])
    remote_id = (re.findall("<ID>([0-9]+)</ID>", remote_id) or [remote_id])[0]
    local.replaced = [
        ("opennebula-hybrid-[0-9]{4,}", f"opennebula-hybrid-{remote_id}"),
        (r"http://127.0.0.1:763[34]/RPC2", servers[1].endpoint),
    ]
    marks = r"(VM_ID>(?:<!\[CDATA\[)?)41\b"  # of the Ruby driver
    remote.replaced = [(marks, rf"\g<1>{LOCAL_IDS[version]}")]
    auth = tmp / "one_auth"
    auth.write_text("oneadmin:secret")
    cloud = LocalCloud({"ONE_AUTH": str(auth), "ONE_XMLRPC": servers[0].endpoint})
    remotes = Remotes(cloud)
    try:
        yield HostMonitor(0, cloud, remotes)
    finally:
        remotes.close()
        cloud.cloud.close()
        for server in servers:
            server.stop()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_line_of_a_real_oned_or_monitord_is_understood(version: str) -> None:
    read = [im_messages.parse_line(line) for line in lines(version, "core>mad")]
    kinds = {"MONITOR"} if version == "5.10" else {"START_MONITOR", "STOP_MONITOR"}
    assert {line.action for line in read} - {"INIT", "FINALIZE"} == kinds
    assert {line.host_id for line in read if line.action in kinds} == {0}


@pytest.mark.parametrize("version", ["6.10", "7.2"])
def test_a_real_monitord_says_where_and_how_often(version: str) -> None:
    for line in map(im_messages.parse_line, lines(version, "core>mad")):
        if line.action == "START_MONITOR":
            configuration = im_messages.decode_start(line.payload)
            assert (configuration.address, configuration.public_key) == ("127.0.0.1", "")
            assert 1024 < configuration.port < 65536
            assert isinstance(configuration.periods, Periods)
            assert 0 < configuration.periods.state_vm <= configuration.periods.system_host


@pytest.mark.parametrize(
    "value",
    ["<{0}/>", "<{0}></{0}>", "<{0}><![CDATA[]]></{0}>", "<{0}> \n</{0}>", "", "<{0}>x</{0}>"],
)
def test_periods_that_monitord_does_not_say_are_those_of_its_own_agents(value: str) -> None:
    names = ("BEACON_HOST", "SYSTEM_HOST", "MONITOR_HOST", "STATE_VM", "EXEC_VM", "MONITOR_VM")
    said = "".join(value.format(name) for name in names)
    document = (
        f"<MONITOR_CONFIGURATION><PROBES_PERIOD>{said}</PROBES_PERIOD></MONITOR_CONFIGURATION>"
    )
    periods = im_messages.read_configuration(parse(document)).periods
    assert periods == Periods(
        beacon_host=30, system_host=600, monitor_host=120, state_vm=5, monitor_vm=30
    )


@pytest.mark.parametrize("value", ["1e300", "inf", "-5", "1" + "0" * 400])
def test_no_period_is_longer_than_can_be_waited(value: str) -> None:
    document = (
        f"<MONITOR_CONFIGURATION><PROBES_PERIOD><STATE_VM>{value}</STATE_VM></PROBES_PERIOD>"
        "</MONITOR_CONFIGURATION>"
    )
    periods = im_messages.read_configuration(parse(document)).periods
    assert 0 < periods.state_vm <= 86400


@pytest.mark.parametrize("version", VERSIONS)
def test_answers_have_the_form_of_those_that_real_ones_took(version: str) -> None:
    for line in lines(version, "mad>core"):
        kind, status, host_id, *rest = line.split()
        if kind == "MONITOR":
            ours = im_messages.format_pull_answer(kind, int(host_id), success=True, info="A=b")
            assert (status, len(ours.split())) == ("SUCCESS", len(rest) + 3)
        elif kind.endswith("_MONITOR"):
            ours = im_messages.format_push_message(kind, int(host_id), success=True, data=b"A=b")
            assert (status, len(ours.split())) == ("SUCCESS", len(rest) + 3)
            assert monitor_line.read(line)[:3] == monitor_line.read(ours)[:3]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recorded_life_is_reported_as_it_was_lived(version: str) -> None:
    seen = set()
    for event in events(f"api-{version}"):
        note = event["note"].replace("-hard", "").removesuffix(" vm")
        not_before = event["method"] in ("one.vm.info", "one.vmpool.infoset") and event["result"]
        if note in AFTER and not_before:
            document = event["result"][1]
            vms = list(parse(document)) if "_POOL>" in document else [parse(document)]
            assert [map_state(VmRow.read(vm).state) for vm in vms] == [AFTER[note]], note
            seen.add(note)
    assert len(seen) > 6


@pytest.mark.parametrize("version", VERSIONS)
def test_a_round_on_recorded_answers(version: str, tmp_path: Path) -> None:
    with open_monitor(version, tmp_path) as monitor:
        monitor.refresh()
        monitor.read_states()
        last = monitor.read_states()
        reports = [one for one in last.reports if "hybrid-" in one.deploy_id]
        assert [one.report for one in reports] == [Report.SILENCE], "both sides run"
        capacity = monitor.read_capacity(last)
        cpu, memory = TOTALS[version]
        assert capacity.total == (cpu, memory * 1024)
        assert (capacity.used_cpu, capacity.used_memory) == (10, 128 * 1024)
        (usage,) = monitor.read_usages(last)
        assert usage.usage["REMOTE_STATE"] == "RUNNING"
        assert usage.usage["REMOTE_HOST"].startswith("hv")
        wilds = monitor.survey_account()
        assert [wild.name for wild in wilds] == (["web-1"] if version == "5.10" else [])
        told = parse_text(im_texts.format_system_host(capacity, wilds))
        assert told.text("TOTALCPU") == str(cpu)
        assert len(told.vectors("VM")) == len(wilds)


def test_the_answer_to_5_10_has_all_that_the_ruby_driver_told(tmp_path: Path) -> None:
    (*_, last) = [e for e in events("im-5.10") if e.get("line", "").startswith("MONITOR SUCCESS")]
    with open_monitor("5.10", tmp_path) as monitor:
        ours = parse_text(answer_pull(monitor, lambda error: pytest.fail(str(error)), pytest.fail))
    theirs = parse_text(last["payload"].replace("VM_NAME=remote-opennebula", "VM_NAME=r"))
    assert names(theirs) <= names(ours)


def names(template: Template) -> set[str]:
    return {name for name, _ in template}
