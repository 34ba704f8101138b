"""The front-end runs monitoring scripts as the stock shell of each release does."""

import json
import os
import stat
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from one2one.opennebula.xml import parse
from opennebula_sandbox.frontend.frontend import FrontEnd
from tests.sandbox.frontends import FakeDriver

SYSTEM = "HYPERVISOR=opennebula\nTOTALCPU=5000\nTOTALMEMORY=67108864\n"
MESSAGES = f"""<MONITOR_MESSAGES><SYSTEM_HOST>{b64encode(SYSTEM.encode()).decode()}</SYSTEM_HOST>
<TIMESTAMP>1700000000</TIMESTAMP></MONITOR_MESSAGES>"""
RECORDER = """#!{python}
import json, os, sys
from pathlib import Path
call = {{"name": Path(sys.argv[0]).name, "argv": sys.argv[1:], "stdin": sys.stdin.read()}}
call["oned"] = os.environ["ONE_XMLRPC"]
with Path({calls!r}).open("a") as calls:
    calls.write(json.dumps(call) + "\\n")
exec({body!r})
"""


class Probes:
    """The probes in ``remotes/im/one.d``."""

    def __init__(self, directory: Path) -> None:
        self.remotes = directory / "remotes"
        self._directory = self.remotes / "im" / "one.d"
        self._directory.mkdir(parents=True)
        self._calls = directory / "calls"
        self._calls.touch()
        (self._directory / "README").write_text("not to be run")

    def add(self, name: str, body: str) -> None:
        """Add an executable that records its call and then runs *body*."""
        path = self._directory / name
        path.write_text(RECORDER.format(python=sys.executable, calls=str(self._calls), body=body))
        path.chmod(stat.S_IRWXU)

    def calls(self) -> list[dict[str, Any]]:
        """Return the calls so far."""
        return [json.loads(line) for line in self._calls.read_text().splitlines()]


@pytest.fixture
def probes(tmp_path: Path) -> Probes:
    return Probes(tmp_path)


@pytest.fixture
def driver(tmp_path: Path) -> list[str]:
    return FakeDriver(tmp_path / "vmm").argv


def test_5_runs_all_probes_with_six_arguments(probes: Probes, driver: list[str]) -> None:
    probes.add("b", f"print({SYSTEM!r})")
    probes.add("a", "print('PRIORITY=-1')")
    with FrontEnd("5.10", driver=driver, remotes=probes.remotes) as frontend:
        host = frontend.add_host("burst1")
        host.wait("MONITORED")
        assert (host.capacity, host.template.text("PRIORITY")) == ((5000, 67108864), "-1")
        first, second = probes.calls()
        datastores = str(frontend.home.var / "datastores")
        assert first["argv"] == ["one", datastores, "4124", "20", "0", "burst1"]
        assert first["oned"] == frontend.endpoint
        assert (first["name"], second["name"], first["stdin"]) == ("a", "b", "")


def test_5_names_the_probe_that_fails(probes: Probes, driver: list[str]) -> None:
    probes.add("poll", "sys.exit('no remote')")
    with FrontEnd("5.10", driver=driver, remotes=probes.remotes) as frontend:
        host = frontend.add_host("burst1")
        host.wait("ERROR")
        assert host.error == "Error monitoring Host burst1 (0): Error executing poll"


def test_5_cannot_stop_what_it_would_stop_by_ssh(probes: Probes, driver: list[str]) -> None:
    probes.add("poll", f"print({SYSTEM!r})")
    with FrontEnd("5.10", driver=driver, remotes=probes.remotes) as frontend:
        host = frontend.add_host("burst1")
        host.wait("MONITORED")
        host.set_status("offline")
        frontend.wait_for_log("Could not stop monitor on host 0")


@pytest.mark.parametrize("generation", ["6.10", "7.2"])
def test_client_gets_its_configuration_and_answers(
    generation: str, probes: Probes, driver: list[str]
) -> None:
    probes.add("client", f"print({MESSAGES!r})")
    with FrontEnd(generation, driver=driver, remotes=probes.remotes) as frontend:
        host = frontend.add_host("burst1")
        host.wait("MONITORED")
        assert host.capacity == (5000, 67108864)
        (call,) = probes.calls()
        assert call["argv"] == ["one", "0", "burst1"]
        configuration = parse(b64decode(call["stdin"], validate=False))
        assert configuration.tag == "MONITOR_CONFIGURATION"
        assert configuration.findtext("HOST_ID") == "0"
        assert configuration.findtext("NETWORK/MONITOR_ADDRESS") == "auto"


@pytest.mark.parametrize("body", ["sys.exit('no remote')", "print('<MONITOR_MESSAGES>')"])
def test_client_that_fails_or_babbles_is_an_error(
    body: str, probes: Probes, driver: list[str]
) -> None:
    probes.add("client", body)
    with FrontEnd("6.10", driver=driver, remotes=probes.remotes) as frontend:
        frontend.add_host("burst1").wait("ERROR")
        said = "Error executing client: no remote" if "exit" in body else "<MONITOR_MESSAGES>"
        assert any(said in line for line in frontend.log)


def test_silent_client_is_a_start(probes: Probes, driver: list[str]) -> None:
    probes.add("client", "pass")
    with FrontEnd("6.10", driver=driver, remotes=probes.remotes) as frontend:
        host = frontend.add_host("burst1")
        frontend.wait_for_log("Start monitor success, host: 0")
        assert host.state == "INIT"


def test_control_script_stops_the_client(probes: Probes, driver: list[str], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    wait = f"open({str(gate)!r}, 'w').close() if sys.argv[1:4] == ['stop', 'one', '0'] else None"
    probes.add("client_control.sh", f"print({MESSAGES!r}); {wait}")
    with FrontEnd("7.2", driver=driver, remotes=probes.remotes) as frontend:
        host = frontend.add_host("burst1")
        host.wait("MONITORED")
        frontend.add_host("burst2").wait("MONITORED")
        host.set_status("offline")
        gate.open().close()
    assert [call["argv"] for call in probes.calls()] == [
        ["one", "0", "burst1"],
        ["one", "1", "burst2"],
        ["stop", "one", "0", "burst1"],
        ["stop", "one", "1", "burst2"],
    ]
