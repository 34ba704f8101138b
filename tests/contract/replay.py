"""Recorded messages, and both clouds in the state that a message needs."""

import gzip
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from one2one.hybrid.naming import parse_deploy_id
from one2one.mad.scripts.layout import write_scripts
from one2one.opennebula.records import Vm
from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from one2one.opennebula.template import Template, to_xml
from one2one.opennebula.xml import Element, parse
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.objects import HistoryRecord
from opennebula_sandbox.cloud.objects import Vm as LocalVm
from opennebula_sandbox.frontend.frontend import FrontEnd

DATA = Path(__file__).parent.parent / "data"
GENERATIONS = ("5.10", "6.10", "7.2")

BEFORE: dict[LcmState, tuple[str, State]] = {
    LcmState.BOOT_POWEROFF: ("poweroff", State(VmState.POWEROFF)),
    LcmState.BOOT_UNDEPLOY: ("undeploy", State(VmState.UNDEPLOYED)),
    LcmState.BOOT_SUSPENDED: ("suspend", State(VmState.SUSPENDED)),
    LcmState.BOOT_STOPPED: ("stop", State(VmState.STOPPED)),
}
"""What had been done to the remote VM of a local VM in this state; to all others nothing."""
AFTER: dict[LcmState, State] = {
    LcmState.SHUTDOWN: State(VmState.DONE),
    LcmState.SHUTDOWN_POWEROFF: State(VmState.POWEROFF),
    LcmState.SHUTDOWN_UNDEPLOY: State(VmState.UNDEPLOYED),
    LcmState.SAVE_SUSPEND: State(VmState.SUSPENDED),
    LcmState.SAVE_STOP: State(VmState.STOPPED),
}
"""Where the action asked for in this state brings the remote VM; all others leave it RUNNING."""
SCRIPTS = {
    "ATTACHNIC": ("attach_nic", "prereconfigure", "reconfigure"),
    "CLEANUP": ("cancel",),
    "DETACHNIC": ("detach_nic", "prereconfigure", "reconfigure"),
    "SNAPSHOTCREATE": ("snapshot_create",),
    "SNAPSHOTDELETE": ("snapshot_delete",),
    "SNAPSHOTREVERT": ("snapshot_revert",),
    "UPDATECONF": ("prereconfigure", "reconfigure"),
    "ATTACHDISK": ("attach_disk",),
}
"""Which scripts the stock shell runs for an action, if not the one of its name."""


def read_processes(generation: str) -> list[list[dict[str, Any]]]:
    """Return what oned wrote to each of its drivers, the driver's argument first."""
    found: list[list[dict[str, Any]]] = []
    with gzip.open(DATA / f"vmm-{generation}.jsonl.gz", "rt") as lines:
        for event in map(json.loads, lines):
            if event["dir"] == "argv":
                found.append([event])
            elif event["dir"] == "core>mad":
                found[-1].append(event)
    return found


@dataclass(frozen=True)
class Call:
    """A script as the stock shell ran it."""

    name: str
    argv: list[str]
    stdin: bytes
    document: Element
    """oned's message."""


def read_script_calls(generation: str) -> list[Call]:
    """Return the recorded calls, each with its message in the encoding of that shell."""
    told = (DATA / f"scripts-{generation}.txt").read_text().splitlines()
    messages = [e for process in read_processes(generation) for e in process if e.get("payload")]
    calls = []
    for line in told:
        name, argv = line.split()[0], re.findall("<([^>]*)>", line)
        event = next(e for e in messages if _runs(e["line"].split(), name, argv[-2]))
        del messages[: messages.index(event)]
        if name == _scripts(event["line"].split()[0])[-1]:
            del messages[0]
        document = parse(event["payload"])
        text = event["payload"]
        if name == "deploy":
            text = re.search("<VM>.*</VM>", text, re.DOTALL)[0]  # type: ignore[index]
        stdin = b64encode(text.encode())
        if generation == "5.10":
            stdin = re.sub(b"(.{60})", b"\\1\n", stdin) + b"\n"
        message = b64encode(event["payload"].encode()).decode()
        argv = [message if word == "message" else word for word in argv]
        calls.append(Call(name, argv, stdin, document))
    return calls


def _runs(words: list[str], script: str, vm_id: str) -> bool:
    return words[1] == vm_id and script in _scripts(words[0])


def _scripts(action: str) -> tuple[str, ...]:
    return SCRIPTS.get(action, (action.lower(),))


@dataclass(frozen=True)
class RecordedClouds:
    """The two clouds."""

    cloud: SimulatedCloud
    frontend: FrontEnd
    remotes: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a driver inherits from the local oned."""
        return self.frontend.home.environment(self.frontend.endpoint)

    def prepare(self, document: Element) -> int | None:
        """Make what *document*, a driver message, speaks of; return the remote VM's id."""
        found = document.find("VM")
        assert found is not None
        vm = Vm.read(found)
        self._make_local(vm)
        deploy_id = document.findtext("DEPLOY_ID") or vm.deploy_id
        number = self._make_remote(vm, parse_deploy_id(deploy_id)) if deploy_id else None
        self.cloud.calls.clear()
        return number

    def is_done(self, action: str, document: Element, remote: int) -> bool:
        """Tell whether *action* brought the remote VM to where it is to be.

        It must be there already, but a VM that is to run may still wait for its scheduler.
        """
        lcm = LcmState(int(document.findtext("VM/LCM_STATE") or "0"))
        after = State(VmState.DONE) if action == "CLEANUP" else AFTER.get(lcm, RUNNING)
        if after == RUNNING:
            return self.cloud.wait_for(remote, RUNNING)
        return self.cloud.vms[remote].state == after

    def _make_local(self, vm: Vm) -> None:
        (place,) = vm.history
        stays = [
            HistoryRecord("burst1", place.host_id, vm.stime) for _ in range(place.sequence + 1)
        ]
        with self.frontend.clock.lock:
            self.frontend.pools.vms[vm.id] = LocalVm(
                id=vm.id,
                uid=0,
                gid=0,
                uname="oneadmin",
                gname="oneadmin",
                name=vm.name,
                stime=vm.stime,
                template=vm.template,
                user_template=vm.user_template,
                state=vm.state,
                deploy_id=vm.deploy_id,
                history=stays,
            )

    def _make_remote(self, vm: Vm, number: int) -> int:
        """Make the remote VM as the Ruby driver did, which these messages were recorded with."""
        marks = Template([("REMOTE_OPENNEBULA", "YES"), ("REMOTE_OPENNEBULA_VM_ID", str(vm.id))])
        self.cloud.vms.next_id = number
        remote = self.cloud.instantiate(0, f"remote-opennebula-{vm.id}", to_xml(marks))
        assert self.cloud.wait_for(remote.id, RUNNING)
        if before := BEFORE.get(LcmState(vm.state.lcm_state)):
            action, state = before
            self.cloud.act(remote.id, action)
            assert self.cloud.wait_for(remote.id, state)
        return remote.id


@contextmanager
def open_clouds(generation: str) -> Iterator[RecordedClouds]:
    """Give a remote cloud and a front-end of one release, with a host and no driver."""
    with ExitStack() as stack:
        remotes = Path(stack.enter_context(TemporaryDirectory(prefix="one2one-")))
        write_scripts(remotes)
        (remotes / "im").rename(remotes / "unused")  # no monitoring here
        cloud = stack.enter_context(SimulatedCloud(generation))
        frontend = stack.enter_context(FrontEnd(generation, remotes=remotes))
        frontend.add_host(
            "burst1",
            ONE_ENDPOINT=cloud.endpoint,
            ONE_USER=cloud.user,
            ONE_PASSWORD=cloud.password,
        )
        yield RecordedClouds(cloud, frontend, remotes)
