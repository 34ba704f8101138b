"""A remote, a driver or a front-end goes away and comes back: nothing is invented meanwhile."""

import os
import signal
from pathlib import Path

import pytest

from opennebula_sandbox.cloud import faults
from opennebula_sandbox.frontend.mad import Mad
from tests.end_to_end.burst import GENERATIONS, GUARD_S, PAIRS, Burst, burst, monitoring_settings

UP = ("MONITORED", "MONITORING_MONITORED")
QUICK = "1"
"""ONE_OUTAGE_GRACE, in seconds."""


def is_back(both: Burst) -> bool:
    return both.frontend.pools.wait_for(lambda: both.host.state in UP, 30)


@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_an_outage_is_an_error_of_the_host_and_ends_by_itself(generation: str, way: str) -> None:
    with burst(
        generation, way, monitoring=monitoring_settings(generation), ONE_OUTAGE_GRACE=QUICK
    ) as both:
        assert is_back(both)
        vms = [both.run_vm(), both.run_vm()]
        both.cloud.server.stop()
        both.host.wait("ERROR")
        assert "cannot connect" in both.host.error
        assert both.cloud.endpoint in both.host.error
        for vm in vms:
            vm.wait("UNKNOWN")
        both.frontend.clock.jump(3600)
        both.cloud.server.start()
        for vm in vms:
            vm.wait("RUNNING")
        assert is_back(both)
        assert not both.host.error
        assert not any("POWEROFF" in line for vm in vms for line in vm.log)


@pytest.mark.parametrize("generation", ["5.10", "6.10"])
def test_a_short_outage_is_a_line_in_the_log(generation: str) -> None:
    with burst(
        generation, monitoring=monitoring_settings(generation), ONE_OUTAGE_GRACE=QUICK
    ) as both:
        vm = both.run_vm()
        both.rounds(1)
        # Two lost calls are two failed rounds at most, and the host goes into ERROR with the third.
        both.cloud.faults.on(faults.drop_before, "one.vmpool.info*", times=2)
        both.frontend.wait_for_log(f"at {both.cloud.endpoint}: closed without an answer")
        both.rounds(3)
        assert both.host.state in UP
        assert vm.state == "RUNNING"
        assert not any("UNKNOWN" in line for line in vm.log)


@pytest.mark.parametrize("generation", ["5.10", "6.10"])
def test_the_local_cloud_cannot_be_read_for_a_while(generation: str) -> None:
    with burst(
        generation, monitoring=monitoring_settings(generation), ONE_OUTAGE_GRACE=QUICK
    ) as both:
        vm = both.run_vm()
        both.rounds(1)
        both.frontend.server.stop()
        both.frontend.wait_for_log("cannot connect")
        both.cloud.act(both.remote_id(vm), "poweroff")
        both.wait_remote(vm, "POWEROFF")
        both.frontend.server.start()
        both.frontend.clock.jump(GUARD_S)
        vm.wait("POWEROFF")
        if generation != "5.10":  # this oned only hears that the read failed
            assert both.host.state == "MONITORED"


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_driver_that_was_killed_is_started_again(generation: str) -> None:
    with burst(generation, monitoring=monitoring_settings(generation, interval=3)) as both:
        vm = both.run_vm()
        both.rounds(1)
        driver = both.frontend.oned.im_driver
        assert isinstance(driver, Mad)
        os.kill(driver.pid, signal.SIGKILL)
        both.frontend.wait_for_log("Driver restarted")
        both.cloud.act(both.remote_id(vm), "suspend")
        both.frontend.clock.jump(301)  # oned stops to wait for an answer
        vm.wait("SUSPENDED")
        assert both.host.state in UP


@pytest.mark.parametrize("generation", ["6.10", "7.2"])
def test_a_client_that_was_killed_is_started_again(generation: str) -> None:
    with burst(
        generation, "scripts", monitoring=monitoring_settings(generation, interval=3)
    ) as both:
        vm = both.run_vm()
        both.rounds(1)
        pid_file = Path(both.frontend.home.var, f".one2one-monitor-{both.host.id}.pid")
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
        both.cloud.act(both.remote_id(vm), "suspend")
        both.frontend.clock.jump(GUARD_S)
        vm.wait("SUSPENDED")


@pytest.mark.parametrize(
    ("generation", "way"), [("5.10", "scripts"), ("6.10", "scripts"), ("7.2", "resident")]
)
def test_a_host_whose_settings_are_wrong_says_so_until_they_are_right(
    generation: str, way: str
) -> None:
    with burst(
        generation, way, monitoring=monitoring_settings(generation), ONE_OUTAGE_GRACE=QUICK
    ) as both:
        vm = both.run_vm()
        both.rounds(1)
        both.host.update(ONE_USER="")
        both.host.wait("ERROR")
        assert "host burst1 has no ONE_USER. Set it with: onehost update" in both.host.error
        both.host.update(ONE_USER=both.cloud.user)
        both.frontend.clock.jump(GUARD_S)
        vm.wait("RUNNING")
        assert is_back(both)
        log = "\n".join(both.frontend.log)
        assert both.cloud.password not in log


@pytest.mark.parametrize("generation", ["5.10", "7.2"])
def test_a_remote_that_hangs_delays_nobody_else(generation: str) -> None:
    with (
        burst(
            generation,
            monitoring=monitoring_settings(generation),
            ONE_OUTAGE_GRACE=QUICK,
            ONE_TIMEOUT="1",
        ) as both,
        both.second_cloud() as other,
    ):
        vm = other.run_vm()
        both.run_vm()
        both.cloud.faults.on(faults.delay(60), "one.vmpool.*", times=None)
        both.frontend.clock.jump(GUARD_S)
        other.cloud.act(other.remote_id(vm), "suspend")
        vm.wait("SUSPENDED")
        assert both.host.state != "ERROR"
        assert other.host.state in UP
        both.host.wait("ERROR")
        assert "no answer within 1 s" in both.host.error


def test_a_clock_that_is_set_back_makes_no_host_mute() -> None:
    with burst("6.10", monitoring=monitoring_settings("6.10")) as both:
        assert is_back(both)
        both.frontend.clock.jump(86400)
        both.rounds(1)
        both.frontend.clock.jump(-2 * 86400)
        both.host.update(ONE_CAPACITY={"CPU": "300", "MEMORY": "512"})
        assert both.frontend.pools.wait_for(lambda: both.host.capacity == (300, 512 * 1024), 30)
        assert not any("out of order" in line for line in both.frontend.log)


@pytest.mark.parametrize(("generation", "way"), [("6.10", "scripts"), ("7.2", "resident")])
def test_a_host_that_is_off_line_is_left_alone(generation: str, way: str) -> None:
    with (
        burst(generation, way, monitoring=monitoring_settings(generation)) as both,
        both.second_cloud() as other,
    ):
        assert is_back(both)
        both.host.set_status("offline")
        for _ in range(10):  # a round that has begun is still read to its end
            both.cloud.calls.clear()
            other.rounds(3)
            if not both.cloud.calls:
                break
        else:
            pytest.fail("the host is still monitored")
        both.host.set_status("enable")
        both.rounds(1)
        assert is_back(both)
