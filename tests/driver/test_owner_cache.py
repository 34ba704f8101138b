"""What is known of a remote VM's owner is used for some minutes, and never in doubt."""

from dataclasses import replace

from one2one.driver.owner_cache import OwnerCache
from tests.driver.world import MARKS, World


def test_a_vm_is_known_to_be_the_local_vm_that_its_marks_name(world: World) -> None:
    cache = OwnerCache()
    cache.add(9, MARKS)
    assert cache.holds(9, MARKS)
    assert cache.holds(9, replace(MARKS, sequence=3)), "it is the same VM after a new start"
    assert not cache.holds(9, replace(MARKS, stime=0))
    assert not cache.holds(9, replace(MARKS, vm_id=8))
    assert not cache.holds(9, replace(MARKS, hybrid_id="hybrid-b"))
    assert not cache.holds(10, MARKS)


def test_what_is_known_is_forgotten_in_time(world: World) -> None:
    cache = OwnerCache()
    cache.add(9, MARKS)
    for _ in range(599):
        world.wait(1)
        cache.record_answer()
    assert cache.holds(9, MARKS)
    world.wait(2)
    assert not cache.holds(9, MARKS)
    cache.add(9, MARKS)
    assert cache.holds(9, MARKS)


def test_the_last_that_was_read_counts(world: World) -> None:
    cache = OwnerCache()
    cache.add(9, MARKS)
    cache.add(9, replace(MARKS, vm_id=8))
    assert not cache.holds(9, MARKS)


def test_after_an_outage_nothing_is_known(world: World) -> None:
    cache = OwnerCache()
    cache.add(9, MARKS)
    cache.forget()
    assert not cache.holds(9, MARKS)


def test_after_a_silence_nothing_is_known(world: World) -> None:
    """The remote may have been restored, and its outage not seen."""
    cache = OwnerCache()
    cache.add(9, MARKS)
    world.wait(10)
    assert cache.holds(9, MARKS)
    cache.record_answer()
    world.wait(10)
    assert cache.holds(9, MARKS)
    world.wait(1)
    assert not cache.holds(9, MARKS)
    cache.record_answer()
    assert not cache.holds(9, MARKS)


def test_no_more_is_known_than_there_is_room_for(world: World) -> None:
    cache = OwnerCache()
    for remote_id in range(10_001):
        cache.add(remote_id, MARKS)
    assert not cache.holds(0, MARKS)
    assert cache.holds(10_000, MARKS)
