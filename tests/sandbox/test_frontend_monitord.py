"""Monitoring since 5.12: what an administrator sees after each message to monitord."""

import gzip
import json
import re
import socket
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from one2one.opennebula.states import RaftState
from one2one.opennebula.template import Value
from one2one.opennebula.xml import Element, parse
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from opennebula_sandbox.frontend.im.monitord import Monitord
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from tests.sandbox.frontend_recordings import DATA
from tests.sandbox.frontends import TEMPLATE, FakeDriver

GENERATIONS = ("6.10", "7.2")
SYSTEM = (
    "HYPERVISOR=opennebula\nPUBLIC_CLOUD=YES\nPRIORITY=-1\nTOTALCPU=5000\nTOTALMEMORY=67108864\n"
)
USAGE = "USEDCPU=50\nUSEDMEMORY=655360\nFREECPU=4950\nFREEMEMORY=66453504\n"
DEPLOY_ID = "opennebula-hybrid-7"
AGO = 31
"""Seconds after which oned trusts a report about a VM that it has moved."""


def pack(text: str) -> str:
    return b64encode(zlib.compress(text.encode())).decode()


def format_vm(state: str, vm_id: int | str = 0, deploy_id: str = DEPLOY_ID) -> str:
    return f'VM=[ ID="{vm_id}", DEPLOY_ID="{deploy_id}", STATE="{state}" ]\n'


class Scene:
    """A host that is monitored, with one VM that runs on it, a while ago."""

    def __init__(self, frontend: FrontEnd, vmm: FakeDriver) -> None:
        self.frontend = frontend
        self.vmm = vmm
        self.clock = frontend.clock
        self.host: LocalHost = frontend.add_host("burst1")
        assert isinstance(frontend.monitoring, Monitord)
        self.monitord = frontend.monitoring
        frontend.wait_for_log("asked to start")
        self.send("SYSTEM_HOST", SYSTEM)
        self.vm: LocalVm = frontend.add_vm(TEMPLATE)
        self.vm.deploy(self.host)
        self.vm.wait("RUNNING")
        self.clock.jump(AGO)

    def send(
        self,
        kind: str,
        text: str,
        *,
        status: str = "SUCCESS",
        timestamp: int | None = None,
        host_id: int = 0,
    ) -> None:
        """Have monitord take a message."""
        now = int(self.clock.now()) if timestamp is None else timestamp
        self.monitord.take(f"{kind} {status} {host_id} {now} {pack(text)}".encode())

    def states(self, *records: str) -> None:
        self.send("STATE_VM", "".join(records))


@pytest.fixture
def im(tmp_path: Path) -> FakeDriver:
    return FakeDriver(tmp_path / "im")


@contextmanager
def scene(
    generation: str, im: FakeDriver, tmp_path: Path, **settings: int | bool
) -> Iterator[Scene]:
    im.tell(START_MONITOR=[f"LOG I 0 0 {pack('asked to start')}\n"], STOP_MONITOR=[])
    vmm = FakeDriver(tmp_path / "vmm")
    with FrontEnd(
        generation,
        driver=vmm.argv,
        im_driver=im.argv,
        clock=Clock(virtual=True),
        settings=MonitoringSettings(**settings),  # type: ignore[arg-type]
    ) as frontend:
        yield Scene(frontend, vmm)


@pytest.fixture(params=GENERATIONS)
def on(request: pytest.FixtureRequest, im: FakeDriver, tmp_path: Path) -> Iterator[Scene]:
    with scene(request.param, im, tmp_path) as made:
        yield made


@pytest.fixture
def on_6(im: FakeDriver, tmp_path: Path) -> Iterator[Scene]:
    with scene("6.10", im, tmp_path) as made:
        yield made


@pytest.fixture
def on_7(im: FakeDriver, tmp_path: Path) -> Iterator[Scene]:
    with scene("7.2", im, tmp_path) as made:
        yield made


def elements(element: Element, path: str = "") -> Iterator[str]:
    """Yield the paths of the leaves, without those of drivers in the recorded cloud only."""
    for child in element:
        if len(child):
            yield from elements(child, f"{path}/{child.tag}")
        elif "IM_MAD/" not in f"{path}/{child.tag}".partition("CONFIGURATION")[2]:
            yield f"{path}/{child.tag}"


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("action", ["START_MONITOR", "STOP_MONITOR"])
def test_requests_are_those_of_a_real_monitord(
    generation: str, action: str, im: FakeDriver, tmp_path: Path
) -> None:
    with gzip.open(DATA / f"im-{generation}.jsonl.gz", "rt") as lines:
        events = [event for event in map(json.loads, lines) if event["dir"] == "core>mad"]
    told = next(event for event in events if event["line"].startswith(action))
    with scene(generation, im, tmp_path) as on:
        on.host.set_status("offline")
    sent = next(line for line in im.lines() if line.startswith(action))
    assert re.sub(r"\S+$", "", sent) == re.sub(r"\S+$", "", told["line"])
    document = zlib.decompress(b64decode(sent.split()[4]))
    assert list(elements(parse(document))) == list(elements(parse(told["payload"])))


@pytest.mark.parametrize("generation", GENERATIONS)
def test_answer_to_start_is_taken_as_a_real_one_was(
    generation: str, im: FakeDriver, tmp_path: Path
) -> None:
    with gzip.open(DATA / f"im-{generation}.jsonl.gz", "rt") as lines:
        answers = [json.loads(line).get("line", "") for line in lines]
    recorded = next(line for line in answers if line.startswith("START_MONITOR SUCCESS"))
    im.tell(START_MONITOR=[f"{recorded}\n"])
    driver = FakeDriver(tmp_path / "vmm").argv
    with FrontEnd(generation, driver=driver, im_driver=im.argv) as frontend:
        host = frontend.add_host("burst1")
        host.wait("MONITORED")
        assert host.capacity == (5000, 67108864)
        assert host.usage["FREE_MEMORY"] == "67108864"


def test_failed_start_puts_the_host_into_error(im: FakeDriver, tmp_path: Path) -> None:
    im.tell(START_MONITOR=[f"START_MONITOR FAILURE 0 1 {pack('no client')}\n"])
    driver = FakeDriver(tmp_path / "vmm").argv
    with FrontEnd("6.10", driver=driver, im_driver=im.argv) as frontend:
        host = frontend.add_host("burst1")
        host.wait("ERROR")
        assert host.error == "Error monitoring Host burst1 (0): "


def test_capacity_is_nothing_when_a_message_lacks_it(on: Scene) -> None:
    assert on.host.capacity == (5000, 67108864)
    on.send("SYSTEM_HOST", "HYPERVISOR=opennebula")
    assert on.host.capacity == (0, 0)


def test_negative_usage_wraps(on: Scene) -> None:
    on.send("MONITOR_HOST", USAGE.replace("4950", "-1"))
    assert on.host.usage["FREE_CPU"] == str(2**64 - 1)
    assert on.host.usage["USED_MEMORY"] == "655360"


@pytest.mark.parametrize("kind", ["BEACON_HOST", "MONITOR_HOST", "SYSTEM_HOST"])
def test_host_leaves_error_by_a_good_system_host_only(kind: str, on: Scene) -> None:
    on.send(kind, "the remote is away", status="FAILURE")
    assert (on.host.state, on.vm.state) == ("ERROR", "UNKNOWN")
    assert on.host.error == "Error monitoring Host burst1 (0): the remote is away"
    on.send(kind, "something else", status="FAILURE")
    assert on.host.error.endswith("the remote is away")
    on.send("MONITOR_HOST", USAGE)
    on.send("BEACON_HOST", "")
    assert on.host.state == "ERROR"
    on.send("SYSTEM_HOST", SYSTEM)
    assert (on.host.state, on.host.error, on.vm.state) == ("MONITORED", "", "UNKNOWN")
    on.states(format_vm("RUNNING"))
    assert on.vm.state == "RUNNING"


def test_disabled_host_stays_disabled(on: Scene) -> None:
    on.host.set_status("disable")
    on.send("SYSTEM_HOST", SYSTEM)
    on.send("MONITOR_HOST", "no", status="FAILURE")
    assert on.host.state == "DISABLED"
    on.host.set_status("enable")
    assert on.host.state == "MONITORED"


@pytest.mark.parametrize("kind", ["STATE_VM", "MONITOR_VM"])
def test_failure_to_see_vms_changes_nothing(kind: str, on: Scene) -> None:
    on.send(kind, "cannot tell", status="FAILURE")
    assert (on.host.state, on.vm.state) == ("MONITORED", "RUNNING")


def test_older_message_is_dropped(on: Scene) -> None:
    now = int(on.clock.now())
    on.send("STATE_VM", "", timestamp=now + 10)
    on.send("STATE_VM", format_vm("POWEROFF"), timestamp=now + 9)
    assert on.vm.state == "RUNNING"
    assert "out of order" in on.frontend.log[-1]
    on.send("STATE_VM", format_vm("POWEROFF"), timestamp=now + 10)
    assert on.vm.state == "POWEROFF"


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("RUNNING", "RUNNING"),
        ("POWEROFF", "POWEROFF"),
        ("SUSPENDED", "SUSPENDED"),
        ("FAILURE", "UNKNOWN"),
        ("UNKNOWN", "RUNNING"),
        ("WHATEVER", "RUNNING"),
    ],
)
def test_report_moves_a_vm_that_runs(told: str, state: str, on: Scene) -> None:
    on.states(format_vm(told))
    assert on.vm.state == state


@pytest.mark.parametrize("rest", ["poweroff", "suspend"])
def test_vm_at_rest_runs_again_when_it_is_seen(rest: str, on: Scene) -> None:
    on.vm.act(rest)
    on.vm.wait({"poweroff": "POWEROFF", "suspend": "SUSPENDED"}[rest])
    on.states(format_vm("RUNNING"))
    assert on.vm.state != "RUNNING"
    on.clock.jump(AGO)
    on.states(format_vm("RUNNING"))
    assert on.vm.state == "RUNNING"


def test_7_trusts_no_report_about_a_vm_that_started_just_now(on_7: Scene) -> None:
    on_7.vm.act("poweroff")
    on_7.vm.wait("POWEROFF")
    on_7.clock.jump(AGO)
    on_7.vm.act("resume")
    on_7.vm.wait("RUNNING")
    on_7.states(format_vm("POWEROFF"))
    assert on_7.vm.state == "RUNNING"
    on_7.clock.jump(AGO)
    on_7.states(format_vm("POWEROFF"))
    assert on_7.vm.state == "POWEROFF"


def test_report_finishes_what_the_driver_did_not(on: Scene) -> None:
    vm = on.vm
    on.vmm.tell(SHUTDOWN=[], DEPLOY=[])
    vm.act("poweroff")
    on.states(format_vm("POWEROFF"))
    assert vm.state == "POWEROFF"
    on.clock.jump(AGO)
    vm.act("resume")
    assert vm.state == "BOOT_POWEROFF"
    on.clock.jump(AGO)
    on.states(format_vm("RUNNING", deploy_id="opennebula-hybrid-8"))
    assert (vm.state, vm.deploy_id) == ("RUNNING", "opennebula-hybrid-8")


def test_deploy_id_is_taken_from_running_vms_only_in_7(on: Scene) -> None:
    on.states(format_vm("WHATEVER", deploy_id="other"))
    is_7 = on.frontend.release.version >= (7, 0)
    assert on.vm.deploy_id == (DEPLOY_ID if is_7 else "other")


def test_vm_of_another_host_is_left_alone(on: Scene) -> None:
    on.frontend.add_host("burst2")
    on.send("SYSTEM_HOST", SYSTEM, host_id=1)
    on.send("STATE_VM", format_vm("POWEROFF"), host_id=1)
    assert on.vm.state == "RUNNING"


@pytest.mark.parametrize(
    ("head", "state"),
    [
        ("SYNC_STATE=yes\nMISSING_STATE=UNKNOWN\n", "UNKNOWN"),
        ("SYNC_STATE=yes\nMISSING_STATE=POWEROFF\n", "POWEROFF"),
        ("SYNC_STATE=yes\n", "RUNNING"),
        ("MISSING_STATE=POWEROFF\n", "RUNNING"),
        ("", "RUNNING"),
    ],
)
def test_full_report_tells_of_missing_vms(head: str, state: str, on: Scene) -> None:
    on.states(head, format_vm("RUNNING", 42))
    assert on.vm.state == state
    full = "SYNC" in head and "MISSING" in head
    assert on.host.template.text("ZOMBIES") == ("42" if full else "")


def test_missing_vm_finishes_its_shutdown(on: Scene) -> None:
    on.vmm.tell(SHUTDOWN=[])
    on.vm.act("terminate")
    on.states("SYNC_STATE=yes\nMISSING_STATE=POWEROFF\n")
    assert on.vm.state == "DONE"


def test_id_below_zero_is_looked_up_by_deploy_id_until_6(on_6: Scene) -> None:
    template: dict[str, Value] = TEMPLATE | {"DEPLOY_ID": "opennebula-hybrid-9"}
    wild = 'VM=[ ID="-1", DEPLOY_ID="opennebula-hybrid-9", VM_NAME="w", IMPORT_TEMPLATE="eA==" ]\n'
    on_6.send("SYSTEM_HOST", SYSTEM + wild)
    assert on_6.host.template.text("WILDS") == "w"
    imported = on_6.frontend.add_vm(template)
    imported.deploy(on_6.host)
    assert imported.state == "RUNNING"
    on_6.send("SYSTEM_HOST", SYSTEM + wild)
    assert on_6.host.template.text("WILDS") == ""
    on_6.clock.jump(AGO)
    on_6.states(
        format_vm("POWEROFF", -1, "opennebula-hybrid-9"), format_vm("POWEROFF", -1, "nobody")
    )
    assert imported.state == "POWEROFF"


def test_id_below_zero_is_a_complaint_and_a_zombie_in_7(on_7: Scene) -> None:
    on_7.states("SYNC_STATE=yes\nMISSING_STATE=UNKNOWN\n", format_vm("POWEROFF", -1))
    assert any("Unable to find VM, id: -1" in line for line in on_7.frontend.log)
    assert on_7.host.template.text("ZOMBIES") == "-1"
    assert on_7.vm.state == "UNKNOWN"


def test_usage_of_vms_is_merged_over_what_is_known(on: Scene) -> None:
    for text in ('CPU="12.5"\nMEMORY="131072"', 'CPU="13"\nGUEST_IP="10.0.0.1"'):
        monitor = b64encode(text.encode()).decode()
        on.send("MONITOR_VM", f'VM=[ ID="0", DEPLOY_ID="{DEPLOY_ID}", MONITOR="{monitor}" ]')
    shown = dict(on.vm.monitoring)
    assert {name: shown[name] for name in ("CPU", "MEMORY", "GUEST_IP", "ID")} == {
        "CPU": "13",
        "MEMORY": "131072",
        "GUEST_IP": "10.0.0.1",
        "ID": "0",
    }
    document = parse(str(on.frontend.call("one.vm.info", on.vm.id)))
    assert document.findtext("MONITORING/GUEST_IP") == "10.0.0.1"


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("MONITOR_HOST", "ERROR"),
        ("MONITOR_VM", "ERROR"),
        ("SYSTEM_HOST", "MONITORED"),
        ("STATE_VM", "MONITORED"),
    ],
)
def test_text_that_cannot_be_parsed(kind: str, state: str, on: Scene) -> None:
    on.send(kind, 'VM=[ ID="0" STATE="POWEROFF" ]')
    assert on.host.state == state
    assert any(f"Error parsing {kind}" in line for line in on.frontend.log)


@pytest.mark.parametrize(
    "garbage", [b"", b"\xff\xfe", b"STATE_VM SUCCESS 0 1 %%%", b"STATE_VM SUCCESS x y z", b"HELLO"]
)
def test_garbage_is_noted_and_nothing_else(garbage: bytes, on_6: Scene) -> None:
    on_6.monitord.take(garbage)
    on_6.send("STATE_VM", "", host_id=99)
    assert (on_6.host.state, on_6.vm.state) == ("MONITORED", "RUNNING")


def by_udp(port: int, data: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(data, ("127.0.0.1", port))


def by_tcp(port: int, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(data)


@pytest.mark.parametrize("transport", [by_udp, by_tcp])
def test_messages_come_by_either_transport(
    transport: Callable[[int, bytes], None], on: Scene
) -> None:
    message = f"STATE_VM SUCCESS 0 {int(time.time())} {pack(format_vm('SUSPENDED'))}"
    transport(on.monitord.port, message.encode())
    on.vm.wait("SUSPENDED")


def test_big_message_comes_by_tcp(on: Scene) -> None:
    noise = b64encode(Random(0).randbytes(200_000)).decode()
    text = pack(f'X="{noise}"\n' + format_vm("SUSPENDED"))
    message = f"STATE_VM SUCCESS 0 {int(time.time())} {text}"
    assert len(message) > 1 << 16
    by_tcp(on.monitord.port, message.encode())
    on.vm.wait("SUSPENDED")


def test_messages_may_be_encrypted(im: FakeDriver, tmp_path: Path) -> None:
    with scene("6.10", im, tmp_path, encrypted=True) as on:
        start = next(line for line in im.lines() if line.startswith("START_MONITOR"))
        document = parse(zlib.decompress(b64decode(start.split()[4])))
        key = load_pem_public_key((document.findtext(".//PUBKEY") or "").encode())
        assert isinstance(key, RSAPublicKey)
        text = (format_vm("SUSPENDED") + "X=" + "a" * 1000).encode()
        size = key.key_size // 8 - 11
        blocks = (text[at : at + size] for at in range(0, len(text), size))
        data = b"".join(key.encrypt(block, PKCS1v15()) for block in blocks)
        payload = b64encode(zlib.compress(data)).decode()
        on.monitord.take(f"STATE_VM SUCCESS 0 0 {payload}".encode())
        assert on.vm.state == "SUSPENDED"


def test_silent_host_is_started_again(im: FakeDriver, tmp_path: Path) -> None:
    with scene("6.10", im, tmp_path, interval=180, timer=15) as on:
        on.send("MONITOR_HOST", USAGE)
        on.clock.advance(170)
        on.send("BEACON_HOST", "")
        on.clock.advance(170)
        on.clock.advance(30)
        on.host.set_status("offline")
        on.clock.advance(1000)
        on.send("SYSTEM_HOST", SYSTEM)
        assert on.host.state == "OFFLINE"
        on.host.set_status("enable")
    assert im.read_sent()[1:-1] == [
        "START_MONITOR -",
        "START_MONITOR -",
        "STOP_MONITOR -",
        "START_MONITOR -",
    ]


def test_host_that_oned_changes_counts_as_heard_of(im: FakeDriver, tmp_path: Path) -> None:
    with scene("6.10", im, tmp_path, interval=180, timer=15) as on:
        on.send("MONITOR_HOST", USAGE)
        asked = len(im.read_sent())
        for _ in range(10):
            on.clock.advance(100)
            on.vm.act("terminate")
            on.vm.wait("DONE")
            on.clock.advance(100)
            on.vm = on.frontend.add_vm(TEMPLATE)
            on.vm.deploy(on.host)
            on.vm.wait("RUNNING")
        assert len(im.read_sent()) == asked
        on.host.update(NOTE="x")
        on.clock.advance(170)
        assert len(im.read_sent()) == asked
        on.frontend.log.clear()
        on.clock.advance(30)
        on.frontend.wait_for_log("asked to start")
    assert im.read_sent()[asked:-1] == ["START_MONITOR -"]


def test_host_is_not_asked_about_after_a_restart_of_oned(im: FakeDriver, tmp_path: Path) -> None:
    with scene("7.2", im, tmp_path, interval=180, timer=15) as on:
        on.frontend.restart()
        on.send("MONITOR_HOST", USAGE)
        on.clock.advance(170)
    assert im.read_sent() == ["INIT", "START_MONITOR -", "INIT", "FINALIZE"]


def test_follower_asks_for_nothing_and_writes_nothing(on: Scene) -> None:
    on.frontend.set_raft_state(RaftState.FOLLOWER)
    on.send("MONITOR_HOST", USAGE)
    on.states(format_vm("POWEROFF"))
    on.clock.advance(1000)
    assert on.vm.state == "RUNNING"
    assert "FREE_CPU" not in on.host.usage
    assert "Tried to modify DB being a follower" in on.frontend.log[-1]
    on.frontend.set_raft_state(RaftState.LEADER)
    on.states(format_vm("POWEROFF"))
    assert on.vm.state == "POWEROFF"
