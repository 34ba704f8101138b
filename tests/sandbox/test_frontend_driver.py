"""The front-end starts, reads and restarts a driver process as the oned of each release does."""

import json
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.mad import Mad, OnedDoesNotStart
from tests.sandbox.frontends import GENERATIONS, TEMPLATE, FakeDriver, running

REPORT = """
import hashlib, json, os, sys
try:
    os.fstat(2)
    stderr = "open"
except OSError:
    stderr = "closed"
os.write(1, b"INIT SUCCESS\\n")
sys.stdin.readline()
auth = hashlib.sha256(open(os.environ["ONE_AUTH"], "rb").read()).hexdigest()
report = {"argv": sys.argv[1:], "stderr": stderr, "auth": auth}
report |= {name: os.environ[name] for name in ("ONE_LOCATION", "ONE_XMLRPC")}
number = sys.stdin.readline().split()[1]
os.write(1, f"LOG I {number} {json.dumps(report)}\\n".encode())
sys.stdin.read()
"""


@pytest.fixture
def fake_driver(tmp_path: Path) -> FakeDriver:
    return FakeDriver(tmp_path)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_driver_gets_one_argument_and_no_stderr(generation: str) -> None:
    with FrontEnd(generation, driver=[sys.executable, "-c", REPORT]) as frontend:
        vm = frontend.add_vm(TEMPLATE)
        vm.deploy(frontend.add_host("burst1"))
        vm.wait_for_log("argv")
        report = json.loads(vm.log[-1][vm.log[-1].index("{") :])
        assert report == {
            "argv": ["-t 15 -r 0 one"],
            "stderr": "closed",
            "auth": sha256(f"{frontend.session}\n".encode()).hexdigest(),
            "ONE_LOCATION": str(frontend.home.path),
            "ONE_XMLRPC": frontend.endpoint,
        }


@pytest.mark.parametrize(
    ("generation", "answer", "starts"),
    [
        ("5.10", ["INIT SUCCESS - -\n"], True),
        ("5.10", ["INIT ", "SUCCESS\n"], True),
        ("5.10", ["INIT WHATEVER\n"], True),
        ("5.10", ["INIT FAILURE no\n"], False),
        ("5.10", ["HELLO\n"], False),
        ("5.10", ["exit"], False),
        ("6.10", ["INIT SUCCESS - -\n"], True),
        ("6.10", ["INIT WHATEVER\n"], False),
        ("6.10", ["LOG I - hello\n", "INIT SUCCESS\n"], False),
        ("6.10", ["INIT FAILURE\n"], False),
        ("7.2", ["INIT SUCCESS\n"], True),
        ("7.2", ["INIT SUCCES\n"], False),
        ("7.2", ["exit"], False),
    ],
)
def test_handshake_decides_whether_oned_starts(
    generation: str, answer: list[str], starts: bool, fake_driver: FakeDriver
) -> None:
    fake_driver.tell(INIT=answer)
    frontend = FrontEnd(generation, driver=fake_driver.argv)
    if starts:
        with frontend:
            assert fake_driver.read_sent() == ["INIT"]
    else:
        with pytest.raises(OnedDoesNotStart), frontend:
            pass


@pytest.mark.parametrize("generation", GENERATIONS)
def test_driver_that_dies_is_started_again_and_its_action_lost(
    generation: str, fake_driver: FakeDriver
) -> None:
    fake_driver.tell(DEPLOY=["exit"])
    with FrontEnd(generation, driver=fake_driver.argv) as frontend:
        driver = frontend.driver
        assert isinstance(driver, Mad)
        vm = frontend.add_vm(TEMPLATE)
        vm.deploy(frontend.add_host("burst1"))
        frontend.wait_for_log("Driver restarted")
        assert (driver.starts, vm.state) == (2, "BOOT")
        vm.recover("failure")
        fake_driver.tell()
        vm.recover("retry")
        vm.wait("RUNNING")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_killed_driver_has_a_successor_at_once(generation: str, fake_driver: FakeDriver) -> None:
    with running(generation, fake_driver) as (frontend, vm):
        driver = frontend.driver
        assert isinstance(driver, Mad)
        driver.kill()
        assert driver.starts == 2
        vm.act("suspend")
        vm.wait("SUSPENDED")


def test_oned_that_is_killed_says_nothing_and_keeps_its_database(fake_driver: FakeDriver) -> None:
    with running("6.10", fake_driver) as (frontend, vm):
        endpoint = frontend.endpoint
        fake_driver.tell(SAVE=[])
        vm.act("suspend")
        frontend.restart(pause=lambda: fake_driver.tell())
        assert "FINALIZE" not in fake_driver.read_sent()
        assert (vm.state, frontend.endpoint) == ("SAVE_SUSPEND", endpoint)
        vm.recover("failure")
        vm.act("suspend")
        vm.wait("SUSPENDED")


def test_5_takes_a_pause_within_a_line_for_death(fake_driver: FakeDriver) -> None:
    fake_driver.tell(DEPLOY=["DEPLOY SUCC"])
    with FrontEnd("5.10", driver=fake_driver.argv) as frontend:
        frontend.add_vm(TEMPLATE).deploy(frontend.add_host("burst1"))
        frontend.wait_for_log("Driver restarted")
        assert fake_driver.read_sent() == ["INIT", "DEPLOY 0", "FINALIZE", "INIT"]


def test_6_waits_for_the_rest_of_a_line(fake_driver: FakeDriver) -> None:
    fake_driver.tell(DEPLOY=["DEPLOY SUCC"], CANCEL=["ESS 0 opennebula-hybrid-8\n"])
    with FrontEnd("6.10", driver=fake_driver.argv) as frontend:
        vm = frontend.add_vm(TEMPLATE)
        vm.deploy(frontend.add_host("burst1"))
        frontend.driver.send("CANCEL  0 ")
        vm.wait("RUNNING")
        assert vm.deploy_id == "opennebula-hybrid-8"


@pytest.mark.parametrize("generation", GENERATIONS)
def test_driver_ends_with_the_frontend(generation: str, fake_driver: FakeDriver) -> None:
    with running(generation, fake_driver) as (frontend, _):
        driver = frontend.driver
    assert isinstance(driver, Mad)
    assert driver.exit_status == 0
    assert fake_driver.read_sent()[-1] == "FINALIZE"


def test_driver_that_does_not_end_is_killed(fake_driver: FakeDriver) -> None:
    stubborn = "import os, signal\nos.write(1, b'INIT SUCCESS\\n')\nwhile True: signal.pause()\n"
    with FrontEnd("6.10", driver=[sys.executable, "-c", stubborn]) as frontend:
        driver = frontend.driver
    assert isinstance(driver, Mad)
    assert driver.exit_status == -9


@pytest.mark.parametrize(
    ("generation", "line", "where"),
    [
        ("5.10", "LOG E 0 to the VM", "vm E"),
        ("5.10", "LOG W 0 to the VM", "vm I"),
        ("5.10", "LOG I - to oned", "oned I"),
        ("5.10", "LOG I -1 to nobody", None),
        ("6.10", "LOG W 0 to the VM", "vm W"),
        ("6.10", "LOG X 0 to the VM", "vm I"),
        ("6.10", "LOG D -1 to oned", "oned D"),
        ("6.10", "LOG I - really to VM 0", "vm I"),
        ("7.2", "LOG E 0 to the VM", "vm E"),
    ],
)
def test_log_lines_go_where_each_generation_puts_them(
    generation: str, line: str, where: str | None, fake_driver: FakeDriver
) -> None:
    fake_driver.tell(REBOOT=[f"{line}\n", "RESET SUCCESS {id} -\n"])
    with running(generation, fake_driver) as (frontend, vm):
        vm.act("reboot")
        vm.wait_for_log("VM successfully rebooted-hard.")
        text = f"]: {line.split(maxsplit=3)[3]}"
        logs = {"vm": vm.log, "oned": frontend.log}
        found = [
            f"{name} {entry[entry.index('[VMM][') + 6]}"
            for name, entries in logs.items()
            for entry in entries
            if entry.endswith(text)
        ]
        assert found == ([where] if where else [])
