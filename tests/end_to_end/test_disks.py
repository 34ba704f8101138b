"""Disks that are attached to a hybrid VM: one at the remote for each local one, or a refusal."""

from collections.abc import Iterator
from functools import partial

import pytest

from one2one.opennebula.states import LcmState
from one2one.opennebula.template import Value, Vector
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.wire.delivery import ApiRequest, deliver
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import GENERATIONS, Burst, burst

passing = partial(burst, ONE_PASS_THROUGH="DISK")

ABLE = [*((generation, "resident") for generation in GENERATIONS), ("7.2", "scripts")]
"""Up to 6.10 the stock shell cannot attach a disk."""
VOLATILE = {"TYPE": "fs", "FORMAT": "raw", "SIZE": "100"}


def remote_disks(both: Burst, vm: LocalVm) -> list[Vector]:
    return both.cloud.vms[both.remote_id(vm)].template.vectors("DISK")[1:]


def local_disks(vm: LocalVm) -> list[Vector]:
    return vm.template.vectors("DISK")


def attach(both: Burst, vm: LocalVm, result: str = "SUCCESS", **disk: str) -> None:
    log = len(both.frontend.log)
    vm.attach_disk(**disk or VOLATILE)
    wait_answer(both, vm, f"ATTACHDISK {result}", log)


def detach(both: Burst, vm: LocalVm, number: int, result: str = "SUCCESS") -> None:
    log = len(both.frontend.log)
    vm.detach_disk(number)
    wait_answer(both, vm, f"DETACHDISK {result}", log)


def resize(both: Burst, vm: LocalVm, number: int, size: int, result: str = "SUCCESS") -> None:
    log = len(both.frontend.log)
    vm.resize_disk(number, size)
    wait_answer(both, vm, f"RESIZEDISK {result}", log)


def wait_answer(both: Burst, vm: LocalVm, answer: str, begin: int) -> None:
    """Wait until a line of oned's log, from line *begin* on, has the *answer* for *vm*."""
    log, text = both.frontend.log, f"{answer} {vm.id}"
    assert both.frontend.pools.wait_for(
        lambda: any(text in line for line in log[begin:]), timeout=30
    ), f"no {text!r}"
    vm.wait("RUNNING")


@pytest.mark.parametrize(("generation", "way"), ABLE)
def test_a_volatile_disk_is_attached_resized_and_detached(generation: str, way: str) -> None:
    with passing(generation, way, delay=0.02) as both:
        vm = both.run_vm()
        both.cloud.call("one.vm.attach", both.remote_id(vm), "DISK=[TYPE=swap,SIZE=5]")
        both.wait_remote(vm, "RUNNING")
        attach(both, vm)
        (local,), (theirs, ours) = local_disks(vm), remote_disks(both, vm)
        number = int(local["DISK_ID"])
        assert ours["DISK_ID"] != local["DISK_ID"]
        assert VOLATILE.items() <= ours.items()
        resize(both, vm, number, 250)
        assert [d["SIZE"] for d in remote_disks(both, vm)] == ["5", "250"]
        assert local_disks(vm)[0]["SIZE"] == "250"
        assert not {"ATTACH", "RESIZE"} & (local_disks(vm)[0] | ours).keys()
        detach(both, vm, number)
        assert (local_disks(vm), remote_disks(both, vm)) == ([], [theirs])
        assert vm.error == ""


@pytest.mark.parametrize(("generation", "way"), ABLE)
def test_the_image_that_stands_for_the_local_one_is_attached(generation: str, way: str) -> None:
    with passing(generation, way) as both:
        remote_image = both.cloud.add_image("data at the remote")
        image = both.frontend.add_image("data", ONE_REMOTE_IMAGE=str(remote_image))
        vm = both.run_vm()
        attach(both, vm, IMAGE_ID=str(image))
        assert [disk["IMAGE"] for disk in remote_disks(both, vm)] == ["data at the remote"]
        detach(both, vm, int(local_disks(vm)[0]["DISK_ID"]))
        assert remote_disks(both, vm) == []


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({}, "image 1 (data) has no ONE_REMOTE_IMAGE. Set ONE_REMOTE_IMAGE to the id"),
        ({"ONE_REMOTE_IMAGE": "99"}, "image 99 of the remote, which does not exist"),
        ({"ONE_REMOTE_IMAGE": "1"}, "image 1 of the remote, which the account may not use"),
    ],
)
def test_a_wrong_mapping_is_named(mapping: dict[str, Value], words: str) -> None:
    with passing() as both:
        assert both.cloud.add_image("secret", shared=False) == 1
        image = both.frontend.add_image("data", **mapping)
        vm = both.run_vm()
        attach(both, vm, "FAILURE", IMAGE_ID=str(image), ONE_REMOTE_IMAGE="0")
        assert words in vm.error
        assert (local_disks(vm), remote_disks(both, vm)) == ([], [])


def test_a_disk_that_no_cloud_should_have_is_refused() -> None:
    with passing() as both:
        vm = both.run_vm()
        attach(both, vm, "FAILURE", TYPE="fs", SIZE="100", FORMAT="raw; rm -rf /")
        assert "has FORMAT='raw; rm -rf /', which is no word" in vm.error
        assert (local_disks(vm), remote_disks(both, vm)) == ([], [])


def test_a_lost_answer_makes_no_second_disk() -> None:
    with passing(delay=0.02, arguments="-t 15 -r 3 one") as both:
        vm = both.run_vm()
        both.cloud.faults.on(faults.drop_after, "one.vm.attach")
        attach(both, vm)
        assert len(remote_disks(both, vm)) == 1
        number = int(local_disks(vm)[0]["DISK_ID"])
        both.cloud.faults.on(faults.drop_after, "one.vm.diskresize")
        resize(both, vm, number, 200)
        both.cloud.faults.on(faults.drop_after, "one.vm.detach")
        detach(both, vm, number)
        assert remote_disks(both, vm) == []


def test_what_a_failed_attempt_left_is_detached_by_the_next() -> None:
    with passing(arguments="-t 15 -r 3 one") as both:
        vm = both.run_vm()

        def vanish(request: ApiRequest) -> Iterator[bytes]:
            both.cloud.faults.on(faults.drop_before, "one.vm.info")
            yield from faults.drop_after(request)

        both.cloud.faults.on(vanish, "one.vm.attach")
        attach(both, vm, "FAILURE")
        assert local_disks(vm) == []
        assert [disk["SIZE"] for disk in remote_disks(both, vm)] == ["100"]
        attach(both, vm, TYPE="fs", SIZE="300")
        assert [disk["SIZE"] for disk in remote_disks(both, vm)] == ["300"]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_what_fails_at_the_remote_fails_here(generation: str) -> None:
    with passing(generation) as both:
        vm = both.run_vm()
        attach(both, vm)
        kept, number = (local_disks(vm), remote_disks(both, vm)), int(local_disks(vm)[0]["DISK_ID"])
        fails = 'SANDBOX_FAILS="HOTPLUG DISK_RESIZE"'
        both.cloud.call("one.vm.update", both.remote_id(vm), fails, 1)
        attach(both, vm, "FAILURE")
        assert "disk-attach failed there" in vm.error
        assert "the hypervisor does not do it" in vm.error
        resize(both, vm, number, 200, "FAILURE")
        assert "disk-resize failed there" in vm.error
        detach(both, vm, number, "FAILURE")
        assert "disk-detach 2 failed there" in vm.error
        assert (local_disks(vm), remote_disks(both, vm)) == kept


def test_a_quota_of_the_remote_is_told() -> None:
    with passing() as both:
        vm = both.run_vm()
        attach(both, vm)
        number = int(local_disks(vm)[0]["DISK_ID"])
        both.cloud.owner.quotas.limit(SYSTEM_DISK_SIZE=1200)
        resize(both, vm, number, 500, "FAILURE")
        assert "limit of 1200 reached for SYSTEM_DISK_SIZE quota" in vm.error
        assert local_disks(vm)[0]["SIZE"] == "100"
        attach(both, vm, "FAILURE")
        assert "limit of 1200 reached for SYSTEM_DISK_SIZE quota" in vm.error
        assert len(local_disks(vm)) == len(remote_disks(both, vm)) == 1


def test_a_disk_that_the_remote_lost_can_only_be_detached() -> None:
    with passing() as both:
        vm = both.run_vm()
        attach(both, vm)
        number, remote_id = int(local_disks(vm)[0]["DISK_ID"]), both.remote_id(vm)
        both.cloud.call("one.vm.detach", remote_id, 2)
        both.wait_remote(vm, "RUNNING")
        both.cloud.call("one.vm.attach", remote_id, "DISK=[TYPE=swap,SIZE=5]")
        both.wait_remote(vm, "RUNNING")
        by_hand = remote_disks(both, vm)
        resize(both, vm, number, 200, "FAILURE")
        assert f"disk {number} has none in remote VM {remote_id}" in vm.error
        detach(both, vm, number)
        assert (local_disks(vm), remote_disks(both, vm)) == ([], by_hand)


def test_an_outage_meanwhile_is_waited_out() -> None:
    with passing() as both:
        vm = both.run_vm()
        both.cloud.machine.delays[LcmState.HOTPLUG] = 0.5

        def begin_outage(request: ApiRequest) -> Iterator[bytes]:
            both.cloud.faults.on(faults.drop_before, "one.vm*", times=5)
            yield from deliver(request)

        both.cloud.faults.on(begin_outage, "one.vm.attach")
        attach(both, vm)
        assert len(remote_disks(both, vm)) == 1


def test_nothing_is_done_to_the_vm_of_another() -> None:
    with passing() as both:
        vm = both.run_vm()
        remote_id = both.remote_id(vm)
        both.cloud.call("one.vm.update", remote_id, "ONE_HYBRID_ID=another", 1)
        attach(both, vm, "FAILURE")
        assert f"remote VM {remote_id} is not VM {vm.id}'s" in vm.error
        assert remote_disks(both, vm) == []


@pytest.mark.parametrize("generation", ["5.10", "6.10"])
def test_the_scripts_do_nothing_where_the_shell_would_move_disks(generation: str) -> None:
    """The stock shell runs the transfer manager against the host's name."""
    with passing(generation, "scripts") as both:
        vm = both.run_vm(DISK=VOLATILE | {"DISK_ID": "0", "TARGET": "sda"})
        before = remote_disks(both, vm)
        detach(both, vm, 0, "FAILURE")
        assert "DETACHDISK is not possible with the scripts on a public-cloud host" in vm.error
        assert remote_disks(both, vm) == before
        assert len(local_disks(vm)) == 1


@pytest.mark.parametrize("kind", ["", "NIC SNAPSHOT"])
def test_a_host_that_does_not_pass_it_refuses_it(kind: str) -> None:
    with burst(ONE_PASS_THROUGH=kind) as both:
        vm = both.run_vm()
        attach(both, vm, "FAILURE")
        assert "ATTACHDISK is not supported for VMs in a remote OpenNebula" in vm.error
        assert (local_disks(vm), remote_disks(both, vm)) == ([], [])
