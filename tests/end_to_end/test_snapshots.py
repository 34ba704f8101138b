"""System snapshots of a hybrid VM: one at the remote for each local one, whatever happens."""

from collections.abc import Iterator
from functools import partial

import pytest

from one2one.opennebula.states import LcmState
from one2one.opennebula.template import Vector
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.wire.delivery import ApiRequest, Drop, deliver
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import GENERATIONS, WAYS, Burst, burst

passing = partial(burst, ONE_PASS_THROUGH="SNAPSHOT")


def remote_snapshots(both: Burst, vm: LocalVm) -> list[Vector]:
    return both.cloud.vms[both.remote_id(vm)].template.vectors("SNAPSHOT")


def create(both: Burst, vm: LocalVm, name: str = "before", result: str = "SUCCESS") -> int:
    number = vm.snapshot(name)
    both.frontend.wait_for_log(f"SNAPSHOTCREATE {result} {vm.id}")
    vm.wait("RUNNING")
    return number


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_snapshot_is_created_reverted_and_deleted(generation: str, way: str) -> None:
    with passing(generation, way, delay=0.02) as both:
        vm = both.run_vm()
        others = both.cloud.call("one.vm.snapshotcreate", both.remote_id(vm), "by hand")
        assert isinstance(others, int)
        both.wait_remote(vm, "RUNNING")
        number = create(both, vm, "before the upgrade")
        (local,) = vm.template.vectors("SNAPSHOT")
        theirs, ours = remote_snapshots(both, vm)
        assert local["HYPERVISOR_ID"] == ours["SNAPSHOT_ID"] == "1"
        assert ours["NAME"].startswith("before the upgrade [one2one ")

        vm.revert_snapshot(number)
        both.frontend.wait_for_log(f"SNAPSHOTREVERT SUCCESS {vm.id}")
        vm.wait("RUNNING")
        vm.delete_snapshot(number)
        both.frontend.wait_for_log(f"SNAPSHOTDELETE SUCCESS {vm.id}")
        vm.wait("RUNNING")
        assert vm.template.vectors("SNAPSHOT") == []
        assert remote_snapshots(both, vm) == [theirs]
        calls = both.cloud.calls.counts()
        assert calls["one.vm.snapshotrevert"] == calls["one.vm.snapshotdelete"] == 1
        assert vm.error == ""


@pytest.mark.parametrize("way", WAYS)
def test_a_snapshot_that_the_remote_lost_can_only_be_deleted(way: str) -> None:
    with passing(way=way) as both:
        vm = both.run_vm()
        number = create(both, vm)
        (lost,) = remote_snapshots(both, vm)
        remote_id = both.remote_id(vm)
        both.cloud.call("one.vm.snapshotdelete", remote_id, int(lost["SNAPSHOT_ID"]))
        both.wait_remote(vm, "RUNNING")
        both.cloud.call("one.vm.snapshotcreate", remote_id, "another with its number")
        both.wait_remote(vm, "RUNNING")
        (other,) = remote_snapshots(both, vm)
        assert other["SNAPSHOT_ID"] == lost["SNAPSHOT_ID"]

        vm.revert_snapshot(number)
        both.frontend.wait_for_log(f"SNAPSHOTREVERT FAILURE {vm.id}")
        vm.wait("RUNNING")
        assert f"snapshot {number} (before) is gone: remote VM {remote_id} lost it" in vm.error
        assert "Delete it here too" in vm.error
        vm.delete_snapshot(number)
        both.frontend.wait_for_log(f"SNAPSHOTDELETE SUCCESS {vm.id}")
        vm.wait("RUNNING")
        assert vm.template.vectors("SNAPSHOT") == []
        assert remote_snapshots(both, vm) == [other]
        assert "one.vm.snapshotrevert" not in both.cloud.calls.counts()


def test_a_lost_answer_makes_no_second_snapshot() -> None:
    with passing(delay=0.02) as both:
        vm = both.run_vm()
        both.cloud.faults.on(faults.drop_after, "one.vm.snapshotcreate")
        create(both, vm)
        (ours,) = remote_snapshots(both, vm)
        (local,) = vm.template.vectors("SNAPSHOT")
        assert local["HYPERVISOR_ID"] == ours["SNAPSHOT_ID"]


def test_what_a_failed_attempt_left_is_deleted_by_the_next() -> None:
    with passing(arguments="-t 15 -r 3 one") as both:
        vm = both.run_vm()

        def vanish(request: ApiRequest) -> Iterator[bytes]:
            both.cloud.faults.on(faults.drop_before, "one.vm.info")
            yield from faults.drop_after(request)

        both.cloud.faults.on(vanish, "one.vm.snapshotcreate")
        create(both, vm, result="FAILURE")
        assert vm.template.vectors("SNAPSHOT") == []
        (left,) = remote_snapshots(both, vm)
        both.frontend.clock.jump(1)
        create(both, vm, "after")
        (ours,) = remote_snapshots(both, vm)
        assert ours["NAME"].startswith("after")
        assert ours["NAME"] != left["NAME"]


def test_what_fails_at_the_remote_fails_here() -> None:
    with passing() as both:
        vm = both.run_vm()
        number = create(both, vm)
        kept = vm.template.vectors("SNAPSHOT"), remote_snapshots(both, vm)
        remote_id = both.remote_id(vm)
        both.cloud.call("one.vm.update", remote_id, "SANDBOX_FAILS=HOTPLUG_SNAPSHOT", 1)
        create(both, vm, "again", "FAILURE")
        assert "snapshot-create failed there" in vm.error
        assert "the hypervisor does not do it" in vm.error
        vm.revert_snapshot(number)
        both.frontend.wait_for_log(f"SNAPSHOTREVERT FAILURE {vm.id}")
        vm.wait("RUNNING")
        assert "snapshot-revert failed there" in vm.error
        vm.delete_snapshot(number)
        both.frontend.wait_for_log(f"SNAPSHOTDELETE FAILURE {vm.id}")
        vm.wait("RUNNING")
        assert (vm.template.vectors("SNAPSHOT"), remote_snapshots(both, vm)) == kept


def test_a_revert_without_an_answer_is_not_repeated() -> None:
    with passing(arguments="-t 15 -r 3 one") as both:
        vm = both.run_vm()
        number = create(both, vm)

        def drop_at_the_end(request: ApiRequest) -> Iterator[bytes]:
            request.execute()
            both.wait_remote(vm, "RUNNING")
            raise Drop

        both.cloud.faults.on(drop_at_the_end, "one.vm.snapshotrevert")
        vm.revert_snapshot(number)
        both.frontend.wait_for_log(f"SNAPSHOTREVERT FAILURE {vm.id}")
        vm.wait("RUNNING")
        assert both.cloud.calls.counts()["one.vm.snapshotrevert"] == 1


def test_a_revert_that_is_seen_under_way_needs_no_answer() -> None:
    with passing(delay=0.5) as both:
        vm = both.run_vm()
        number = create(both, vm)
        both.cloud.faults.on(faults.drop_after, "one.vm.snapshotrevert")
        vm.revert_snapshot(number)
        both.frontend.wait_for_log(f"SNAPSHOTREVERT SUCCESS {vm.id}")


def test_an_outage_meanwhile_is_waited_out() -> None:
    with passing() as both:
        vm = both.run_vm()
        both.cloud.machine.delays[LcmState.HOTPLUG_SNAPSHOT] = 0.5

        def begin_outage(request: ApiRequest) -> Iterator[bytes]:
            both.cloud.faults.on(faults.drop_before, "one.vm*", times=5)
            yield from deliver(request)

        both.cloud.faults.on(begin_outage, "one.vm.snapshotcreate")
        create(both, vm)
        assert len(remote_snapshots(both, vm)) == 1


def test_nothing_is_done_to_the_vm_of_another() -> None:
    with passing() as both:
        vm = both.run_vm()
        remote_id = both.remote_id(vm)
        both.cloud.call("one.vm.update", remote_id, "ONE_HYBRID_ID=another", 1)
        create(both, vm, result="FAILURE")
        assert f"remote VM {remote_id} is not VM {vm.id}'s" in vm.error
        assert remote_snapshots(both, vm) == []


def test_a_remote_vm_that_does_not_run_gets_none() -> None:
    with passing() as both:
        vm = both.run_vm()
        both.cloud.act(both.remote_id(vm), "poweroff-hard")
        both.wait_remote(vm, "POWEROFF")
        create(both, vm, result="FAILURE")
        assert "is POWEROFF, which does not allow SNAPSHOTCREATE" in vm.error
        assert vm.template.vectors("SNAPSHOT") == []


@pytest.mark.parametrize("kept", [True, False])
def test_what_a_poweroff_does_to_them_is_each_clouds_own(*, kept: bool) -> None:
    with passing(delay=0.02) as both:
        both.cloud.machine.keep_snapshots = kept
        vm = both.run_vm()
        number = create(both, vm)
        vm.act("poweroff-hard")
        vm.wait("POWEROFF")
        both.wait_remote(vm, "POWEROFF")
        assert len(vm.template.vectors("SNAPSHOT")) == 1
        assert len(remote_snapshots(both, vm)) == int(kept)
        vm.delete_snapshot(number)
        both.frontend.wait_for_log(f"SNAPSHOTDELETE SUCCESS {vm.id}")
        assert remote_snapshots(both, vm) == []
        assert vm.state == "POWEROFF"
        vm.act("resume")
        vm.wait("RUNNING")
        assert vm.template.vectors("SNAPSHOT") == []


def test_an_unreachable_remote_leaves_no_snapshot_here() -> None:
    def close(_: ApiRequest) -> Iterator[bytes]:
        raise Drop

    with passing() as both:
        vm = both.run_vm()
        both.cloud.faults.on(close, "one.vm*", times=None)
        create(both, vm, result="FAILURE")
        assert vm.template.vectors("SNAPSHOT") == []
        assert "Check that the cloud runs" in vm.error
