"""``one2one drain``: what it leaves, what it brings off, and its exit status."""

import json
import subprocess
from typing import Any

import pytest

from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from tests.admin.clouds import Clouds
from tests.admin.test_adopt import list_marks

COLUMNS = ("state", "remote_state", "outcome")


def drain(clouds: Clouds, *arguments: str, status: int = 0) -> tuple[list[tuple[Any, ...]], str]:
    """Run it, and return the rows and what it says on the way."""
    done: subprocess.CompletedProcess[str] = clouds.run("drain", "burst1", *arguments, "--json")
    assert done.returncode == status, done.stderr
    rows = json.loads(done.stdout)
    return [tuple(row[name] for name in COLUMNS) for row in rows], done.stderr


def test_the_host_is_disabled_and_what_is_left_is_listed(clouds: Clouds) -> None:
    host = clouds.add_host()
    clouds.run_vm(host)
    rows, _ = drain(clouds, "--dry-run")
    assert host.state != "DISABLED"
    again, said = drain(clouds)
    assert rows == again == [("RUNNING", "RUNNING", "is left")]
    assert (host.state, said) == ("DISABLED", "host burst1 is disabled\n")
    assert drain(clouds)[1] == ""
    [row] = json.loads(clouds.output("drain", "burst1", "--json"))
    assert (row["id"], row["name"], row["owner"], row["remote_id"]) == (0, "web", "oneadmin", 0)


@pytest.mark.parametrize(
    ("way", "state", "done", "off"),
    [
        ("--poweroff", "POWEROFF", "is powered off", "is SUSPENDED"),
        ("--undeploy", "UNDEPLOYED", "is undeployed", "is SUSPENDED, and cannot be undeployed"),
        ("--release", "DONE", "is released", "is released"),
    ],
)
def test_vms_are_brought_off(clouds: Clouds, way: str, state: str, done: str, off: str) -> None:
    host = clouds.add_host()
    clouds.run_vm(host)
    suspended = clouds.run_vm(host)
    suspended.act("suspend")
    suspended.wait("SUSPENDED")
    status = 255 if "cannot" in off else 0
    foreseen, _ = drain(clouds, way, "--dry-run")
    assert [row[0] for row in foreseen] == ["RUNNING", "SUSPENDED"]
    assert foreseen[0][2] == f"would be {done.removeprefix('is ')}"
    (first, second), said = drain(clouds, way, status=status)
    assert (first[0], first[2]) == (state, done)
    assert second[2] == off
    assert f"of 2: VM 0 {done}" in said
    assert drain(clouds, way, status=status)[0] == (
        [] if way == "--release" else [(state, state, f"is {state}"), second]
    )
    if way == "--release":
        assert clouds.remote.vms[0].state == RUNNING
        assert not any(list_marks(vm) for vm in clouds.remote.vms)


def test_a_guest_that_does_not_follow_is_told_by_the_timeout(newest: Clouds) -> None:
    newest.run_vm(newest.add_host(ONE_SHUTDOWN_TIMEOUT="60"))
    newest.remote.machine.delay = 60
    [row], said = drain(newest, "--poweroff", "--timeout", "1", status=124)
    assert row[2] == "is not powered off after 1 s"
    assert said == "host burst1 is disabled\n"


def test_a_refusal_is_told_and_does_not_keep_the_others(newest: Clouds) -> None:
    host = newest.add_host()
    newest.run_vm(host), newest.run_vm(host)
    with newest.front_end.clock.lock:
        stored = newest.front_end.pools.find_vm(0)
        stored.state = State(VmState.ACTIVE, LcmState.BOOT_FAILURE)
    (first, second), _ = drain(newest, "--poweroff", "--hard", status=255)
    assert first[2] == "is BOOT_FAILURE, and cannot be powered off"
    assert second[2] == "is powered off"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("burst9", "there is no hybrid host burst9"),
        ("burst1 --hard", "--hard is for --poweroff and --undeploy"),
        ("burst1 --release --hard", "--hard is for --poweroff and --undeploy"),
        ("burst1 --poweroff --timeout 0", "0 is not in the range"),
    ],
)
def test_wrong_arguments_change_nothing(newest: Clouds, arguments: str, said: str) -> None:
    host = newest.add_host()
    assert said in newest.failure("drain", *arguments.split())
    assert host.state != "DISABLED"


def test_two_ways_at_once_are_refused(newest: Clouds) -> None:
    newest.add_host()
    assert "one of --poweroff, --undeploy, --release" in newest.failure(
        "drain", "burst1", "--poweroff", "--release"
    )


def test_a_remote_that_is_away_is_no_obstacle_to_a_list(newest: Clouds) -> None:
    newest.run_vm()
    newest.remote.server.stop()
    assert drain(newest)[0] == [("RUNNING", "", "is left")]
    rows, _ = drain(newest, "--release", status=255)
    assert rows[0][2].startswith("cannot be released: ")
