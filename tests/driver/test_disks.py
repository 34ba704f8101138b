"""What disk a remote VM gets for each that is attached to its local VM."""

import pytest

from one2one.driver.disks import OPERATIONS
from one2one.driver.operation import Steps
from one2one.opennebula.errors import ProtocolError, Refused
from one2one.opennebula.template import Template, Vector
from tests.driver.scripted import BORN
from tests.driver.world import World, finish

TAG = f"7.{BORN}.1.0"


def begin(world: World, action: str, flag: str = "ATTACH", **disk: str) -> Steps:
    """Begin an action about disk 1 of the local VM."""
    if 7 not in world.local.vms:
        world.add_both()
    disks = [{"DISK_ID": "0"}, {"DISK_ID": "1", flag: "YES", **disk}]
    world.local.vms[7].template["DISK"] = disks
    return OPERATIONS[action](world.open_job(action, "HOTPLUG"))


def add_remote_disk(world: World, **members: str) -> None:
    disk: Vector = {"DISK_ID": "5", "ONE_LOCAL_DISK": TAG, **members}
    world.add_both().template["DISK"] = [disk]


def read_attached(world: World) -> Vector:
    (disk,) = world.remote.read_devices(9, "DISK")
    return disk


def test_a_volatile_disk_is_the_same_there(world: World) -> None:
    disk = {"TYPE": "fs", "SIZE": "100", "FORMAT": "qcow2", "FS": "ext4"}
    assert finish(begin(world, "ATTACHDISK", **disk, DEV_PREFIX="vd", TARGET="vdb")) == ""
    assert read_attached(world) == {"DISK_ID": "0", "ONE_LOCAL_DISK": TAG, **disk}


def test_an_image_is_the_one_that_the_local_image_names(world: World) -> None:
    world.local.images[3] = Template([("ONE_REMOTE_IMAGE", "8")])
    world.remote.images[8] = Template()
    assert finish(begin(world, "ATTACHDISK", IMAGE_ID="3", SIZE="100", TYPE="FILE")) == ""
    assert read_attached(world) == {"DISK_ID": "0", "ONE_LOCAL_DISK": TAG, "IMAGE_ID": "8"}


@pytest.mark.parametrize("value", ["ext4 -O x", "a;b", "../x", "x" * 61])
def test_what_is_no_word_is_refused(world: World, value: str) -> None:
    with pytest.raises(Refused, match=r"disk 1 has FS=.*, which is no word"):
        finish(begin(world, "ATTACHDISK", TYPE="fs", SIZE="100", FS=value))
    assert world.remote.count("vm.attach") == 0


def test_an_image_id_that_is_none_is_not_oneds(world: World) -> None:
    with pytest.raises(ProtocolError, match="oned sent disk 1 without an image id"):
        finish(begin(world, "ATTACHDISK", IMAGE_ID="x"))


def test_an_action_about_no_disk_is_not_oneds(world: World) -> None:
    with pytest.raises(ProtocolError, match="without an active DISK"):
        finish(begin(world, "ATTACHDISK", flag="OTHER"))


def test_a_disk_is_detached_by_its_number_there(world: World) -> None:
    add_remote_disk(world)
    assert finish(begin(world, "DETACHDISK")) == ""
    assert "vm.detach 9 5" in world.remote.calls


@pytest.mark.parametrize(("there", "asked"), [("100", True), ("200", False), ("300", False)])
def test_a_disk_grows_to_the_new_size(world: World, there: str, *, asked: bool) -> None:
    add_remote_disk(world, SIZE=there)
    assert finish(begin(world, "RESIZEDISK", flag="RESIZE", SIZE="200")) == ""
    assert ("vm.diskresize 9 5 200" in world.remote.calls) is asked


def test_a_disk_that_the_remote_lost_cannot_grow(world: World) -> None:
    world.add_both().template["DISK"] = []
    with pytest.raises(Refused, match=r"disk 1 has none in remote VM 9.*Detach it here too"):
        finish(begin(world, "RESIZEDISK", flag="RESIZE", SIZE="200"))
