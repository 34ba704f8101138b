"""Resizing a hybrid VM, running and off: the remote VM follows, or both stay as they were."""

from collections.abc import Iterator
from functools import partial

import pytest

from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.cloud.wire.delivery import ApiRequest, deliver
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import PAIRS, WAYS, Burst, burst

passing = partial(burst, ONE_PASS_THROUGH="RESIZE")
LATER = ("6.10", "7.2")
"""Releases that resize a VM that runs."""
SIZE = {"CPU": "0.1", "MEMORY": "128"}
"""Of the local VM; the remote template says the same, and one VCPU."""


def sizes(both: Burst, vm: LocalVm) -> tuple[dict[str, str], dict[str, str]]:
    remote = both.cloud.vms[both.remote_id(vm)].template
    names = ("CPU", "MEMORY", "VCPU")
    here = {name: vm.template.text(name) for name in names if vm.template.text(name)}
    return here, {name: remote.text(name) for name in names if remote.text(name)}


def power_off(both: Burst, vm: LocalVm) -> None:
    vm.act("poweroff-hard")
    vm.wait("POWEROFF")
    both.wait_remote(vm, "POWEROFF")


def start(both: Burst, vm: LocalVm, result: str = "SUCCESS") -> None:
    mark = len(both.frontend.log)
    vm.act("resume")
    assert both.frontend.pools.wait_for(
        lambda: any(f"DEPLOY {result} {vm.id}" in line for line in both.frontend.log[mark:]), 30
    )
    vm.wait("RUNNING" if result == "SUCCESS" else "POWEROFF")


def resize(both: Burst, vm: LocalVm, result: str = "SUCCESS", **size: str) -> None:
    mark = len(both.frontend.log)
    vm.resize(**size)
    assert both.frontend.pools.wait_for(
        lambda: any(f"RESIZE {result} {vm.id}" in line for line in both.frontend.log[mark:]), 30
    )
    vm.wait("RUNNING")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("generation", LATER)
def test_a_vm_that_runs_is_resized_in_what_the_user_changed(generation: str, way: str) -> None:
    with passing(generation, way, delay=0.02) as both:
        both.cloud.machine.live_resize = True
        vm = both.run_vm()
        _, before = sizes(both, vm)
        resize(both, vm, MEMORY="512")
        here, there = sizes(both, vm)
        assert here == SIZE | {"MEMORY": "512"}
        assert there == before | {"MEMORY": "512"}
        assert vm.template.vectors("RESIZE") == []
        resize(both, vm, CPU="0.5", VCPU="2")
        here, there = sizes(both, vm)
        assert here == there == {"CPU": "0.5", "MEMORY": "512", "VCPU": "2"}
        assert vm.error == ""


@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_a_vm_that_is_off_is_resized_before_it_runs(generation: str, way: str) -> None:
    with passing(generation, way, delay=0.02) as both:
        vm = both.run_vm()
        _, before = sizes(both, vm)
        power_off(both, vm)
        vm.resize(CPU="1.5")
        assert sizes(both, vm)[1] == before
        both.cloud.calls.clear()
        start(both, vm)
        here, there = sizes(both, vm)
        assert here == SIZE | {"CPU": "1.5"}
        assert there == before | {"CPU": "1.5"}
        calls = [call.method for call in both.cloud.calls]
        assert calls.index("one.vm.resize") < calls.index("one.vm.action")


def test_an_undeployed_vm_is_resized_before_it_runs() -> None:
    with passing(delay=0.02) as both:
        vm = both.run_vm()
        vm.act("undeploy-hard")
        vm.wait("UNDEPLOYED")
        vm.resize(MEMORY="256")
        vm.act("resume")
        vm.wait("PENDING")
        vm.deploy(both.host)
        vm.wait("RUNNING")
        both.wait_remote(vm, "RUNNING")
        assert sizes(both, vm)[1]["MEMORY"] == "256"


def test_a_size_that_was_never_the_local_one_stays_at_a_start() -> None:
    with passing() as both:
        vm = both.run_vm(CPU="0.3", MEMORY="64")
        here, there = sizes(both, vm)
        assert there == {"CPU": "0.1", "MEMORY": "128", "VCPU": "1"}
        power_off(both, vm)
        start(both, vm)
        assert sizes(both, vm) == (here, there)
        counts = both.cloud.calls.counts()
        assert "one.vm.resize" not in counts
        assert "one.vm.update" not in counts


def test_a_remote_vm_that_tells_no_local_size_is_not_resized_at_a_start() -> None:
    with passing() as both:
        vm = both.run_vm()
        _, before = sizes(both, vm)
        remote_id = both.remote_id(vm)
        both.cloud.call("one.vm.update", remote_id, "ONE_LOCAL_SIZE=[]", 1)
        power_off(both, vm)
        vm.resize(CPU="1.5")
        start(both, vm)
        assert sizes(both, vm)[1] == before
        power_off(both, vm)
        vm.resize(CPU="0.7")
        start(both, vm)
        assert sizes(both, vm)[1] == before | {"CPU": "0.7"}


def test_without_the_word_no_size_is_passed_on() -> None:
    with burst() as both:
        vm = both.run_vm()
        before = sizes(both, vm)
        resize(both, vm, "FAILURE", CPU="0.5")
        assert "RESIZE is not supported for VMs in a remote OpenNebula" in vm.error
        assert sizes(both, vm) == before
        power_off(both, vm)
        vm.resize(CPU="0.5")
        start(both, vm)
        assert sizes(both, vm)[1] == before[1]


@pytest.mark.parametrize("generation", LATER)
def test_what_the_remote_does_not_allow_leaves_both_as_they_were(generation: str) -> None:
    with passing(generation) as both:
        vm = both.run_vm()
        before = sizes(both, vm)
        resize(both, vm, "FAILURE", CPU="0.5")
        assert "Hotplug resize not supported by driver dummy" in vm.error
        assert sizes(both, vm) == before

        both.cloud.machine.live_resize = True
        both.cloud.owner.quotas.limit(CPU=2)
        resize(both, vm, "FAILURE", CPU="2.5")
        assert "limit of 2 reached for CPU quota in VM" in vm.error
        assert "Raise the quota of the remote account" in vm.error
        assert sizes(both, vm) == before

        fails = "SANDBOX_FAILS=HOTPLUG_RESIZE"
        both.cloud.call("one.vm.update", both.remote_id(vm), fails, 1)
        resize(both, vm, "FAILURE", CPU="0.5")
        assert "resize failed there" in vm.error
        assert sizes(both, vm) == before


def test_a_remote_vm_that_is_started_meanwhile_is_not_resized_then() -> None:
    with passing() as both:
        vm = both.run_vm()
        _, before = sizes(both, vm)
        power_off(both, vm)
        vm.resize(CPU="1.5")

        def overtake(request: ApiRequest) -> Iterator[bytes]:
            both.cloud.act(both.remote_id(vm), "resume")
            both.wait_remote(vm, "RUNNING")
            yield from deliver(request)

        both.cloud.faults.on(overtake, "one.vm.resize")
        start(both, vm)
        assert sizes(both, vm)[1] == before
        power_off(both, vm)
        start(both, vm)
        assert sizes(both, vm)[1]["CPU"] == "1.5"


@pytest.mark.parametrize("runs", [True, False])
def test_a_lost_answer_to_a_first_step_keeps_nothing_from_the_next(*, runs: bool) -> None:
    with burst(ONE_PASS_THROUGH="RESIZE, UPDATECONF") as both:
        both.cloud.machine.live_resize = True
        vm = both.run_vm(CONTEXT={"GREETING": "hello"})
        if runs:
            both.cloud.faults.on(faults.drop_after, "one.vm.update")
            resize(both, vm, CPU="1.5")
        else:
            power_off(both, vm)
            vm.resize(CPU="1.5")
            vm.update_context(GREETING="bye")
            both.cloud.faults.on(faults.drop_after, "one.vm.resize")
            start(both, vm)
        assert sizes(both, vm)[1]["CPU"] == "1.5"
        assert both.cloud.calls.counts()["one.vm.resize"] == 1


def test_a_quota_of_the_remote_keeps_a_resized_vm_from_starting() -> None:
    with passing() as both:
        vm = both.run_vm()
        _, before = sizes(both, vm)
        power_off(both, vm)
        both.cloud.owner.quotas.limit(CPU=2)
        vm.resize(CPU="2.5")
        start(both, vm, "FAILURE")
        assert "limit of 2 reached for CPU quota in VM" in vm.error
        both.wait_remote(vm, "POWEROFF")
        assert sizes(both, vm)[1] == before
        vm.resize(CPU="1.5")
        start(both, vm)
        assert sizes(both, vm)[1]["CPU"] == "1.5"


def test_what_failed_while_it_ran_is_not_taken_for_done() -> None:
    with passing() as both:
        both.cloud.machine.live_resize = True
        vm = both.run_vm()
        both.cloud.owner.quotas.limit(CPU=2)
        resize(both, vm, "FAILURE", CPU="2.5")
        power_off(both, vm)
        vm.resize(CPU="2.5")
        start(both, vm, "FAILURE")
        assert "limit of 2 reached for CPU quota in VM" in vm.error
        both.cloud.owner.quotas.limit(CPU=3)
        start(both, vm)
        assert sizes(both, vm)[1]["CPU"] == "2.5"


def test_a_vm_is_resized_back_to_what_it_was() -> None:
    with passing() as both:
        both.cloud.machine.live_resize = True
        vm = both.run_vm()
        resize(both, vm, CPU="0.5")
        both.cloud.owner.quotas.limit(CPU=2)
        resize(both, vm, "FAILURE", CPU="2.5")
        power_off(both, vm)
        vm.resize(CPU="0.1")
        start(both, vm)
        here, there = sizes(both, vm)
        assert here["CPU"] == there["CPU"] == "0.1"


def test_more_than_the_host_offers_is_refused_by_the_local_cloud() -> None:
    with passing() as both:
        vm = both.run_vm()
        share = both.frontend.pools.find_host(both.host.id).share
        share.total_cpu, share.total_memory = 100, 2**20
        with pytest.raises(Refusal, match="Not enough CPU: 150/100"):
            vm.resize(CPU="1.5")
        assert vm.state == "RUNNING"
        assert sizes(both, vm)[0] == SIZE


def test_a_remote_of_5_10_resizes_nothing_that_runs() -> None:
    with passing("6.10", profile="5.10") as both:
        vm = both.run_vm()
        before = sizes(both, vm)
        resize(both, vm, "FAILURE", CPU="0.5")
        assert "Cannot resize a VM in state RUNNING" in vm.error
        assert sizes(both, vm) == before


def test_a_lost_answer_is_no_failure() -> None:
    with passing(delay=0.02) as both:
        both.cloud.machine.live_resize = True
        vm = both.run_vm()
        both.cloud.faults.on(faults.drop_after, "one.vm.resize")
        resize(both, vm, CPU="0.5")
        here, there = sizes(both, vm)
        assert here["CPU"] == there["CPU"] == "0.5"


def test_a_resize_that_only_the_remote_did_is_taken_back_at_the_next_start() -> None:
    with passing(delay=0.02) as both:
        both.cloud.machine.live_resize = True
        vm = both.run_vm(CPU="0.3")
        before = sizes(both, vm)
        both.cloud.faults.on(faults.drop_after, "one.vm.resize")
        both.cloud.faults.on(faults.drop_before, "one.vm.info", nth=3)
        resize(both, vm, "FAILURE", CPU="0.5")
        both.wait_remote(vm, "RUNNING")
        assert sizes(both, vm) == (before[0], before[1] | {"CPU": "0.5"})
        power_off(both, vm)
        start(both, vm)
        assert sizes(both, vm) == (before[0], before[1] | {"CPU": "0.3"})
