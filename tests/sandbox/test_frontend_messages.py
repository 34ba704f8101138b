"""The front-end sends a driver what real oneds sent, over the whole life of several VMs."""

import gzip
import json
import re
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from one2one.opennebula.states import LcmState
from one2one.opennebula.template import Value
from one2one.opennebula.xml import Element, integer, parse
from one2one.sandbox.frontend.frontend import FrontEnd
from one2one.sandbox.frontend.handles import LocalHost, LocalVm

DATA = Path(__file__).parent.parent / "data"
TIMES = ("STIME", "ETIME", "PSTIME", "PETIME", "RSTIME", "RETIME", "ESTIME", "EETIME", "LAST_POLL")
BY_CHANCE = ("UUID", "TIME", "REQUEST_ID")
RACE = ("STATE", "LCM_STATE", "PREV_STATE", "PREV_LCM_STATE", "ETIME")
"""A 5.10 that deletes a VM tells its driver sometimes before, mostly after the VM is DONE."""
ADDRESSES = ("/VM/TEMPLATE/NIC/IP", "/VM/TEMPLATE/CONTEXT/ETH0_IP")
"""The network of the recorded 5.10 gave none."""
TEMPLATE: dict[str, Value] = {
    "CPU": "0.1",
    "MEMORY": "128",
    "CONTEXT": {"GREETING": "hello world", "NETWORK": "yes"},
    "PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "0"},
}
BY_STATE = {
    LcmState.SHUTDOWN: "terminate",
    LcmState.SHUTDOWN_POWEROFF: "poweroff",
    LcmState.SHUTDOWN_UNDEPLOY: "undeploy",
    LcmState.SAVE_SUSPEND: "suspend",
    LcmState.SAVE_STOP: "stop",
}
SIMPLE: dict[str, Callable[[LocalVm], object]] = {
    "REBOOT": lambda vm: vm.act("reboot"),
    "RESET": lambda vm: vm.act("reboot-hard"),
    "SNAPSHOTCREATE": lambda vm: vm.snapshot("snap1"),
    "SNAPSHOTREVERT": lambda vm: vm.revert_snapshot(0),
    "SNAPSHOTDELETE": lambda vm: vm.delete_snapshot(0),
    "ATTACHDISK": lambda vm: vm.attach_disk(TYPE="fs", FORMAT="raw", SIZE="100"),
    "DETACHNIC": lambda vm: vm.detach_nic(0),
}
AT_REST = ("RUNNING", "SUSPENDED", "POWEROFF", "STOPPED", "UNDEPLOYED", "DONE", "PENDING")


def recorded(generation: str) -> list[dict[str, Any]]:
    """Return the messages about the VMs whose life is recorded from its beginning."""
    known: set[str] = set()
    events = []
    with gzip.open(DATA / f"vmm-{generation}.jsonl.gz", "rt") as lines:
        for event in map(json.loads, lines):
            words = event.get("line", "").split()
            if event["dir"] == "core>mad" and len(words) > 1:
                known |= {words[1]} if words[0] == "DEPLOY" else set()
                events += [event] if words[1] in known else []
    return events


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


class Operator:
    """Does what the operator of the recorded cloud did."""

    def __init__(self, frontend: FrontEnd, host: LocalHost) -> None:
        self.frontend = frontend
        self.host = host
        self.template = frontend.add_template(TEMPLATE)
        self.vms: dict[int, LocalVm] = {}

    def cause(self, action: str, vm_id: int, document: Element) -> None:
        """Do what makes oned send *action*, and wait until that is over."""
        lcm = LcmState(integer(document, "VM/LCM_STATE"))
        vm = self.vms.get(vm_id) or self.new(vm_id)
        if vm.state == "HOTPLUG" and action != "CLEANUP":
            vm.recover("failure")
        match action:
            case "DEPLOY" | "RESTORE":
                if lcm != LcmState.BOOT:
                    vm.act("resume")
                if lcm not in (LcmState.BOOT_POWEROFF, LcmState.BOOT_SUSPENDED):
                    vm.deploy(self.host)
            case "SHUTDOWN" | "SAVE":
                vm.act(BY_STATE[lcm])
            case "CANCEL":
                vm.act(f"{BY_STATE[lcm]}-hard")
            case "CLEANUP":
                vm.recover("recreate" if lcm == LcmState.CLEANUP_RESUBMIT else "delete")
            case "UPDATECONF":
                vm.update_context(GREETING="changed", NETWORK="YES")
            case "ATTACHNIC":
                nic = {e.tag: e.text or "" for e in document.iterfind("VM/TEMPLATE/NIC/*")}
                vm.attach_nic(**{name: nic[name] for name in ("IP", "MAC") if name in nic})
            case other:
                SIMPLE[other](vm)
        unanswered = action == "ATTACHDISK" and self.frontend.generation.public_cloud
        assert unanswered or self.frontend.pools.wait_for(lambda: vm.state in AT_REST, 30), action

    def new(self, vm_id: int) -> LocalVm:
        """Create VMs up to this id, so that ids are the recorded ones."""
        while (vm := self.frontend.add_vm(self.template)).id != vm_id:
            pass
        self.vms[vm_id] = vm
        return vm


@pytest.mark.parametrize("generation", ["5.10", "6.10", "7.2"])
def test_messages_are_those_of_a_real_oned(generation: str, tmp_path: Path) -> None:
    notes = tmp_path / "lines"
    playback = str(Path(__file__).with_name("playback_driver.py"))
    recording = str(DATA / f"vmm-{generation}.jsonl.gz")
    driver = [sys.executable, playback, recording, str(notes)]
    with FrontEnd(generation, driver=driver) as frontend:
        operator = Operator(frontend, frontend.add_host("burst1"))
        for event in recorded(generation):
            action, vm_id, *_ = event["line"].split()
            if action != "DRIVER_CANCEL":
                operator.cause(action, int(vm_id), parse(event["payload"]))
        var = str(frontend.home.var)
    sent = [line for line in notes.read_text().splitlines() if line != "INIT"]
    for line, event in zip(sent, recorded(generation), strict=True):
        assert comparable(line, var) == comparable(event["line"], var)
