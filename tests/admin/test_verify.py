import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from one2one.admin.verify.remote.relay import Relay
from one2one.opennebula.states import State, VmState
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.vm.machine import IGNORES_ACPI
from tests.admin.certificates import certificate
from tests.admin.command import ONE2ONE, one2one

DONE = State(VmState.DONE)
Results = dict[str, tuple[str, str]]
"""A check's verdict and finding, by its name."""


def environment(cloud: SimulatedCloud, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "ONE2ONE_ENDPOINT": cloud.endpoint,
        "ONE2ONE_USER": cloud.user,
        "ONE2ONE_PASSWORD": cloud.password,
        "ONE2ONE_TEMPLATE": "0",
        **more,
    }


def verify(cloud: SimulatedCloud, *arguments: str, **more: str) -> CompletedProcess[str]:
    command = ("verify", "--timeout", "20", *arguments)
    return one2one(*command, environment=environment(cloud, **more))


def results(done: CompletedProcess[str]) -> Results:
    rows = json.loads(done.stdout)
    return {row["check"]: (row["verdict"], row["text"]) for row in rows}


def of(verdict: str, found: Results) -> dict[str, str]:
    return {check: text for check, (its, text) in found.items() if its == verdict}


@pytest.mark.parametrize("by_proxy", [False, True])
def test_a_remote_that_can_do_it_all_through_tls(tmp_path: Path, by_proxy: bool) -> None:
    pair = certificate(tmp_path, days=90)
    with (
        SimulatedCloud("7.4", certificate=pair) as cloud,
        Relay(cloud.endpoint, None) as proxy,  # to it, whatever address it is asked for
    ):
        way = {"ONE2ONE_CA_FILE": str(pair[0])}
        if by_proxy:
            url = proxy.attributes["ONE_PROXY"].replace("http://", "http://me:geheim@")
            way |= {"ONE2ONE_PROXY": url, "ONE2ONE_ENDPOINT": "https://127.0.0.1:1/RPC2"}
        done = verify(cloud, **way)
        assert "geheim" not in done.stdout + done.stderr
        assert done.returncode == 0, done.stdout
        for check in ("the call is lost", "the answer is lost", "the driver is killed"):
            assert any(
                line.split()[0] == "passed" and check in line and "one VM" in line
                for line in done.stdout.splitlines()
            ), done.stdout
        assert "every VM has ended" in done.stdout
        assert cloud.password not in done.stdout + done.stderr
        assert all(vm.state == DONE for vm in cloud.vms)


def test_guests_without_a_power_button_fail_what_needs_one_and_nothing_else() -> None:
    with SimulatedCloud("5.10") as cloud:
        cloud.owner.quotas.limit(VMS=1)
        cloud.machine.shutdown_timeout = 0.2
        number = cloud.add_template()
        cloud.oned.templates[number].template.add(IGNORES_ACPI, "YES")
        done = verify(cloud, "--json", ONE2ONE_TEMPLATE=str(number))
        found = results(done)
        assert set(of("failed", found)) == {"poweroff", "undeploy", "terminate"}
        assert of("not allowed", found) == {}
        assert "its guest or hypervisor did not follow poweroff" in found["poweroff"][1]
        assert set(of("skipped", found)) >= {"resume, powered off", "deploy again"}
        assert "ranges of ids" in found["listing by id"][1]
        assert done.returncode == 255
        assert all(vm.state == DONE for vm in cloud.vms)


def test_an_account_that_may_not_create_vms_with_a_context() -> None:
    with SimulatedCloud("6.10") as cloud:
        cloud.owner.group.creates_templates = False
        done = verify(cloud, "--json")
        found = results(done)
        assert "Not authorized to perform CREATE TEMPLATE" in of("not allowed", found)["deploy"]
        assert {"recovery", "losses", "orphans"} <= set(of("skipped", found))
        assert found["nothing is left"][0] == "passed"
        assert done.returncode == 255


@contextmanager
def running(cloud: SimulatedCloud, timeout: str = "20") -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [ONE2ONE, "verify", "--timeout", timeout],
        env=environment(cloud),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as command:
        yield command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(number: signal.Signals) -> None:
    with SimulatedCloud("6.10", delay=0.3) as cloud, running(cloud) as command:
        assert cloud.clock.wait_for(lambda: len(cloud.vms) > 0, 30)
        command.send_signal(number)
        _, said = command.communicate(timeout=60)
        assert command.returncode == 255
        assert said.strip() == "one2one: interrupted"
        assert all(vm.state == DONE for vm in cloud.vms)


def test_interrupted_while_the_remote_makes_a_vm_it_leaves_nothing() -> None:
    with SimulatedCloud("7.2") as cloud:
        slow = cloud.faults.on(faults.delay(2), "one.template.instantiate", times=None)
        with running(cloud) as command:
            assert cloud.clock.wait_for(lambda: bool(slow.hits), 30) or slow.hits
            command.send_signal(signal.SIGINT)
            command.communicate(timeout=60)
        assert command.returncode == 255
        assert all(vm.state == DONE for vm in cloud.vms)


def test_what_cannot_be_ended_is_named_also_when_interrupted() -> None:
    with SimulatedCloud("6.10", delay=0.3) as cloud:
        cloud.faults.on(
            faults.answer_http_error("404 Not Found"),
            "one.vm.action",
            when=lambda arguments: arguments[0] == "terminate-hard",
            times=None,
        )
        with running(cloud, "1") as command:
            assert cloud.clock.wait_for(lambda: len(cloud.vms) > 0, 30)
            command.send_signal(signal.SIGTERM)
            _, said = command.communicate(timeout=60)
        assert command.returncode == 255
        assert "VMs 0 live. End them: onevm terminate --hard" in said


def test_a_wrong_password_is_one_line() -> None:
    with SimulatedCloud("6.10") as cloud:
        done = verify(cloud, ONE2ONE_PASSWORD="wrong")
        assert done.returncode == 255
        [line] = done.stderr.splitlines()
        assert "couldn't be authenticated" in line


def test_without_a_password_and_a_terminal_it_does_not_wait() -> None:
    with SimulatedCloud("6.10") as cloud:
        known = environment(cloud)
        del known["ONE2ONE_PASSWORD"]
        done = one2one("verify", environment=known)
        assert done.returncode == 255
        assert "ONE2ONE_PASSWORD" in done.stderr


def test_a_template_that_is_not_there_is_one_line() -> None:
    with SimulatedCloud("6.10") as cloud:
        done = verify(cloud, ONE2ONE_TEMPLATE="99")
        assert done.returncode == 255
        assert "[99]" in done.stderr
        assert list(cloud.vms) == []


def test_what_another_trial_left_is_told() -> None:
    with SimulatedCloud("6.10") as cloud:
        cloud.owner.group.creates_templates = False
        left = cloud.instantiate(0, "left")
        left.user_template = Template(
            [
                ("ONE_HYBRID_ID", "one2one-trial-0123"),
                ("REMOTE_OPENNEBULA_VM_ID", "0"),
                ("ONE_HYBRID_STAY", "1700000000.0"),
            ]
        )
        found = results(verify(cloud, "--json"))
        assert found["left by others"] == ("warning", f"VMs of another trial: {left.id}")
        assert left.state != DONE
