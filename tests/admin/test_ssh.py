"""``one2one ssh``: what it runs, and whom it does not believe."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from one2one.hybrid.access import check_jump, find_address, is_user
from one2one.opennebula.states import LcmState, State, VmState
from one2one.opennebula.template import Template
from tests.admin.clouds import HYBRID, Clouds
from tests.admin.test_ownership import unmark

Run = Callable[..., list[str]]


@pytest.fixture
def ssh(newest: Clouds, tmp_path: Path) -> Run:
    """Return what a stand-in for ssh was called with; its exit status is 7."""
    stand_in, record = tmp_path / "ssh", tmp_path / "arguments"
    stand_in.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" > {shlex.quote(str(record))}\nexit 7\n")
    stand_in.chmod(0o755)

    def run(*arguments: str) -> list[str]:
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        done = newest.run("ssh", *arguments, environment=path)
        assert (done.returncode, done.stderr) == (7, "")
        return record.read_text().split("\0")[:-1]

    return run


def find_nic_address(clouds: Clouds) -> str:
    [pair] = json.loads(clouds.output("status", "--json"))
    return str(pair["addresses"][0])


def mirror(clouds: Clouds, *addresses: str) -> None:
    with clouds.front_end.clock.lock:
        clouds.front_end.pools.find_vm(0).monitoring = Template(
            [("GUEST_IP", addresses[0]), ("GUEST_IP_ADDRESSES", ",".join(addresses))]
        )


def set_state(clouds: Clouds, state: State) -> None:
    with clouds.front_end.clock.lock:
        clouds.front_end.pools.find_vm(0).state = state


def test_it_runs_ssh_with_the_mirrored_address(newest: Clouds, ssh: Run) -> None:
    newest.run_vm()
    mirror(newest, "198.51.100.7", "198.51.100.8")
    newest.remote.calls.clear()
    assert ssh("0") == ["-l", "root", "--", "198.51.100.7"]
    assert len(newest.remote.calls) == 0


def test_without_monitoring_the_remote_tells_the_address(newest: Clouds, ssh: Run) -> None:
    newest.run_vm()
    assert ssh("0", "--user", "ann") == ["-l", "ann", "--", find_nic_address(newest)]


def test_a_command_gets_there_unchanged(newest: Clouds, ssh: Run) -> None:
    newest.run_vm()
    mirror(newest, "2001:db8::7")
    words = ["printf", "%s", "a b", "$(reboot)", "-oProxyCommand=x", ""]
    assert ssh("0", "--", *words) == ["-l", "root", "--", "2001:db8::7", *words]


def test_the_jump_host_of_the_host_is_on_the_way(newest: Clouds, ssh: Run) -> None:
    newest.run_vm(newest.add_host(ONE_SSH_JUMP="ops@gate.example.org:2222"))
    mirror(newest, "198.51.100.7")
    jump = ["-J", "ops@gate.example.org:2222"]
    assert ssh("0") == [*jump, "-l", "root", "--", "198.51.100.7"]
    shown = newest.output("ssh", "0", "--print", "--", "ls", "a b")
    assert shlex.split(shown) == ["ssh", *jump, "-l", "root", "--", "198.51.100.7", "ls", "a b"]


def test_a_hostile_address_is_passed_over(newest: Clouds, ssh: Run) -> None:
    newest.run_vm()
    mirror(newest, "-oProxyCommand=reboot", "127.0.0.1", "fe80::1%$(reboot)", "198.51.100.7")
    assert ssh("0")[-1] == "198.51.100.7"
    mirror(newest, "-oProxyCommand=reboot", "localhost")
    assert ssh("0")[-1] == find_nic_address(newest)


def test_the_address_of_anothers_remote_vm_is_not_used(newest: Clouds) -> None:
    newest.run_vm()
    unmark(newest, 0)
    assert "remote VM 0 is not VM 0's" in newest.failure("ssh", "0")


def test_a_vm_without_an_address_is_told(newest: Clouds) -> None:
    newest.run_vm()
    remote = newest.remote.vms[0]
    remote.template = Template(a for a in remote.template if not a[0].startswith("NIC"))
    newest.remote.vms.note_change(remote)
    assert "VM 0 has no address that can be reached" in newest.failure("ssh", "0")


@pytest.mark.parametrize(
    "state",
    [
        State(VmState.POWEROFF),
        State(VmState.DONE),
        State(VmState.ACTIVE, LcmState.BOOT_FAILURE),
        State(VmState.ACTIVE, LcmState.PROLOG),
    ],
    ids=str,
)
def test_a_vm_that_does_not_run_is_told(newest: Clouds, state: State) -> None:
    newest.run_vm()
    set_state(newest, state)
    assert f"VM 0 is {state}. Its guest has to run" in newest.failure("ssh", "0")


def test_a_vm_that_is_not_hybrid_is_told(newest: Clouds) -> None:
    newest.run_vm()
    newest.front_end.add_vm(HYBRID)
    assert "VM 1 was never on a host" in newest.failure("ssh", "1")
    with newest.front_end.clock.lock:
        newest.front_end.pools.find_host(0).vm_mad = "kvm"
    assert "VM 0 is not hybrid: host burst1 is a host of this cloud" in newest.failure("ssh", "0")
    assert "99" in newest.failure("ssh", "99")


def test_without_ssh_it_is_one_line(newest: Clouds, tmp_path: Path) -> None:
    newest.run_vm()
    said = newest.failure("ssh", "0", environment={"PATH": str(tmp_path)})
    assert said == "one2one: there is no ssh here. Install OpenSSH's client\n"


@pytest.mark.parametrize("user", ["", "-oProxyCommand=x", "a b", "a@b", "a;b", "a" * 33, "ä"])
def test_a_wrong_user_is_refused(newest: Clouds, user: str) -> None:
    assert not is_user(user)
    said = newest.failure("ssh", "0", f"--user={user}")
    assert "is not the name of a user. See: one2one ssh --help" in said


def test_a_wrong_jump_host_is_named_with_its_form(newest: Clouds) -> None:
    host = newest.add_host()
    newest.run_vm(host)
    host.update(ONE_SSH_JUMP="-oProxyCommand=reboot")
    said = newest.failure("ssh", "0")
    assert "host burst1 has ONE_SSH_JUMP='-oProxyCommand=reboot' instead of [user@]host[:" in said


@pytest.mark.parametrize(
    "jump",
    ["gate", "gate.example.org:22", "ops@gate", "ops@192.0.2.1:65535", "o@[2001:db8::1]:22"],
)
def test_a_jump_host_is_one_machine(jump: str) -> None:
    check_jump(jump)


@pytest.mark.parametrize(
    "jump",
    [
        *(
            "-gate",
            "gate-",
            "a@-gate",
            "-a@gate",
            "a@@gate",
            "gate:0",
            "gate:65536",
            "gate:",
            "@gate",
        ),
        *(
            "one,two",
            "ga te",
            "gate;x",
            "gate\n",
            "%h",
            "$(x)",
            "[::g]",
            "[1.2.3.4]",
            "::1",
            "ssh://g",
        ),
        *("a" * 64, ".".join(["a" * 60] * 5), "gäte", "gate..org"),
    ],
)
def test_what_is_no_jump_host_is_refused(jump: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        check_jump(jump)


@pytest.mark.parametrize(
    ("candidates", "address"),
    [
        ([], None),
        (["", "localhost", "1", "10.0.0.1 -x"], None),
        (["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "169.254.1.1"], None),
        (["fe80::1", "fe80::1%eth0", "2001:db8::1%x", "224.0.0.1", "ff02::1"], None),
        (["::ffff:192.0.2.1"], "192.0.2.1"),
        (["2001:DB8:0::1", "192.0.2.1"], "2001:db8::1"),
    ],
)
def test_only_addresses_of_other_machines_count(candidates: list[str], address: str) -> None:
    assert find_address(candidates) == address
