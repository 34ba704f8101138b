"""``opennebula-sandbox`` serves until an interrupt, and prints what a user needs."""

import os
import re
import signal
import subprocess
import sys
import xmlrpc.client

import pytest
from click.testing import CliRunner

from opennebula_sandbox.command import sandbox


@pytest.mark.parametrize(("number", "release"), [(signal.SIGINT, "5.10"), (signal.SIGTERM, "7.2")])
def test_serves_what_it_prints_until_it_is_interrupted(
    number: signal.Signals, release: str
) -> None:
    options = ["--listen", "127.0.0.1:0", "--version", release, "--templates", "4"]
    process = subprocess.Popen(
        [sys.executable, "-m", "opennebula_sandbox", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OPENNEBULA_SANDBOX_PASSWORD": "not for the screen"},
    )
    assert process.stdout is not None
    printed = ""
    while "Ctrl-C" not in printed:
        line = process.stdout.readline()
        assert line
        printed += line
    match = re.search(r'ONE_ENDPOINT = "(.+)"', printed)
    assert match
    with xmlrpc.client.ServerProxy(match[1]) as proxy:
        answer = proxy.one.templatepool.info("burst:not for the screen", -2, -1, -1)
    assert isinstance(answer, list)
    assert str(answer[1]).count("<VMTEMPLATE>") == 4
    process.send_signal(number)
    rest, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert "not for the screen" not in printed + rest


def test_help_tells_how_to_run_it_alone() -> None:
    text = CliRunner().invoke(sandbox, ["--help"]).output
    for word in ("--listen", "--version", "--templates", "--delay", "ONE_XMLRPC"):
        assert word in text


@pytest.mark.parametrize("address", ["127.0.0.1", "2733", "127.0.0.1:x", "127.0.0.1:²"])
def test_an_address_without_host_or_port_is_refused(address: str) -> None:
    result = CliRunner().invoke(sandbox, ["--listen", address])
    assert result.exit_code == 2
    assert f"{address} is not HOST:PORT" in result.output
