"""How the driver's process ends: at once and without output, in any situation."""

import signal
import socket
import subprocess
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from opennebula_sandbox.frontend.home import Home
from tests.end_to_end.burst import DRIVER

Process = subprocess.Popen[bytes]
MESSAGE = (
    "<VMM_DRIVER_ACTION_DATA><HOST>burst1</HOST><DEPLOY_ID>opennebula-hybrid-9</DEPLOY_ID>"
    "<VM><ID>7</ID><STATE>3</STATE><LCM_STATE>3</LCM_STATE><HISTORY_RECORDS><HISTORY><SEQ>0</SEQ>"
    "<HOSTNAME>burst1</HOSTNAME><HID>0</HID></HISTORY></HISTORY_RECORDS></VM>"
    "</VMM_DRIVER_ACTION_DATA>"
)


def closes_its_input(process: Process) -> None:
    assert process.stdin
    process.stdin.close()


def finalizes(process: Process) -> None:
    assert process.stdin
    process.stdin.write(b"FINALIZE\n")
    process.stdin.flush()


def sends(number: signal.Signals) -> Callable[[Process], None]:
    return lambda process: process.send_signal(number)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (closes_its_input, 0),
        (finalizes, 0),
        (sends(signal.SIGTERM), -signal.SIGTERM),
        (sends(signal.SIGINT), -signal.SIGINT),
    ],
    ids=["EOF", "FINALIZE", "SIGTERM", "SIGINT"],
)
def test_it_ends_in_the_middle_of_an_operation(
    end: Callable[[Process], None], status: int, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    home.create("oneadmin:secret", "key")
    with socket.create_server(("127.0.0.1", 0)) as oned:
        environment = home.environment(f"http://127.0.0.1:{oned.getsockname()[1]}/RPC2")
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [DRIVER, "-t 15 -r 0 one"], stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        ) as process:
            assert process.stdin
            assert process.stdout
            assert process.stderr
            process.stdin.write(b"INIT\nREBOOT  7 %b\nnonsense\n" % b64encode(MESSAGE.encode()))
            process.stdin.flush()
            assert process.stdout.readline() == b"INIT SUCCESS\n"
            with oned.accept()[0] as call:
                call.recv(1)  # the operation waits for oned, which says nothing
                end(process)
                assert process.wait(20) == status
            lines = process.stdout.read().splitlines()
            assert all(line.startswith(b"LOG ") for line in lines)
            assert process.stderr.read() == b""


def test_it_says_nothing_when_oned_is_gone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create("oneadmin:secret", "key")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [DRIVER, "-t 15 -r 0 one"],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env=home.environment("http://127.0.0.1:1/RPC2"),
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.write(b"INIT\nnonsense\nREBOOT  7 %b\n" % b64encode(MESSAGE.encode()))
        process.stdin.close()
        assert process.wait(20) == 0
        assert process.stderr.read() == b""
