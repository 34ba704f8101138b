"""What NIC a remote VM gets for each that is attached to its local VM."""

import pytest

from one2one.driver.nics import OPERATIONS
from one2one.driver.operation import Steps
from one2one.opennebula.errors import Refused
from one2one.opennebula.template import Template, Vector
from tests.driver.scripted import BORN, WRONG_STATE, refuse
from tests.driver.world import World, finish

TAG = f"7.{BORN}.1.0"
RANGE = {"IP": "10.0.0.10", "SIZE": "10"}


def begin(world: World, action: str, vector: str = "NIC", **nic: str) -> Steps:
    """Begin an action about NIC 1 of the local VM, in network 3 that stands for network 8."""
    world.add_both().template["NIC"] = [{"NIC_ID": "4", "ONE_LOCAL_NIC": TAG}]
    if action == "ATTACHNIC":
        world.remote.vms[9].template["NIC"] = []
    world.local.networks[3] = Template([("ONE_REMOTE_NETWORK", "8")]), {}
    world.remote.networks[8] = Template(), RANGE
    world.local.vms[7].template[vector] = [{"NIC_ID": "1", "ATTACH": "YES", **nic}]
    return OPERATIONS[action](world.open_job(action, "HOTPLUG_NIC"))


def read_attached(world: World) -> Vector:
    (nic,) = world.remote.read_devices(9, "NIC")
    return nic


def test_an_address_that_the_remote_network_has_is_the_same_there(world: World) -> None:
    assert finish(begin(world, "ATTACHNIC", NETWORK_ID="3", IP="10.0.0.12")) == ""
    expected = {"NIC_ID": "0", "ONE_LOCAL_NIC": TAG, "NETWORK_ID": "8", "IP": "10.0.0.12"}
    assert read_attached(world) == expected
    assert world.log == []


@pytest.mark.parametrize("address", ["10.0.0.20", "10.0.0.9", "192.168.0.1"])
def test_an_address_that_it_lacks_becomes_another_and_that_is_told(
    world: World, address: str
) -> None:
    assert finish(begin(world, "ATTACHNIC", NETWORK_ID="3", IP=address)) == ""
    assert "IP" not in read_attached(world)
    assert f"has no {address}, and gives another address" in world.log[0]


def test_an_address_that_is_in_use_there_is_told_with_what_to_do(world: World) -> None:
    steps = begin(world, "ATTACHNIC", NETWORK_ID="3", IP="10.0.0.12")
    world.remote.script("vm.attachnic", refuse(WRONG_STATE, "in use"))
    with pytest.raises(Refused, match="in use") as refused:
        finish(steps)
    assert "Free 10.0.0.12 there if it is in use" in refused.value.remedy


def test_a_nic_without_a_network_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="NIC 1 has no virtual network"):
        finish(begin(world, "ATTACHNIC"))


@pytest.mark.parametrize("vector", ["NIC_ALIAS", "PCI"])
def test_what_is_no_nic_is_refused_before_anything_is_asked(world: World, vector: str) -> None:
    with pytest.raises(Refused, match=f"ATTACHNIC of a {vector} is not supported"):
        finish(begin(world, "ATTACHNIC", vector))
    assert world.remote.calls == []


@pytest.mark.parametrize("vector", ["NIC_ALIAS", "PCI"])
def test_what_was_never_attached_there_is_detached(world: World, vector: str) -> None:
    assert finish(begin(world, "DETACHNIC", vector)) == ""
    assert world.remote.calls == []


def test_a_nic_is_detached_by_its_number_there(world: World) -> None:
    assert finish(begin(world, "DETACHNIC")) == ""
    assert "vm.detachnic 9 4" in world.remote.calls


def test_a_nic_whose_alias_is_lost_is_kept_or_oned_would_crash(world: World) -> None:
    with pytest.raises(Refused, match="NIC 1 still names alias 2, which is gone"):
        finish(begin(world, "DETACHNIC", ALIAS_IDS="2"))
    assert world.remote.calls == []
