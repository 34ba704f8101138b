"""One reading for all who asked before it was begun."""

import itertools
import time

import pytest

from one2one.driver.single_flight import SingleFlight
from one2one.opennebula.errors import InternalError, Unreachable
from tests.driver.world import World

LONG_AGO = 0.0
NEVER_BEFORE = float("inf")


class Cloud:
    """Something to read, which answers the number of the reading."""

    def __init__(self, *, failing: bool = False) -> None:
        self.readings = itertools.count(1)
        self.failing = failing

    def read(self) -> int:
        number = next(self.readings)
        if self.failing:
            raise Unreachable(f"reading {number} failed")
        return number


def test_those_who_asked_before_a_reading_share_it_and_those_after_do_not() -> None:
    cloud, shared = Cloud(), SingleFlight[str, int]()
    before = time.monotonic()
    assert shared.get("host", before, cloud.read) == 1
    assert shared.get("host", before, cloud.read) == 1
    assert shared.get("host", time.monotonic(), cloud.read) == 2
    assert shared.get("host", before, cloud.read) == 2
    assert shared.get("host", NEVER_BEFORE, cloud.read) == 3


def test_who_asks_while_a_reading_is_under_way_does_not_share_it(world: World) -> None:
    cloud, shared = Cloud(), SingleFlight[str, int]()

    def read_slowly() -> int:
        world.wait(1)
        return cloud.read()

    begun = world.now
    assert shared.get("host", begun, read_slowly) == 1
    assert shared.get("host", begun + 0.5, read_slowly) == 2


def test_each_thing_is_read_by_itself() -> None:
    cloud, shared = Cloud(), SingleFlight[str, int]()
    assert shared.get("host", LONG_AGO, cloud.read) == 1
    assert shared.get("another host", LONG_AGO, cloud.read) == 2


def test_a_reading_that_is_too_old_is_not_used() -> None:
    cloud, shared = Cloud(), SingleFlight[str, int](max_age=0.0)
    assert shared.get("host", LONG_AGO, cloud.read) == 1
    assert shared.get("host", LONG_AGO, cloud.read) == 2


def test_what_does_not_serve_is_read_again() -> None:
    cloud, shared = Cloud(), SingleFlight[str, int]()
    assert shared.get("host", LONG_AGO, cloud.read) == 1
    assert shared.get("host", LONG_AGO, cloud.read, lambda found: found > 1) == 2
    assert shared.get("host", LONG_AGO, cloud.read, lambda found: found > 1) == 2


def test_a_failure_is_shared_too_and_forgotten_by_the_next_who_asks() -> None:
    cloud, shared = Cloud(failing=True), SingleFlight[str, int]()
    for _ in range(2):
        with pytest.raises(Unreachable, match="reading 1 failed"):
            shared.get("host", LONG_AGO, cloud.read)
    cloud.failing = False
    assert shared.get("host", time.monotonic(), cloud.read) == 2


def test_a_bug_is_shared_as_a_failure_is() -> None:
    readings = itertools.count(1)

    def read() -> int:
        raise KeyError(next(readings))

    shared = SingleFlight[str, int]()
    for _ in range(2):
        with pytest.raises(InternalError, match=r"internal error \(KeyError: 1\)"):
            shared.get("host", LONG_AGO, read)
    assert shared.get("host", time.monotonic(), Cloud().read) == 1
