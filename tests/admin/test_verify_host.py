"""``one2one verify --host``: through a local oned, which is simulated here."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from one2one.opennebula.states import State, VmState
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.vm.machine import IGNORES_ACPI
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from tests.admin.clouds import DRIVER, HYBRID, Clouds
from tests.admin.command import ONE2ONE
from tests.admin.stock import FrontEnd as Files
from tests.admin.stock import unpack

DONE = State(VmState.DONE)
IM_DRIVER = str(Path(sys.executable).with_name("one_im_one2one"))
PERIODS = MonitoringSettings(
    interval=1, timer=1, beacon_host=1, monitor_host=2, state_vm=1, monitor_vm=1
)
COMMAND = ("verify", "--host", "burst1", "--template", "0", "--timeout", "20", "--later", "0")
Results = dict[str, tuple[str, str]]
"""A check's verdict and finding, by its name."""


@contextmanager
def open_clouds(generation: str, delay: float = 0.02, **attributes: str) -> Iterator[Clouds]:
    """Give both sides, monitored, with a host and a hybrid template."""
    with (
        SimulatedCloud(generation, delay=delay) as remote,
        FrontEnd(generation, driver=[DRIVER], im_driver=[IM_DRIVER], settings=PERIODS) as front_end,
    ):
        clouds = Clouds(front_end, remote)
        host = clouds.add_host(**attributes)
        front_end.add_template(HYBRID)
        host.wait("MONITORED")
        yield clouds


def results(done: CompletedProcess[str]) -> Results:
    rows = json.loads(done.stdout)
    return {row["check"]: (row["verdict"], row["text"]) for row in rows}


def verify(clouds: Clouds, *arguments: str) -> Results:
    return results(clouds.run(*COMMAND, "--quick", "--json", *arguments))


def of(verdict: str, found: Results) -> set[str]:
    return {check for check, (its, _) in found.items() if its == verdict}


def assert_nothing_is_left(clouds: Clouds) -> None:
    assert all(vm.state == DONE for vm in clouds.remote.vms)
    assert all(vm.state == DONE for vm in clouds.front_end.pools.vms.values())


def test_a_sound_host_refuses_what_it_does_not_pass_through() -> None:
    generation = "5.10"
    with open_clouds(generation) as clouds:
        home = clouds.front_end.home
        unpack(Files(home.path, home.path / "etc", home.path / "lib", home.var, {}), generation)
        clouds.output("install", "--yes")
        found = verify(clouds)
        assert of("failed", found) <= {"driver processes"}  # they run, but from elsewhere
        for check in ("snapshot-create", "resize", "updateconf", "disk-attach"):
            assert found[check][0] == "passed"
            assert "refused" in found[check][1]
        assert "drivers: resident" in found["releases"][1]
        assert_nothing_is_left(clouds)


def test_what_is_passed_through_arrives() -> None:
    with open_clouds("6.10", ONE_PASS_THROUGH="SNAPSHOT RESIZE UPDATECONF DISK NIC") as clouds:
        clouds.remote.machine.live_resize = True
        there = next(iter(clouds.remote.oned.resources.networks))
        here = clouds.front_end.add_network("here", "10.9.9.10", ONE_REMOTE_NETWORK=str(there))
        found = verify(clouds, "--network", str(here))
        for check in (
            *("snapshot-create", "snapshot-delete", "resize", "updateconf"),
            *("disk-attach", "disk-resize", "disk-detach", "nic-attach", "nic-detach"),
        ):
            assert found[check][0] == "passed", (check, found[check])
            assert "refused" not in found[check][1]
        assert_nothing_is_left(clouds)


def test_guests_without_a_power_button_fail_what_needs_one() -> None:
    with open_clouds("6.10") as clouds:
        clouds.remote.machine.shutdown_timeout = 0.2
        clouds.remote.oned.templates[0].template.add(IGNORES_ACPI, "YES")
        found = verify(clouds)
        assert of("failed", found) >= {"poweroff", "undeploy", "terminate"}
        assert {"suspend", "poweroff, hard", "recreate", "delete"} <= of("passed", found)
        assert "did not follow" in found["poweroff"][1]
        assert_nothing_is_left(clouds)


def test_a_vm_that_was_terminated_while_off_is_waited_for() -> None:
    with open_clouds("6.10") as clouds:
        with running(clouds, "--json") as command:
            local, remote = clouds.front_end.pools, clouds.remote
            assert local.wait_for(lambda: len(local.vms) == 3 and local.vms[2].state == DONE, 60)
            remote.act(0, "terminate-hard")  # as the reaper does after its grace
            said, _ = command.communicate(timeout=60)
        rows = {row["check"]: row for row in json.loads(said)}
        assert rows["terminated while off"]["verdict"] == "passed"
        assert_nothing_is_left(clouds)


def test_a_host_where_no_vm_can_be_made() -> None:
    with open_clouds("6.10") as clouds:
        clouds.remote.owner.group.creates_templates = False
        found = verify(clouds)
        assert found["deploy"][0] == "not allowed"
        assert "CREATE TEMPLATE" in found["deploy"][1]
        assert {"life of a vm", "recovery", "orphans"} <= of("skipped", found)
        assert_nothing_is_left(clouds)


def test_the_reason_is_told_of_what_is_passed_through_and_fails() -> None:
    with open_clouds("6.10", ONE_PASS_THROUGH="RESIZE") as clouds:
        clouds.remote.machine.live_resize = False
        verdict, text = verify(clouds)["resize"]
        assert verdict == "failed"
        assert "RESIZE" in text


@contextmanager
def running(clouds: Clouds, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [ONE2ONE, *COMMAND, *arguments],
        env=clouds.front_end.home.environment(clouds.front_end.endpoint),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as command:
        yield command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("call", ["one.template.instantiate", "one.vm.action"])
def test_interrupted_it_leaves_nothing(number: signal.Signals, call: str) -> None:
    with open_clouds("6.10", delay=0.3) as clouds:
        slow = clouds.remote.faults.on(faults.delay(1), call)
        with running(clouds) as command:
            assert clouds.remote.clock.wait_for(lambda: bool(slow.hits), 30) or slow.hits
            command.send_signal(number)
            _, said = command.communicate(timeout=60)
        assert command.returncode == 255
        assert said.strip() == "one2one: interrupted"
        assert_nothing_is_left(clouds)


def test_what_cannot_be_ended_is_named_also_when_interrupted() -> None:
    with open_clouds("6.10") as clouds:
        clouds.remote.faults.on(
            faults.answer_http_error("404 Not Found"), "one.vm.action", times=None
        )
        with running(clouds, "--timeout", "1") as command:
            assert clouds.remote.clock.wait_for(lambda: len(clouds.remote.vms) > 0, 30)
            command.send_signal(signal.SIGTERM)
            _, said = command.communicate(timeout=60)
        assert "VMs 0 live. End them: onevm terminate --hard" in said


def test_vms_of_another_trial_are_told() -> None:
    with open_clouds("7.2") as clouds:
        left = clouds.front_end.add_vm(0, name="one2one-verify-0123")
        clouds.remote.owner.group.creates_templates = False
        found = verify(clouds)
        assert found["left by others"] == ("warning", f"VMs of another trial: {left.id}")
        assert left.state == "PENDING"


def test_wrong_names_are_one_line(newest: Clouds) -> None:
    newest.add_host()
    assert "there is no hybrid host x" in newest.failure("verify", "--host", "x", "--template", "0")
    assert "[9]" in newest.failure("verify", "--host", "burst1", "--template", "9")
    assert "'--host', or '--endpoint'" in newest.failure("verify", "--template", "0")
    mixed = ("verify", "--host", "burst1", "--template", "0", "--endpoint", "http://x/RPC2")
    assert "--endpoint" in newest.failure(*mixed)


def test_it_needs_no_sandbox(newest: Clouds) -> None:
    """Only the trial of a remote does."""
    newest.add_host()
    newest.front_end.add_template(HYBRID)
    newest.remote.owner.group.creates_templates = False
    code = (
        "import sys; sys.modules['opennebula_sandbox'] = None; "
        "from one2one.admin.cli import main; main()"
    )
    environment = newest.front_end.home.environment(newest.front_end.endpoint)

    def run(*arguments: str) -> CompletedProcess[str]:
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert "passed       nothing is left" in run(*COMMAND, "--quick").stdout
    remote = ("--endpoint", newest.remote.endpoint, "--user", "burst", "--template", "0")
    assert "needs opennebula-sandbox" in run("verify", *remote).stderr
