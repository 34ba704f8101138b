"""The front-end runs action scripts as the stock shell of each release does."""

import base64
import json
import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from one2one.opennebula.xml import parse
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.handles import LocalVm
from opennebula_sandbox.frontend.release import RELEASES as BY_NAME
from opennebula_sandbox.frontend.script import judge
from opennebula_sandbox.frontend.vmm.shell import VmmShell
from tests.sandbox.frontend_recordings import DATA, Operator, read_recorded_lives
from tests.sandbox.frontends import GENERATIONS, TEMPLATE

SCRIPTS = (
    *("attach_disk", "attach_nic", "cancel", "deploy", "detach_disk", "detach_nic", "migrate"),
    *("prereconfigure", "reboot", "reconfigure", "reset", "resize", "restore", "save", "shutdown"),
    *("snapshot_create", "snapshot_delete", "snapshot_revert"),
)
RECORDER = """#!{python}
import json, os, sys
from pathlib import Path
here = Path(__file__).resolve().parent
name = Path(sys.argv[0]).name
call = {{"script": name, "argv": sys.argv[1:], "stdin": sys.stdin.read(), "cwd": os.getcwd()}}
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(call) + "\\n")
exec((here / "body").read_text())
"""


class Scripts:
    """A directory of scripts that record their call and then run the code of a test."""

    def __init__(self, directory: Path) -> None:
        self.remotes = directory / "remotes"
        self.directory = self.remotes / "vmm" / "one"
        self.directory.mkdir(parents=True)
        recorder = self.directory / "recorder"
        recorder.write_text(RECORDER.format(python=sys.executable))
        recorder.chmod(stat.S_IRWXU)
        for name in SCRIPTS:
            (self.directory / name).symlink_to(recorder)
        self.body("print({'deploy': 'opennebula-hybrid-7', 'snapshot_create': '7'}.get(name, ''))")

    def body(self, code: str) -> None:
        """Make all scripts run *code*, which may read ``name`` and ``call``."""
        (self.directory / "body").write_text(code)

    def calls(self) -> list[dict[str, Any]]:
        """Return the calls so far."""
        return [json.loads(line) for line in (self.directory / "calls").read_text().splitlines()]


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path)


def deploy_vm(frontend: FrontEnd) -> LocalVm:
    vm = frontend.add_vm(TEMPLATE)
    vm.deploy(frontend.add_host("burst1"))
    return vm


def format_call(call: dict[str, Any], var: str) -> str:
    """Return a call in the format of the recordings."""
    words = [word if len(word) < 300 else "message" for word in call["argv"]]
    argv = " ".join(f"<{word}>" for word in words).replace(var, "/var/lib/one")
    return f"{call['script']} argc={len(words)} argv: {argv}"


def without_ids(line: str) -> str:
    return re.sub("opennebula-hybrid-[0-9]+", "opennebula-hybrid-7", line)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_scripts_are_called_as_a_real_shell_called_them(generation: str, scripts: Scripts) -> None:
    told = (DATA / f"scripts-{generation}.txt").read_text().splitlines()
    first = re.findall("<([0-9]+)>", told[0])[0]
    events = read_recorded_lives(generation)
    while events[0]["line"].split()[1] != first:
        del events[0]
    with FrontEnd(generation, remotes=scripts.remotes) as frontend:
        operator = Operator(frontend, frontend.add_host("burst1"))
        for event in events:
            action, vm_id, *_ = event["line"].split()
            if action != "DRIVER_CANCEL":
                operator.cause(action, int(vm_id), parse(event["payload"]))
        var = str(frontend.home.var)
        assert frontend.pools.wait_for(lambda: len(scripts.calls()) >= len(told), 30)
    called = [without_ids(format_call(call, var)) for call in scripts.calls()]
    assert called == [without_ids(line) for line in told]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_scripts_read_what_each_generation_gives_them(generation: str, scripts: Scripts) -> None:
    with FrontEnd(generation, remotes=scripts.remotes) as frontend:
        vm = deploy_vm(frontend)
        vm.wait("RUNNING")
        vm.act("suspend")
        vm.wait("SUSPENDED")
        deploy, save = scripts.calls()
        assert deploy["cwd"] == str(frontend.home.var)
        file = (frontend.home.var / "vms" / "0" / "deployment.0").read_text()
    assert base64.b64decode(deploy["stdin"]).decode() == file
    root = parse(base64.b64decode(save["stdin"]))
    assert (root.tag, root.findtext("VM/LCM_STATE")) == ("VMM_DRIVER_ACTION_DATA", "6")
    lines = save["stdin"].split("\n")
    assert (len(lines[0]) == 60) is (generation == "5.10")
    assert (len(lines) == 1) is (generation != "5.10")


@pytest.mark.parametrize(
    ("generation", "stderr", "reason", "logged"),
    [
        ("5.10", "noise\n", "", "I]: noise"),
        (
            "5.10",
            "ERROR MESSAGE --8<------\nno room\nERROR MESSAGE ------>8--\n",
            "Error deploying virtual machine: no room",
            "E]: no room",
        ),
        ("6.10", "no room\nat all\n", "DEPLOY: no room at all", "I]: at all"),
        ("6.10", "ERROR: no room\n", "DEPLOY: ERROR: no room", "E]: no room"),
        ("7.2", "no room\nat all\n", "DEPLOY: no roomat all", "I]: no room"),
        ("7.2", "ERROR: 0 told to the VM\nno room\n", "DEPLOY: no room", "E]: told to the VM"),
    ],
)
def test_reason_of_a_failure_is_found_as_in_each_generation(
    generation: str, stderr: str, reason: str, logged: str, scripts: Scripts
) -> None:
    scripts.body(f"sys.stderr.write({stderr!r}); sys.exit(3)")
    with FrontEnd(generation, remotes=scripts.remotes) as frontend:
        vm = deploy_vm(frontend)
        vm.wait("BOOT_FAILURE")
        assert vm.error == reason
        assert any(line.endswith(f"[VMM][{logged}") for line in vm.log)
        assert any("Command execution failed (exit code: 3)" in line for line in vm.log)


def test_newline_in_the_output_of_a_script_begins_another_message(scripts: Scripts) -> None:
    scripts.body("print('opennebula-hybrid-7\\nLOG I 0 a second message')")
    with FrontEnd("6.10", remotes=scripts.remotes) as frontend:
        vm = deploy_vm(frontend)
        vm.wait_for_log("a second message")
        assert vm.deploy_id == "opennebula-hybrid-7"


@pytest.mark.parametrize("generation", ["5.10", "6.10"])
def test_disk_attach_is_never_answered_for_a_public_cloud(
    generation: str, scripts: Scripts
) -> None:
    with FrontEnd(generation, remotes=scripts.remotes) as frontend:
        vm = deploy_vm(frontend)
        vm.wait("RUNNING")
        vm.attach_disk(TYPE="fs", FORMAT="raw", SIZE="10")
        frontend.driver.stop()
        assert vm.state == "HOTPLUG"
        vm.recover("failure")
        assert vm.state == "RUNNING"
    assert [call["script"] for call in scripts.calls()] == ["deploy"]


def test_clean_up_succeeds_even_if_the_script_fails(scripts: Scripts) -> None:
    with FrontEnd("6.10", remotes=scripts.remotes) as frontend:
        vm = deploy_vm(frontend)
        vm.wait("RUNNING")
        scripts.body("sys.exit('unreachable')")
        vm.recover("recreate")
        vm.wait("PENDING")
        vm.wait_for_log("Failed to execute virtualization driver operation: cancel.")
        assert vm.error == ""


MEETING = """
mode = "r" if call["argv"][-2] == "0" else "w"
open({gate!r}, mode).close()
print("opennebula-hybrid-7")
"""
"""Each of two scripts waits until the other one runs."""


def deploy_two(frontend: FrontEnd) -> list[LocalVm]:
    host = frontend.add_host("burst1")
    vms = [frontend.add_vm(TEMPLATE) for _ in range(2)]
    for vm in vms:
        vm.deploy(host)
    return vms


def test_actions_on_a_host_overlap_with_p(scripts: Scripts, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    scripts.body(MEETING.format(gate=str(gate)))
    with FrontEnd("6.10", remotes=scripts.remotes, arguments="-p -t 15 one") as frontend:
        for vm in deploy_two(frontend):
            vm.wait("RUNNING")


def test_actions_on_a_host_follow_each_other_without_p(scripts: Scripts, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    scripts.body(MEETING.format(gate=str(gate)))
    with FrontEnd("6.10", remotes=scripts.remotes) as frontend:
        first, second = deploy_two(frontend)
        gate.open("w").close()
        first.wait("RUNNING")
        assert second.state == "BOOT"
        gate.open().close()
        second.wait("RUNNING")


def test_cancelled_action_answers_nothing_more(scripts: Scripts, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    scripts.body(f"open({str(gate)!r}).read() if name == 'shutdown' else print('-')")
    with FrontEnd("6.10", remotes=scripts.remotes) as frontend:
        vm = deploy_vm(frontend)
        vm.wait("RUNNING")
        vm.act("terminate")
        with gate.open("w"):
            vm.act("terminate-hard")
            vm.wait("DONE")
        assert any("Driver command for 0 cancelled" in line for line in vm.log)
        assert not any("SHUTDOWN SUCCESS" in line for line in frontend.log)


def test_script_goes_on_when_oned_dies_and_nobody_hears_of_it(
    scripts: Scripts, tmp_path: Path
) -> None:
    gate, end = tmp_path / "gate", tmp_path / "end"
    os.mkfifo(gate)
    scripts.body(f"open({str(gate)!r}).read(); open({str(end)!r}, 'w').close()")
    with FrontEnd("6.10", remotes=scripts.remotes) as frontend:
        vm = deploy_vm(frontend)
        shell = frontend.driver
        assert isinstance(shell, VmmShell)
        with gate.open("w"):
            frontend.restart()
        shell.join()
        assert end.exists()
        assert vm.state == "BOOT"


def test_script_that_is_killed_has_failed(scripts: Scripts, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    scripts.body(f"open({str(gate)!r}).read()")
    with FrontEnd("6.10", remotes=scripts.remotes) as frontend:
        vm = deploy_vm(frontend)
        assert isinstance(frontend.driver, VmmShell)
        with gate.open("w"):
            frontend.driver.kill_scripts()
            vm.wait("BOOT_FAILURE")


def test_script_that_takes_too_long_is_ended(scripts: Scripts) -> None:
    scripts.body("import signal; signal.pause()")
    with FrontEnd("6.10", remotes=scripts.remotes, arguments="-w 1 one") as frontend:
        vm = deploy_vm(frontend)
        vm.wait("BOOT_FAILURE")
        assert vm.error.startswith("DEPLOY: Timeout executing ")


def test_exit_by_a_signal_counts_as_a_failure() -> None:
    outcome = judge(255, "", "", BY_NAME["6.10"])
    assert (outcome.success, outcome.info) == (False, "-")
