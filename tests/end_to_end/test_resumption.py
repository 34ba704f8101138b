"""A SUSPENDED VM whose remote VM runs again: oned up to 5.10 is asked to resume it."""

from collections.abc import Callable

import pytest

from one2one.driver.resumption import resume_running
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import WAYS, Burst, burst, monitoring_settings
from tests.end_to_end.test_monitoring_rounds import Scene, scene

LONG_AGO_S = 600


def add_resumed_vm(both: Burst, *, since: int = LONG_AGO_S) -> LocalVm:
    """Return a VM that is SUSPENDED here, since so many seconds, and runs at the remote."""
    vm = both.run_vm()
    vm.act("suspend")
    vm.wait("SUSPENDED")
    both.wait_remote(vm, "SUSPENDED")
    both.frontend.pools.find_vm(vm.id).history[-1].retime -= since
    both.cloud.act(both.remote_id(vm), "resume")
    both.wait_remote(vm, "RUNNING")
    return vm


@pytest.mark.parametrize("way", WAYS)
def test_it_runs_again_here_too(way: str) -> None:
    with burst("5.10", way, monitoring=monitoring_settings("5.10")) as both:
        vm = add_resumed_vm(both)
        vm.wait("RUNNING")
        assert both.alive() == [both.remote_id(vm)]
        # Each probe of the scripts may report the VM while it resumes.
        assert way == "scripts" or not any("reported RUNNING" in line for line in vm.log)

        vm.act("suspend")
        vm.wait("SUSPENDED")
        both.rounds(2)
        assert vm.state == "SUSPENDED"
        both.wait_remote(vm, "SUSPENDED")


def test_a_user_who_suspended_it_just_now_is_not_contradicted() -> None:
    with burst("5.10", monitoring=monitoring_settings("5.10")) as both:
        vm = add_resumed_vm(both, since=0)
        both.rounds(2)
        assert vm.state == "SUSPENDED"


def resumes(world: Scene, report: Callable[[], object] = lambda: None) -> list[str]:
    """Have a round resume what runs again; *report* runs between the round and the last look."""
    reports = world.monitor.read_states().reports
    report()
    return [line for _, line in resume_running(*world.monitor.clouds, reports)]


def test_it_is_asked_for_once() -> None:
    with scene("5.10") as world:
        vm = add_resumed_vm(world.both)
        world.monitor.read_states()
        [line] = resumes(world)
        assert line == f"VM {vm.id} is SUSPENDED and runs at the remote: oned is asked to resume it"
        vm.wait("RUNNING")
        assert resumes(world) == []
        assert world.local_calls["one.vm.action"] == 1


def test_one_that_its_user_resumes_meanwhile_is_left_to_him() -> None:
    with scene("5.10") as world:
        vm = add_resumed_vm(world.both)
        world.monitor.read_states()
        world.both.cloud.faults.on(faults.run(lambda: vm.act("resume")), "one.vm.info")
        assert resumes(world) == []
        assert world.local_calls["one.vm.action"] == 0
        vm.wait("RUNNING")


def test_one_that_its_user_resumes_and_suspends_meanwhile_is_left_to_him() -> None:
    with scene("5.10") as world:
        vm = add_resumed_vm(world.both)
        world.monitor.read_states()

        def resume_and_suspend() -> None:
            for action, state in (("resume", "RUNNING"), ("suspend", "SUSPENDED")):
                vm.act(action)
                vm.wait(state)

        world.both.cloud.faults.on(faults.run(resume_and_suspend), "one.vm.info")
        assert resumes(world) == []
        assert world.local_calls["one.vm.action"] == 0


def test_one_that_is_suspended_at_the_remote_meanwhile_stays_suspended() -> None:
    with scene("5.10") as world:
        vm = add_resumed_vm(world.both)
        world.monitor.read_states()

        def suspend() -> None:
            world.both.cloud.act(world.both.remote_id(vm), "suspend")
            world.both.wait_remote(vm, "SUSPENDED")

        assert resumes(world, suspend) == []
        assert world.local_calls["one.vm.action"] == 0


def test_one_that_is_not_resumed_holds_up_no_other() -> None:
    with scene("5.10") as world:
        first, second = add_resumed_vm(world.both), add_resumed_vm(world.both)
        world.monitor.read_states()
        refusal = faults.refuse("limit of 1 reached for RUNNING_VMS quota in VM")
        world.both.frontend.faults.on(refusal, "one.vm.action")
        refused, asked = resumes(world)
        assert "is not resumed: one.vm.action at" in refused
        assert "oned is asked" in asked
        states = {first.state, second.state}
        assert "SUSPENDED" in states
