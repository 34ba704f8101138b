"""``one2one wait``: its exit status, and what it says."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from one2one.opennebula.template import Template
from tests.admin.clouds import Clouds
from tests.admin.command import ONE2ONE
from tests.admin.test_ownership import unmark

PENDING = State(VmState.PENDING)


def wait(clouds: Clouds, *arguments: str, **options: Any) -> tuple[int, str, str]:
    done = clouds.run("wait", *arguments, **options)
    assert len(done.stderr.splitlines()) <= 1
    return done.returncode, done.stdout, done.stderr


def start(clouds: Clouds, *arguments: str) -> "subprocess.Popen[str]":
    front_end = clouds.front_end
    return subprocess.Popen(
        [ONE2ONE, "wait", *arguments],
        env=front_end.home.environment(front_end.endpoint),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def set_remote_state(clouds: Clouds, state: State, **words: str) -> None:
    with clouds.remote.clock.lock:
        remote = clouds.remote.vms[0]
        remote.state = state
        remote.user_template = Template([*remote.user_template, *words.items()])
        clouds.remote.vms.note_change(remote)


def test_a_vm_in_the_state_is_told_at_once(clouds: Clouds) -> None:
    clouds.run_vm()
    assert wait(clouds, "0", "--for", "running") == (0, "VM 0 is RUNNING\n", "")
    both = "VM 0 and its remote VM 0 are RUNNING\n"
    assert wait(clouds, "0", "--for", "running", "--remote") == (0, both, "")


@pytest.mark.parametrize(
    ("action", "state"),
    [
        ("poweroff-hard", "poweroff"),
        ("suspend", "suspended"),
        ("stop", "stopped"),
        ("undeploy-hard", "undeployed"),
        ("terminate-hard", "done"),
    ],
)
def test_each_state_is_waited_for_on_both_sides(clouds: Clouds, action: str, state: str) -> None:
    vm = clouds.run_vm()
    with start(clouds, "0", "--for", state, "--remote") as waiting:
        vm.act(action)
        assert waiting.wait() == 0
    assert str(clouds.remote.vms[0].state) == vm.state == state.upper()


def test_a_remote_vm_that_is_pending_is_not_running(clouds: Clouds) -> None:
    clouds.run_vm()
    set_remote_state(clouds, PENDING, SCHED_MESSAGE="No host with enough capacity")
    assert wait(clouds, "0", "--for", "running")[0] == 0
    status, _, said = wait(clouds, "0", "--for", "running", "--remote", "--timeout", "2")
    assert status == 124
    assert said == (
        "one2one: VM 0 is not RUNNING after 2 s: "
        "remote VM 0 is PENDING: No host with enough capacity\n"
    )


def test_a_failure_ends_the_waiting(clouds: Clouds) -> None:
    vm = clouds.run_vm()
    set_remote_state(clouds, State(VmState.ACTIVE, LcmState.BOOT_FAILURE))
    status, _, said = wait(clouds, "0", "--for", "running", "--remote")
    assert status == 1
    assert "VM 0 will not be RUNNING: remote VM 0 is BOOT_FAILURE: the remote's hypervisor" in said
    with clouds.front_end.clock.lock:
        stored = clouds.front_end.pools.find_vm(vm.id)
        stored.state = State(VmState.ACTIVE, LcmState.PROLOG_FAILURE)
        stored.user_template = Template([("ERROR", "no space\u202e\nleft")])
    status, _, said = wait(clouds, "0", "--for", "running")
    assert status == 1
    assert "VM 0 will not be RUNNING: it is PROLOG_FAILURE: no space" in said
    assert "\u202e" not in said


def test_what_is_done_or_gone_ends_the_waiting(clouds: Clouds) -> None:
    vm = clouds.run_vm()
    clouds.remote.act(0, "terminate-hard")
    assert clouds.remote.wait_for(0, State(VmState.DONE))
    status, _, said = wait(clouds, "0", "--for", "running", "--remote")
    assert (status, "remote VM 0 is gone" in said) == (1, True)
    vm.act("terminate-hard")
    vm.wait("DONE")
    status, _, said = wait(clouds, "0", "--for", "running")
    assert (status, said) == (1, "one2one: VM 0 will not be RUNNING: it is DONE\n")
    status, _, said = wait(clouds, "99", "--for", "done")
    assert (status, said) == (1, "one2one: VM 99 will not be DONE: there is no such VM\n")


def test_a_vm_that_never_had_a_remote_vm_is_done(newest: Clouds) -> None:
    vm = newest.front_end.add_vm({"CPU": "1", "MEMORY": "128"})
    vm.act("terminate-hard")
    assert wait(newest, str(vm.id), "--for", "done", "--remote")[0] == 0


def test_the_state_of_anothers_remote_vm_does_not_count(clouds: Clouds) -> None:
    host = clouds.add_host()
    clouds.run_vm(host)
    thief = clouds.run_vm(host)
    with clouds.front_end.clock.lock:
        stored = clouds.front_end.pools.find_vm(thief.id)
        stored.deploy_id = "opennebula-hybrid-0"
    status, out, said = wait(clouds, "0", "1", "--for", "running", "--remote", "--json")
    assert status == 1
    assert "VM 1 will not be RUNNING: remote VM 0 is not VM 1's" in said
    own, other = json.loads(out)
    assert (own["verdict"], own["remote_state"], own["reason"]) == ("reached", "RUNNING", "")
    assert (other["verdict"], other["remote_state"]) == ("never", "")
    unmark(clouds, 0)
    assert "lost its marks" in wait(clouds, "0", "--for", "running", "--remote")[2]


def test_an_outage_of_either_side_is_said_and_waited_through(clouds: Clouds) -> None:
    clouds.run_vm()
    set_remote_state(clouds, PENDING)
    for server, named in (
        (clouds.remote.server, "one2one: still waiting: the remote of host burst1 cannot be asked"),
        (clouds.front_end.server, "one2one: still waiting: this cloud cannot be asked"),
    ):
        server.stop()
        with start(clouds, "0", "--for", "running", "--remote") as waiting:
            assert waiting.stderr is not None
            assert waiting.stderr.readline().startswith(named)
            set_remote_state(clouds, RUNNING)
            server.start()
            assert waiting.wait() == 0


def test_an_outage_that_lasts_is_the_reason(newest: Clouds) -> None:
    newest.run_vm()
    newest.remote.server.stop()
    done = newest.run("wait", "0", "--for", "running", "--remote", "--timeout", "2")
    assert done.returncode == 124
    [_, last] = done.stderr.splitlines()
    assert last.startswith("one2one: VM 0 is not RUNNING after 2 s: the remote of host burst1")


def test_a_look_is_one_call_to_each_side(newest: Clouds) -> None:
    host = newest.add_host()
    for _ in range(3):
        newest.run_vm(host)
    newest.remote.calls.clear()
    assert wait(newest, "0", "1", "2", "1", "--for", "running", "--remote")[0] == 0
    assert newest.remote.calls.counts() == {"one.vmpool.infoset": 1}


def change_endpoint(clouds: Clouds) -> None:
    with clouds.front_end.clock.lock:
        host = clouds.front_end.pools.find_host(0)
        host.template = Template(a for a in host.template if a[0] != "ONE_ENDPOINT")


def make_ordinary(clouds: Clouds) -> None:
    with clouds.front_end.clock.lock:
        clouds.front_end.pools.find_host(0).vm_mad = "kvm"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_endpoint, "host burst1 has no ONE_ENDPOINT"),
        (make_ordinary, "host burst1 is not hybrid, so its VMs have no remote VMs"),
    ],
)
def test_what_no_waiting_can_end_is_told(
    newest: Clouds, change: Callable[[Clouds], None], said: str
) -> None:
    newest.run_vm()
    change(newest)
    status, _, line = wait(newest, "0", "--for", "running", "--remote")
    assert (status, said in line) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--for running", "Missing argument"),
        ("0", "Missing option '--for'"),
        ("0 --for pending", "'pending' is not one of"),
        ("web --for running", "'web' is not an id"),
        ("0 --for running --timeout 0", "0 is not in the range"),
        ("0 --for running --timeout nan", "'nan' is not a valid integer"),
        ("0 --for running --colour", "No such option"),
    ],
)
def test_wrong_arguments_have_their_own_status(newest: Clouds, arguments: str, said: str) -> None:
    status, _, line = wait(newest, *arguments.split())
    assert (status, said in line, "See: one2one wait --help" in line) == (2, True, True)


def test_without_credentials_it_ends_with_two(newest: Clouds) -> None:
    nowhere = {"ONE_AUTH": "/nonexistent"}
    status, _, said = wait(newest, "0", "--for", "running", environment=nowhere)
    assert (status, "no credentials" in said) == (2, True)
