"""The resident VMM driver keeps the leases of its hosts, and writes into the logs of their VMs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from one2one import runtime
from one2one.mad.lease_loop import PERIOD_S
from one2one.mad.process import Arguments, OnedPipe
from one2one.mad.vmm import VmmDriver
from tests.driver.scripted import BORN, drop
from tests.driver.world import HOST_ID, World

HOURS_S = 101 * 3600


class Pipe(OnedPipe):
    """What the driver writes to oned."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        """Keep a line."""
        self.lines.append(line.rstrip("\n"))


class Driver:
    """A driver that was greeted, and its loop of leases."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pipe = Pipe()
        VmmDriver(self.pipe, Arguments()).handle("INIT")
        (self.run,) = world.threads
        assert self.pipe.lines.pop() == "INIT SUCCESS"

    def live(self, rounds: int) -> list[str]:
        """Let the loop do so many rounds; return what it wrote."""
        waits: list[float] = []

        def sleep(seconds: float) -> None:
            if len(waits) == rounds:
                raise SystemExit
            waits.append(seconds)
            self.world.wait(seconds)

        runtime.use(self.world.build_runtime(sleep=sleep))
        with pytest.raises(SystemExit):
            self.run()
        assert waits == [PERIOD_S] * rounds
        return self.pipe.lines


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.local.hosts[HOST_ID] |= {"ONE_MAX_HOURS": "100"}
    world.local.after = {"poweroff": "SHUTDOWN_POWEROFF"}
    remote = world.add_both()
    remote.hosts, remote.runs = [(0, "node")], [(BORN, 0)]
    world.local.vms[7].runs = [(BORN, 0)]
    yield world
    runtime.use(runtime.Runtime())


def test_the_log_of_the_vm_tells(world: World) -> None:
    driver = Driver(world)
    world.wait(99.5 * 3600)
    words = "hours are left, then poweroff (ONE_MAX_HOURS of host burst1)"
    assert driver.live(3) == [f"LOG I 7 REMOTE_LEASE: less than 1 of 100 {words}"]


def test_only_hosts_of_the_driver_are_looked_at(world: World) -> None:
    world.wait(HOURS_S)
    world.local.host_vm_mad = "kvm"
    assert (Driver(world).live(1), world.local.actions) == ([], [])


def test_a_host_off_line_is_not_looked_at(world: World) -> None:
    world.wait(HOURS_S)
    world.local.host_state = 8
    assert (Driver(world).live(1), world.local.actions) == ([], [])


def test_what_fails_is_told_once_and_tried_again(world: World) -> None:
    driver = Driver(world)
    world.wait(HOURS_S)
    world.remote.script("vm.info", drop, drop)
    assert [line.split(":")[0] for line in driver.live(3)] == [
        "LOG E -1 one.vm.info at http",
        "LOG I 7 REMOTE_LEASE",
    ]
    assert "leases of host 2: " in driver.pipe.lines[0]
    assert world.local.actions == ["poweroff 7"]


def test_a_wrong_attribute_is_told_once(world: World) -> None:
    world.local.hosts[HOST_ID]["ONE_MAX_HOURS"] = "soon"
    (line,) = Driver(world).live(3)
    assert "host burst1 has ONE_MAX_HOURS='soon' instead of a number, 0.01 or more" in line


def test_a_local_cloud_that_is_away_is_waited_for(world: World) -> None:
    driver = Driver(world)
    world.wait(HOURS_S)
    world.local.script("hostpool.info", drop, drop)
    assert len(driver.live(3)) == 2
    assert world.local.actions == ["poweroff 7"]
