"""Repeats on a front-end what the operators of recorded clouds did to hybrid VMs."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from one2one.opennebula.states import LcmState
from one2one.opennebula.xml import Element, read_integer
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from tests.sandbox.frontends import TEMPLATE

DATA = Path(__file__).parent.parent / "data"
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


def read_recorded_lives(generation: str) -> list[dict[str, Any]]:
    """Return the messages about the VMs that were recorded from their start."""
    known: set[str] = set()
    events = []
    with gzip.open(DATA / f"vmm-{generation}.jsonl.gz", "rt") as lines:
        for event in map(json.loads, lines):
            words = event.get("line", "").split()
            if event["dir"] == "core>mad" and len(words) > 1:
                known |= {words[1]} if words[0] == "DEPLOY" else set()
                events += [event] if words[1] in known else []
    return events


class Operator:
    """Does what the operator of the recorded cloud did."""

    def __init__(self, frontend: FrontEnd, host: LocalHost) -> None:
        self.frontend = frontend
        self.host = host
        self.template = frontend.add_template(TEMPLATE)
        self.vms: dict[int, LocalVm] = {}

    def cause(self, action: str, vm_id: int, document: Element) -> None:
        """Do what makes oned send *action*, and wait for its end."""
        lcm = LcmState(read_integer(document, "VM/LCM_STATE"))
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
                lease = {name: nic[name] for name in ("IP", "MAC") if name in nic}
                vm.attach_nic(NETWORK="public", **lease)
            case other:
                SIMPLE[other](vm)
        unanswered = action == "ATTACHDISK" and self.frontend.release.public_cloud
        assert unanswered or self.frontend.pools.wait_for(lambda: vm.state in AT_REST, 30), action

    def new(self, vm_id: int) -> LocalVm:
        """Create VMs up to this id, so that ids are the recorded ones."""
        while (vm := self.frontend.add_vm(self.template)).id != vm_id:
            pass
        self.vms[vm_id] = vm
        return vm
