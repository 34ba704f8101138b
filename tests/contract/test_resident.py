"""Every line that a real oned wrote to its driver, written to ours.

Each is answered once, in the form that its release reads, when the remote VM is where the action
was to bring it.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from one2one.driver import lifecycle, starting
from one2one.hybrid.naming import format_deploy_id, parse_deploy_id, read_marked_vm_id
from one2one.opennebula.records import Vm
from one2one.opennebula.states import RUNNING
from one2one.opennebula.xml import parse
from tests.contract.replay import GENERATIONS, RecordedClouds, open_clouds, read_processes

DRIVER = str(Path(sys.executable).with_name("one_vmm_one2one"))


class Driver:
    """The driver's process, at the two ends of its pipes."""

    def __init__(self, stdin: IO[str], stdout: IO[str]) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self.logs: list[str] = []

    def send(self, line: str) -> None:
        self._stdin.write(f"{line}\n")
        self._stdin.flush()

    def answer(self) -> str:
        """Return the next line that is no LOG, an empty one at the end."""
        while (line := self._stdout.readline()).startswith("LOG "):
            self.logs.append(line)
        return line.removesuffix("\n")

    def log(self) -> str:
        """Return the next line, which must be a LOG."""
        line = self._stdout.readline()
        assert line.startswith("LOG ")
        return line.removesuffix("\n")


@contextmanager
def start(argv: list[str], environment: dict[str, str]) -> Iterator[Driver]:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [DRIVER, *argv], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        driver = Driver(process.stdin, process.stdout)
        yield driver
        assert driver.answer() == "", "nothing is answered twice"
        assert process.wait() == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_recorded_line_is_answered_once(generation: str) -> None:
    with open_clouds(generation) as clouds:
        for argument, *events in read_processes(generation):
            with start(argument["argv"], clouds.environment) as driver:
                for event in events:
                    exchange(event, driver, clouds)
                if events[-1]["line"].strip() != "FINALIZE":
                    driver.send("FINALIZE")


def exchange(event: dict[str, Any], driver: Driver, clouds: RecordedClouds) -> None:
    action, *words = event["line"].split()
    if action in ("INIT", "FINALIZE"):
        driver.send(event["line"])
        assert action == "FINALIZE" or driver.answer() == "INIT SUCCESS"
        return
    vm_id = words[0]
    if action == "DRIVER_CANCEL":
        driver.send(event["line"])
        assert driver.log() == f"LOG I {vm_id} Driver command for {vm_id} cancelled"
        return
    document = parse(event["payload"])
    remote = clouds.prepare(document)
    driver.send(event["line"])
    answer = re.fullmatch(rf"{action} (SUCCESS|FAILURE) {vm_id} (\S.*)", driver.answer())
    assert answer, action
    result, info = answer.groups()
    if action not in {**lifecycle.OPERATIONS, **starting.OPERATIONS}:
        assert result == "FAILURE"
        assert info == f"{action} is not supported for VMs in a remote OpenNebula"
        assert len(clouds.cloud.calls) == 0
        return
    assert result == "SUCCESS", info
    if action == "DEPLOY":
        assert remote in (None, parse_deploy_id(info))
        remote = check_created_vm(clouds, info, int(vm_id)) if remote is None else remote
    elif action == "POLL":
        assert info == "STATE=a"
    else:
        assert info == "-"
    assert remote is not None
    assert clouds.is_done(action, document, remote)
    if action in ("REBOOT", "RESET"):
        assert clouds.cloud.calls.counts()["one.vm.action"] == 1


def check_created_vm(clouds: RecordedClouds, info: str, vm_id: int) -> int:
    """Return the id of the VM that DEPLOY made, once it runs."""
    number = parse_deploy_id(info)
    assert info == format_deploy_id(number)
    assert clouds.cloud.wait_for(number, RUNNING)
    remote = Vm.read(parse(clouds.cloud.vms.render_body(clouds.cloud.vms[number])))
    assert remote.name == f"remote-opennebula-{vm_id}"
    assert read_marked_vm_id(remote) == vm_id
    assert remote.template.vector("CONTEXT")["GREETING"] == "hello world"
    return number
