"""Which remote device is that of a local one, and which remote image or network stands for it."""

import pytest

from one2one.driver.devices import attach, detach, find_mapped
from one2one.driver.operation import Job, Steps
from one2one.hybrid.devices import DISK, LocalDevice
from one2one.opennebula.devices import get_image
from one2one.opennebula.errors import NotFound, Refused, Unreachable
from one2one.opennebula.template import Template, Vector
from tests.driver.scripted import BORN, drop, lose
from tests.driver.world import World, finish

OWNER = f"7.{BORN}"
LOCAL = LocalDevice(DISK, 1, {}, OWNER, sequence=4, present=frozenset({0, 1}))
TAG = f"{OWNER}.1.4"
OLD = f"{OWNER}.1.2"
"""The tag of what an earlier attempt attached for the same number."""


def open_job(world: World, *tags: str) -> Job:
    """Return a job, where the remote VM has a disk of its template and one for each tag."""
    disks: list[Vector] = [{"DISK_ID": "0", "IMAGE": "system"}]
    disks += [{"DISK_ID": str(n), "ONE_LOCAL_DISK": tag} for n, tag in enumerate(tags, 1)]
    world.add_both().template["DISK"] = disks
    return world.open_job("ATTACHDISK", "HOTPLUG")


def begin_attach(job: Job) -> Steps:
    return attach(job, LOCAL, lambda: {"SIZE": "10"})


def list_tags(world: World) -> list[str]:
    return [disk.get("ONE_LOCAL_DISK", "") for disk in world.remote.read_devices(9, "DISK")]


def test_a_device_is_attached_with_its_tag(world: World) -> None:
    assert finish(begin_attach(open_job(world))) == ""
    assert list_tags(world) == ["", TAG]


def test_a_device_that_is_there_already_is_not_attached_again(world: World) -> None:
    assert finish(begin_attach(open_job(world, TAG))) == ""
    assert world.remote.count("vm.attach") == 0


def test_what_is_there_already_is_not_looked_up(world: World) -> None:
    def fail() -> Vector:
        raise Refused("no such image")

    assert finish(attach(open_job(world, TAG), LOCAL, fail)) == ""


def test_a_device_whose_answer_was_lost_is_attached_once(world: World) -> None:
    job = open_job(world)
    world.remote.script("vm.attach", lose)
    assert finish(begin_attach(job)) == ""
    assert list_tags(world) == ["", TAG]


def test_a_device_that_may_still_arrive_is_not_attached_again(world: World) -> None:
    job = open_job(world)
    world.remote.script("vm.attach", drop)
    with pytest.raises(Unreachable, match=r"one\.vm\.attach"):
        finish(begin_attach(job))
    assert world.remote.count("vm.attach") == 1


def test_what_had_the_number_before_is_detached_first(world: World) -> None:
    assert finish(begin_attach(open_job(world, OLD))) == ""
    assert list_tags(world) == ["", TAG]


def test_what_belongs_to_a_device_that_is_gone_is_detached_first(world: World) -> None:
    gone, kept = f"{OWNER}.3.2", f"{OWNER}.0.1"
    assert finish(begin_attach(open_job(world, gone, kept))) == ""
    assert list_tags(world) == ["", kept, TAG]


def test_a_device_is_detached_and_no_other(world: World) -> None:
    others = f"8.{BORN}.1.4"
    assert finish(detach(open_job(world, others, TAG), LOCAL)) == ""
    assert list_tags(world) == ["", others]


def test_a_device_that_the_remote_vm_lacks_counts_as_detached(world: World) -> None:
    assert finish(detach(open_job(world), LOCAL)) == ""
    assert world.remote.count("vm.detach") == 0


def test_nothing_is_done_to_the_vm_of_another(world: World) -> None:
    job = open_job(world, TAG)
    world.remote.vms[9].user_template["REMOTE_OPENNEBULA_VM_ID"] = "12"
    for steps in (begin_attach(job), detach(job, LOCAL)):
        with pytest.raises(Refused, match="remote VM 9 is not VM 7's"):
            finish(steps)
    assert list_tags(world) == ["", TAG]


def test_a_local_image_names_the_remote_one(world: World) -> None:
    job = open_job(world)
    world.local.images[3] = Template([("ONE_REMOTE_IMAGE", "8")])
    world.remote.images[8] = Template()
    assert find_mapped(job, get_image, 3).id == 8


def test_an_image_that_stands_for_nothing_is_told_with_what_to_set(world: World) -> None:
    job = open_job(world)
    world.local.images[3] = Template()
    with pytest.raises(Refused, match=r"image 3 .* has no ONE_REMOTE_IMAGE") as refused:
        find_mapped(job, get_image, 3)
    assert "oneimage update 3" in refused.value.remedy


def test_a_remote_image_that_is_gone_is_told_by_both_numbers(world: World) -> None:
    job = open_job(world)
    world.local.images[3] = Template([("ONE_REMOTE_IMAGE", "8")])
    with pytest.raises(Refused, match=r"image 3 .* stands for image 8 .* does not exist"):
        find_mapped(job, get_image, 3)


def test_a_local_image_that_is_gone_is_no_fault_of_the_remote(world: World) -> None:
    with pytest.raises(NotFound, match="http://local"):
        find_mapped(open_job(world), get_image, 3)
