"""A VM that an earlier attempt made is found, in an account of any size, by few calls."""

import pytest

from one2one.driver.vm_index import CLOCK_SKEW_S, VmIndex
from one2one.hybrid.naming import Marks
from one2one.opennebula.errors import Unreachable
from tests.driver.scripted import BORN, answer, drop
from tests.driver.world import MARKS, World

NEW = float("inf")
"""Asks for a reading of its own."""
PAGE = 100


def make_marks(vm_id: int, stime: int = BORN) -> Marks:
    return Marks(MARKS.hybrid_id, vm_id, stime, 0)


def fill(world: World, number: int, stime: int = BORN) -> None:
    """Give the account so many VMs of others, of ids that follow each other."""
    for remote_id in range(1000, 1000 + number):
        world.add_remote(remote_id, marks=None).stime = stime


def find(world: World, ours: Marks = MARKS) -> list[int]:
    return [vm.id for vm in world.open().vm_index.find_marked(ours, NEW)]


def test_the_vms_with_the_marks_are_found_newest_first(world: World) -> None:
    for remote_id in (9, 11, 10):
        world.add_remote(remote_id)
    assert find(world) == [11, 10, 9]


@pytest.mark.parametrize("name", ["remote-opennebula-8", "web", "remote-opennebula-70"])
def test_a_vm_with_another_name_is_not_even_read(world: World, name: str) -> None:
    world.add_remote(9).name = name
    assert find(world) == []
    assert world.remote.count("vm.info") == 0


@pytest.mark.parametrize("name", ["ONE_HYBRID_ID", "REMOTE_OPENNEBULA_VM_ID", "ONE_HYBRID_STAY"])
def test_the_name_alone_is_no_proof(world: World, name: str) -> None:
    del world.add_remote(9).user_template[name]
    assert find(world) == []


def test_an_empty_account_costs_one_call(world: World) -> None:
    assert find(world) == []
    assert world.remote.calls == ["vmpool.info -3 0 -100 -1"]


def test_a_burst_costs_one_listing(world: World) -> None:
    index = VmIndex(world.open().cloud)
    for vm_id in range(50):
        index.find_marked(make_marks(vm_id), world.now)
    assert world.remote.count("vmpool.info") == 1


def test_who_asks_later_gets_a_listing_of_its_own(world: World) -> None:
    index = VmIndex(world.open().cloud)
    index.find_marked(MARKS, world.now)
    world.wait(1)
    world.add_remote(9)
    assert [vm.id for vm in index.find_marked(MARKS, world.now)] == [9]


def test_a_large_account_is_read_back_to_the_time_of_the_local_vm(world: World) -> None:
    world.add_remote(9)
    fill(world, PAGE)
    assert find(world) == [9]
    assert world.remote.calls[:2] == ["vmpool.info -3 0 -100 -1", "vmpool.info -3 0 999 -1"]


def test_vms_from_long_before_the_local_one_are_not_read(world: World) -> None:
    fill(world, PAGE, stime=BORN - CLOCK_SKEW_S - 1)
    assert find(world) == []
    assert world.remote.count("vmpool.info") == 1


def test_the_clocks_of_the_clouds_may_differ_by_an_hour(world: World) -> None:
    world.add_remote(9).stime = BORN - CLOCK_SKEW_S
    fill(world, PAGE, stime=BORN - CLOCK_SKEW_S)
    assert find(world) == [9]


def test_a_listing_that_does_not_go_back_far_enough_serves_no_older_vm(world: World) -> None:
    index = VmIndex(world.open().cloud)
    world.add_remote(9, marks=make_marks(7, BORN - 10_000)).stime = BORN - 10_000
    fill(world, PAGE, stime=BORN - CLOCK_SKEW_S - 1)
    index.find_marked(make_marks(8), world.now)
    assert [vm.id for vm in index.find_marked(make_marks(7, BORN - 10_000), world.now)] == [9]


def test_a_cloud_that_lists_oldest_first_is_read_whole(world: World) -> None:
    world.add_remote(1500)
    fill(world, PAGE)
    oldest = sorted(world.remote.vms.values(), key=lambda vm: vm.id)[:PAGE]
    shown = "".join(vm.render(whole=False) for vm in oldest)
    world.remote.script("vmpool.info", answer(f"<VM_POOL>{shown}</VM_POOL>"))
    world.remote.vms[1500].user_template["ONE_HYBRID_STAY"] = f"{BORN}.0"
    assert find(world) == [1500]
    assert world.remote.calls[1] == "vmpool.info -3 -1 -1 -1"


def test_without_a_listing_nothing_is_taken_for_missing(world: World) -> None:
    world.remote.script("vmpool.info", drop)
    with pytest.raises(Unreachable):
        find(world)
