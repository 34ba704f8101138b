"""The front-end's clock is set by years: operations and monitoring do not go by it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.frontend.frontend import FrontEnd
from tests.end_to_end.burst import GUARD_S, Burst, monitoring_settings, of_the_host

YEARS = 10 * 365 * 86400.0
PROGRAM = """\
import sys, time
from pathlib import Path

real = time.time
time.time = lambda: real() + float(Path({offset!r}).read_text())
from one2one.mad.{module} import main
sys.exit(main())
"""


class FrontEndClock:
    """The clock that a driver reads, set by a number of seconds."""

    def __init__(self, offset: Path) -> None:
        self._offset = offset
        self.set(0)

    def set(self, seconds: float) -> None:
        new = self._offset.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self._offset)

    def driver(self, module: str) -> list[str]:
        """Return the program of a driver that goes by it."""
        return [sys.executable, "-c", PROGRAM.format(offset=str(self._offset), module=module)]


@pytest.fixture
def both(clock: FrontEndClock) -> Iterator[Burst]:
    """Both sides, monitored, with drivers that go by that clock."""
    with (
        SimulatedCloud("6.10") as cloud,
        FrontEnd(
            "6.10",
            driver=clock.driver("vmm"),
            im_driver=clock.driver("im"),
            settings=monitoring_settings("6.10"),
        ) as frontend,
    ):
        yield Burst(cloud, frontend, frontend.add_host("burst1", **of_the_host(cloud)))


@pytest.fixture
def clock(tmp_path: Path) -> FrontEndClock:
    return FrontEndClock(tmp_path / "offset")


def test_operations_while_the_clock_is_set(both: Burst, clock: FrontEndClock) -> None:
    vm = both.vm()
    vm.deploy(both.host)
    clock.set(-YEARS)
    vm.wait("RUNNING")
    for action, state, seconds in (("poweroff", "POWEROFF", YEARS), ("resume", "RUNNING", -YEARS)):
        both.wait_remote(vm, "RUNNING" if action == "poweroff" else "POWEROFF")
        vm.act(action)
        clock.set(seconds)
        vm.wait(state)
    vm.act("terminate-hard")
    clock.set(0)
    vm.wait("DONE")


@pytest.mark.parametrize("seconds", [YEARS, -YEARS])
def test_monitoring_while_the_clock_is_set(
    both: Burst, clock: FrontEndClock, seconds: float
) -> None:
    vm = both.run_vm()
    clock.set(seconds)
    both.rounds(2)
    both.frontend.clock.jump(GUARD_S)
    both.cloud.act(both.remote_id(vm), "poweroff")
    vm.wait("POWEROFF")
    clock.set(-seconds)
    both.rounds(2)
    both.frontend.clock.jump(GUARD_S)
    both.cloud.act(both.remote_id(vm), "resume")
    vm.wait("RUNNING")
    assert both.host.state == "MONITORED"


def test_the_reaper_spares_what_lives_and_ends_the_rest_by_a_right_clock(
    both: Burst, clock: FrontEndClock
) -> None:
    lives, ended = both.run_vm(), both.run_vm()
    ended.act("poweroff-hard")
    ended.wait("POWEROFF")
    clock.set(-YEARS)
    both.end_long_ago(ended)
    both.rounds(3)
    assert both.remote_id(ended) in both.alive()
    clock.set(YEARS)
    both.wait_remote(ended, "DONE")
    both.rounds(3)
    assert both.alive() == [both.remote_id(lives)]
