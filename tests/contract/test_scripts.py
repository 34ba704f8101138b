"""Every script that a real shell ran, run as it ran it: same name, arguments and input."""

import re
import subprocess
import sys

import pytest

from one2one.hybrid.naming import parse_deploy_id
from one2one.opennebula.states import RUNNING
from tests.contract.replay import GENERATIONS, Call, RecordedClouds, open_clouds, read_script_calls

ACTIONS = ("cancel", "deploy", "reboot", "reset", "restore", "save", "shutdown")
"""The scripts that do something; the others are for what no remote VM can do."""
SLOW = ("asyncio", "email", "http", "json", "logging", "ssl", "subprocess", "xmlrpc")
"""Packages that take long to import, and that a script without TLS does not need."""
DELIMITERS = ["ERROR MESSAGE --8<------", "ERROR MESSAGE ------>8--"]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_recorded_call_ends_as_its_shell_expects(generation: str) -> None:
    with open_clouds(generation) as clouds:
        for call in read_script_calls(generation):
            check(call, clouds, generation)


def check(call: Call, clouds: RecordedClouds, generation: str) -> None:
    remote = clouds.prepare(call.document)
    ended = subprocess.run(
        [clouds.remotes / "vmm" / "one" / call.name, *call.argv],
        input=call.stdin,
        capture_output=True,
        env=clouds.environment,
    )
    output, errors = ended.stdout.decode().splitlines(), ended.stderr.decode().splitlines()
    if call.name not in ACTIONS:
        assert (ended.returncode, output, len(clouds.cloud.calls)) == (1, [], 0)
        if generation == "5.10":
            assert errors[::2] == DELIMITERS
            del errors[::2]
        (reason,) = errors
        assert reason.endswith(" is not supported for VMs in a remote OpenNebula")
        return
    assert (ended.returncode, errors) == (0, [])
    if call.name == "deploy":
        (deploy_id,) = output
        assert remote in (None, parse_deploy_id(deploy_id))
        assert clouds.cloud.wait_for(parse_deploy_id(deploy_id), RUNNING)
        return
    assert output == []
    assert remote is not None
    assert clouds.is_done(_action(call), call.document, remote)


def _action(call: Call) -> str:
    """Return the action: CLEANUP runs ``cancel``, for a VM that is not being shut down."""
    cleaned = call.document.findtext("VM/LCM_STATE") not in ("12", "18", "29", "30")
    return "CLEANUP" if call.name == "cancel" and cleaned else call.name.upper()


@pytest.mark.parametrize("name", ["save", "deploy"])
def test_a_script_imports_nothing_slow_that_it_does_not_need(name: str) -> None:
    with open_clouds("6.10") as clouds:
        call = next(call for call in read_script_calls("6.10") if call.name == name)
        clouds.prepare(call.document)
        ended = subprocess.run(
            [sys.executable, "-X", "importtime", clouds.remotes / "vmm/one" / name, *call.argv],
            input=call.stdin,
            capture_output=True,
            env=clouds.environment,
        )
    imported = set(re.findall(r"\| +([\w.]+)$", ended.stderr.decode(), re.MULTILINE))
    assert ended.returncode == 0
    assert "one2one.opennebula.rpc" in imported
    assert not {module for module in imported if module.partition(".")[0] in SLOW}
    assert ("one2one.driver.create" in imported) == (name == "deploy")
