"""The user of a local VM reads there why its remote VM is not as it should be."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from one2one.opennebula.states import LcmState, RaftState, State, VmState
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import GENERATIONS, PAIRS, Burst, burst, monitoring_settings
from tests.end_to_end.test_monitoring_rounds import force, scene

ONE2ONE = str(Path(sys.executable).with_name("one2one"))
NO_HOST = "Cannot dispatch VM: No host with enough capacity to deploy the VM"


def read_problem(both: Burst, vm: LocalVm) -> str:
    return both.frontend.pools.find_vm(vm.id).user_template.text("REMOTE_PROBLEM")


def wait_told(both: Burst, vm: LocalVm, right: Callable[[str], bool]) -> None:
    """Wait until the local VM tells what is *right*."""
    pools = both.frontend.pools
    assert pools.wait_for(lambda: right(read_problem(both, vm)), 30), read_problem(both, vm)


def deploy_without_place(both: Burst, why: str = NO_HOST) -> LocalVm:
    """Return a local VM that runs, whose remote VM finds no place."""
    both.cloud.machine.shortage = why
    vm = both.vm()
    vm.deploy(both.host)
    vm.wait("RUNNING")
    return vm


@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_each_reason_is_told_and_removed(generation: str, way: str) -> None:
    settings = monitoring_settings(generation)
    with burst(generation, way, monitoring=settings) as both:
        vm = deploy_without_place(both)
        remote_id = both.remote_id(vm)
        wait_told(both, vm, f"remote VM {remote_id} is PENDING: {NO_HOST}".__eq__)
        both.cloud.act(remote_id, "hold")
        wait_told(both, vm, lambda said: f"onevm release {remote_id}" in said)
        both.cloud.call("one.vm.update", remote_id, 'SANDBOX_FAILS = "BOOT"', 1)
        both.cloud.machine.shortage = ""
        both.cloud.act(remote_id, "release")
        wait_told(both, vm, lambda said: said.endswith("(DEPLOY: no such machine type)"))
        vm.wait("UNKNOWN")
        force(both, vm, State(VmState.ACTIVE, LcmState.RUNNING))
        wait_told(both, vm, "".__eq__)
        vm.wait("RUNNING")
        both.cloud.act(remote_id, "terminate-hard")
        wait_told(both, vm, lambda said: f"remote VM {remote_id} is gone" in said)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_round_reads_only_what_may_be_a_problem(generation: str) -> None:
    with scene(generation) as on:
        vms = [on.both.run_vm() for _ in range(4)]
        waiting = deploy_without_place(on.both)
        on.monitor.refresh()
        for changes in (1, 0):
            on.read_reports()
            on.both.cloud.calls.clear()
            on.local_calls.clear()
            on.monitor.tell_problems(on.last)
            assert on.both.cloud.calls.counts() == {"one.vm.info": 1}
            read = {"one.vm.info": 5} if generation == "5.10" else {"one.vmpool.infoset": 1}
            assert dict(on.local_calls) == read | ({"one.vm.update": 1} if changes else {})
        assert read_problem(on.both, waiting)
        assert not any(read_problem(on.both, vm) for vm in vms)


@pytest.mark.parametrize("words", ['" ]\nSCHED_REQUIREMENTS="ID=0', "\u202e\u2028x", "@^_^@"])
def test_hostile_words_change_nothing_else(words: str) -> None:
    with scene("6.10") as on:
        vm = on.both.run_vm()
        before = on.both.frontend.pools.find_vm(vm.id).user_template
        force(on.both, vm, State(VmState.ACTIVE, LcmState.BOOT_FAILURE))
        remote = on.both.cloud.vms[on.both.remote_id(vm)]
        remote.user_template = Template(
            [*((n, v) for n, v in remote.user_template if n != "ERROR"), ("ERROR", words)]
        )
        on.monitor.refresh()
        for _ in range(2):
            on.read_reports()
            on.local_calls.clear()
            on.monitor.tell_problems(on.last)
        assert "one.vm.update" not in on.local_calls, "what is kept is what was written"
        after = on.both.frontend.pools.find_vm(vm.id).user_template
        assert [item for item in after if item[0] != "REMOTE_PROBLEM"] == [*before]
        assert read_problem(on.both, vm).startswith("remote VM 0 is BOOT_FAILURE: ")


def test_a_follower_writes_nothing() -> None:
    with burst("6.10", monitoring=monitoring_settings("6.10")) as both:
        vm = deploy_without_place(both)
        wait_told(both, vm, bool)
        asked = threading.Semaphore(0)
        both.frontend.faults.on(faults.run(asked.release), "one.zone.raftstatus", times=None)
        both.frontend.pools.raft = RaftState.FOLLOWER
        both.cloud.machine.shortage = ""
        both.wait_remote(vm, "RUNNING")
        for _ in range(4):
            assert asked.acquire(timeout=30)
        assert read_problem(both, vm)
        both.frontend.pools.raft = RaftState.LEADER
        wait_told(both, vm, "".__eq__)


def test_the_commands_tell_the_same() -> None:
    with burst() as both:
        vm = deploy_without_place(both)
        said = f"remote VM {both.remote_id(vm)} is PENDING: {NO_HOST}"

        def run(*arguments: str) -> str:
            environment = both.frontend.home.environment(both.frontend.endpoint)
            return subprocess.check_output([ONE2ONE, *arguments], env=environment, text=True)

        assert [pair["problem"] for pair in json.loads(run("status", "--json"))] == [said]
        assert json.loads(run("show", str(vm.id), "--json"))["problem"] == said
        assert said in run("show", str(vm.id))
