"""Monitoring of 5.x: what an administrator sees of hosts and VMs after each answer."""

import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from tests.sandbox.frontends import TEMPLATE, FakeDriver

HOST = """HYPERVISOR=opennebula
PUBLIC_CLOUD=YES
TOTALCPU=5000
TOTALMEMORY=67108864
USEDCPU=50
USEDMEMORY=655360
FREECPU=4950
FREEMEMORY=-589824
VM_POLL=YES
"""


def format_vm(poll: str, vm_id: str = "0", deploy_id: str = "opennebula-hybrid-7") -> str:
    return f'VM=[ID="{vm_id}", DEPLOY_ID="{deploy_id}", VM_NAME=vm-{vm_id}, POLL="{poll}" ]\n'


class Scene:
    """A monitored host with one VM that runs on it."""

    def __init__(self, frontend: FrontEnd, host: LocalHost, im: FakeDriver) -> None:
        self.frontend = frontend
        self.host = host
        self._im = im
        self._answers = 0
        self.vm: LocalVm = frontend.add_vm(TEMPLATE)
        self.vm.deploy(host)
        self.vm.wait("RUNNING")

    def answer(self, text: str, *, result: str = "SUCCESS", pack: bool = False) -> None:
        """Monitor the host, answer with *text*, and wait until oned has taken the answer."""
        data = zlib.compress(text.encode()) if pack else text.encode()
        self._answers += 1
        mark = f"answer {self._answers} was taken"
        payload = b64encode(data).decode()
        self._im.tell(MONITOR=[f"MONITOR {result} {{id}} {payload}\n", f"LOG I 0 {mark}\n"])
        self.host.monitor()
        self.frontend.wait_for_log(mark)

    def vms(self, *polls: str) -> None:
        """Answer with the POLL strings of the VM."""
        self.answer(HOST + "".join(map(format_vm, polls)))


@pytest.fixture
def im(tmp_path: Path) -> FakeDriver:
    return FakeDriver(tmp_path / "im")


@contextmanager
def scene(tmp_path: Path, im: FakeDriver, clock: Clock | None = None) -> Iterator[Scene]:
    im.tell(MONITOR=["LOG I 0 asked for the first time\n"])
    driver = FakeDriver(tmp_path / "vmm")
    with FrontEnd("5.10", driver=driver.argv, im_driver=im.argv, clock=clock) as frontend:
        host = frontend.add_host("burst1")
        frontend.wait_for_log("asked for the first time")
        yield Scene(frontend, host, im)


@pytest.mark.parametrize("pack", [True, False])
def test_host_shows_what_the_answer_says(pack: bool, tmp_path: Path, im: FakeDriver) -> None:
    with scene(tmp_path, im) as on:
        assert on.host.state == "MONITORING_INIT"
        on.answer(HOST, pack=pack)
        assert on.host.state == "MONITORED"
        assert on.host.capacity == (5000, 67108864)
        assert on.host.usage["FREE_MEMORY"] == "-589824"
        names = {name for name, _ in on.host.template}
        assert {"HYPERVISOR", "PUBLIC_CLOUD"} < names
        assert not names & {"VM_POLL", "TOTALCPU", "FREEMEMORY"}
        datastores = on.frontend.home.var / "datastores"
        assert im.lines()[1] == f"MONITOR 0 burst1 {datastores} 1"


def test_failure_puts_the_host_into_error_until_it_succeeds(tmp_path: Path, im: FakeDriver) -> None:
    with scene(tmp_path, im) as on:
        on.answer("the remote is away", result="FAILURE")
        assert (on.host.state, on.vm.state) == ("ERROR", "UNKNOWN")
        assert on.host.error == "Error monitoring Host burst1 (0): the remote is away"
        on.vms("STATE=a CPU=12.5 MEMORY=131072")
        assert (on.host.state, on.host.error, on.vm.state) == ("MONITORED", "", "RUNNING")
        assert on.vm.monitoring.text("MEMORY") == "131072"


def test_answer_that_cannot_be_parsed_is_an_error(tmp_path: Path, im: FakeDriver) -> None:
    with scene(tmp_path, im) as on:
        on.answer('VM=[ID="0" POLL="STATE=d"]')
        assert on.host.state == "ERROR"
        assert on.host.error.startswith("Error parsing monitor information.")
        assert on.vm.state == "RUNNING"


@pytest.mark.parametrize(
    ("letter", "state"),
    [("a", "RUNNING"), ("p", "SUSPENDED"), ("e", "UNKNOWN"), ("d", "POWEROFF"), ("-", "RUNNING")],
)
def test_letter_moves_a_vm_that_runs(
    letter: str, state: str, tmp_path: Path, im: FakeDriver
) -> None:
    with scene(tmp_path, im) as on:
        on.vms(f"STATE={letter}")
        assert on.vm.state == state


def test_vm_that_was_off_must_be_seen_twice(tmp_path: Path, im: FakeDriver) -> None:
    with scene(tmp_path, im) as on:
        on.vm.act("poweroff")
        on.vm.wait("POWEROFF")
        on.vms("STATE=a")
        assert on.vm.state == "POWEROFF"
        on.vms("STATE=a")
        assert on.vm.state == "RUNNING"


def test_suspended_vm_stays_so(tmp_path: Path, im: FakeDriver) -> None:
    with scene(tmp_path, im) as on:
        on.vm.act("suspend")
        on.vm.wait("SUSPENDED")
        on.vms("STATE=a")
        on.vms("STATE=a")
        assert on.vm.state == "SUSPENDED"


def test_vm_is_lost_when_it_is_missing_twice(tmp_path: Path, im: FakeDriver) -> None:
    with scene(tmp_path, im) as on:
        on.vms("STATE=a")
        on.vms()
        on.vms("CPU=1")
        assert on.vm.state == "POWEROFF"


def test_vm_never_seen_is_asked_for_after_five_minutes(tmp_path: Path, im: FakeDriver) -> None:
    clock = Clock(virtual=True)
    with scene(tmp_path, im, clock) as on:
        on.vms()
        on.vms()
        assert on.vm.state == "RUNNING"
        clock.jump(301)
        on.vms()
        on.frontend.wait_for_log("Message received: POLL SUCCESS 0 -")


def test_several_records_of_a_vm_are_joined(tmp_path: Path, im: FakeDriver) -> None:
    with scene(tmp_path, im) as on:
        on.vms("STATE=a", "NETRX=5")
        assert on.vm.monitoring.text("NETRX") == "5"


def test_foreign_vms_are_wild_until_they_are_imported(tmp_path: Path, im: FakeDriver) -> None:
    told = HOST + format_vm("STATE=a") + format_vm("STATE=a", "-1", "opennebula-hybrid-9")
    with scene(tmp_path, im) as on:
        on.answer(told)
        assert on.host.template.text("WILDS") == "vm--1"
        assert on.host.template.vectors("VM")[0]["DEPLOY_ID"] == "opennebula-hybrid-9"
        wild = on.frontend.add_vm(TEMPLATE | {"IMPORT_VM_ID": "opennebula-hybrid-9"})
        wild.deploy(on.host)
        assert (wild.state, wild.deploy_id) == ("RUNNING", "opennebula-hybrid-9")
        on.answer(told.replace("STATE=a", "STATE=d"))
        assert wild.state == "POWEROFF"
        assert not on.host.template.text("WILDS")


def test_zombie_is_told_of_when_seen_twice(tmp_path: Path, im: FakeDriver) -> None:
    with scene(tmp_path, im) as on:
        on.answer(HOST + format_vm("STATE=a", "42"))
        assert not on.host.template.text("ZOMBIES")
        on.answer(HOST + format_vm("STATE=a", "42"))
        assert on.host.template.text("ZOMBIES") == "vm-42"


def test_hosts_are_asked_at_intervals_and_not_when_offline(tmp_path: Path, im: FakeDriver) -> None:
    im.tell(MONITOR=[f"MONITOR SUCCESS {{id}} {b64encode(HOST.encode()).decode()}\n"])
    clock = Clock(virtual=True)
    settings = MonitoringSettings(interval=60, timer=15)
    driver = FakeDriver(tmp_path / "vmm").argv
    with FrontEnd(
        "5.10", driver=driver, im_driver=im.argv, clock=clock, settings=settings
    ) as frontend:
        host = frontend.add_host("burst1")
        host.wait("MONITORED")
        clock.advance(59)
        assert host.state == "MONITORED"
        clock.advance(1)
        host.wait("MONITORED")
        host.set_status("offline")
        clock.advance(1000)
    sent = [line.partition(" /")[0] for line in im.lines()]
    monitors = ["MONITOR 0 burst1"] * 2
    assert sent == ["INIT", *monitors, "STOPMONITOR 0 burst1 ", "FINALIZE"]
