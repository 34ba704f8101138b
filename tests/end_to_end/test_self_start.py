"""A host whose VMs come and go is monitored again after a restart or failover, without a request.

monitord asks only after MONITORING_INTERVAL_HOST without any change of the host in oned. Here
this interval is longer than the test, so monitord never asks.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from one2one.mad.scripts.layout import write_scripts
from one2one.opennebula.states import RaftState
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from opennebula_sandbox.frontend.mad import Mad
from tests.end_to_end.burst import GUARD_S, IM_DRIVER, WAYS, Burst, burst, monitoring_settings

GENERATIONS = ("6.10", "7.2")
"""Those with monitord."""


def never_ask(generation: str, **settings: float | bool) -> MonitoringSettings:
    return monitoring_settings(generation, interval=10**6, system_host=0.2, **settings)


@contextlib.contextmanager
def busy(generation: str, way: str, **settings: float | bool) -> Iterator[Burst]:
    """Give a host that has been monitored, and a VM of it that runs."""
    with burst(generation, way, monitoring=never_ask(generation, **settings)) as both:
        both.host.wait("MONITORED")
        yield both


def count_requests(both: Burst) -> int:
    """Return how often monitord has asked for monitoring, and was answered."""
    return sum("Start monitor success" in line for line in both.frontend.log)


def check_monitoring(both: Burst) -> None:
    """Check that reports arrive, by a capacity that nothing has told before."""
    capacity = 300 if both.host.capacity[0] > 300 else both.host.capacity[0] + 100
    both.host.update(ONE_CAPACITY={"CPU": str(capacity), "MEMORY": "1024"})
    assert both.frontend.pools.wait_for(lambda: both.host.capacity[0] == capacity, 30)


def pid_file(both: Burst) -> Path:
    """Return the pid file of the process that the scripts leave."""
    return Path(both.frontend.home.var, f".one2one-monitor-{both.host.id}.pid")


def check_new_report(both: Burst) -> None:
    """Check that a report arrives though the next regular one is far away."""
    both.frontend.clock.jump(1000)
    since = both.frontend.pools.now()
    host = both.frontend.pools.find_host(both.host.id)
    assert both.frontend.pools.wait_for(lambda: host.monitored_at >= since, 30)


def check_followed_vm(both: Burst) -> None:
    """Check that a VM is told of."""
    vm = both.run_vm()
    both.frontend.clock.jump(GUARD_S)
    both.cloud.act(both.remote_id(vm), "poweroff")
    vm.wait("POWEROFF")


def wait_for_raft_queries(both: Burst, times: int) -> None:
    """Wait until a driver has asked so often what this server is."""
    heard = threading.Semaphore(0)
    rule = both.frontend.faults.on(faults.run(heard.release), "one.zone.raftstatus", times=None)
    for _ in range(times):
        assert heard.acquire(timeout=30), "not asked"
    both.frontend.faults.rules.remove(rule)


@pytest.mark.parametrize(("generation", "way"), [("6.10", "scripts"), ("7.2", "resident")])
def test_after_a_restart_of_oned(generation: str, way: str) -> None:
    with busy(generation, way) as both:
        both.run_vm()
        before = count_requests(both)
        both.frontend.restart()
        check_monitoring(both)
        check_followed_vm(both)
        assert count_requests(both) == before
        assert not any("UNDEFINED" in line for line in both.frontend.log)


@pytest.mark.parametrize("way", WAYS)
def test_messages_are_encrypted_with_the_key_that_monitord_conf_names(way: str) -> None:
    with busy("6.10", way, encrypted=True) as both:
        both.frontend.restart()
        check_monitoring(both)


def test_after_a_crash_of_the_driver() -> None:
    with busy("6.10", "resident") as both:
        before = count_requests(both)
        driver = both.frontend.oned.im_driver
        assert isinstance(driver, Mad)
        driver.kill()
        check_monitoring(both)
        assert count_requests(both) == before


def test_all_is_told_when_oned_answers_at_last() -> None:
    with busy("6.10", "resident", monitor_host=600) as both:
        both.frontend.restart(pause=lambda: both.frontend.clock.jump(1000))
        check_new_report(both)


def test_only_hosts_that_are_ours_and_not_off_line() -> None:
    with busy("7.2", "resident") as both, both.second_cloud() as other:
        names = ("disabled", "off", "foreign")
        attributes = dict(other.host.template)
        disabled, off, foreign = (both.frontend.add_host(name, **attributes) for name in names)
        for host in (other.host, disabled, off, foreign):
            host.wait("MONITORED")
        both.frontend.pools.find_host(foreign.id).im_mad = "kvm"
        disabled.set_status("disable")
        off.set_status("offline")
        both.frontend.restart(pause=lambda: both.frontend.clock.jump(1000))
        since = both.frontend.pools.now()
        check_monitoring(both)
        check_monitoring(other)
        hosts = both.frontend.pools.hosts
        assert both.frontend.pools.wait_for(lambda: hosts[disabled.id].monitored_at >= since, 30)
        assert hosts[off.id].monitored_at < since
        assert hosts[foreign.id].monitored_at < since


@pytest.mark.parametrize("way", WAYS)
def test_a_follower_is_silent_until_it_leads(way: str) -> None:
    with busy("6.10", way) as both:
        vm = both.run_vm()
        both.frontend.set_raft_state(RaftState.FOLLOWER)
        both.frontend.restart()
        both.cloud.act(both.remote_id(vm), "poweroff")
        both.wait_remote(vm, "POWEROFF")
        wait_for_raft_queries(both, times=2)
        both.cloud.calls.clear()
        wait_for_raft_queries(both, times=5)
        assert len(both.cloud.calls) == 0, "the leader asks the remote"
        both.frontend.log.clear()
        both.frontend.set_raft_state(RaftState.LEADER)
        both.frontend.clock.jump(GUARD_S)
        vm.wait("POWEROFF")
        check_monitoring(both)
        assert not any("being a follower" in line for line in both.frontend.log)


@pytest.mark.parametrize("way", WAYS)
def test_a_leader_is_silent_once_it_follows_and_not_when_it_leads_again(way: str) -> None:
    with busy("6.10", way, monitor_host=600) as both:
        both.frontend.set_raft_state(RaftState.LEADER)
        both.frontend.set_raft_state(RaftState.CANDIDATE)
        wait_for_raft_queries(both, times=2)
        both.cloud.calls.clear()
        wait_for_raft_queries(both, times=5)
        assert len(both.cloud.calls) == 0
        both.frontend.set_raft_state(RaftState.LEADER)
        check_new_report(both)


def test_a_process_that_is_gone_is_started_with_the_next_action() -> None:
    with busy("6.10", "scripts") as both:
        vms = [both.run_vm(), both.run_vm(), both.run_vm()]
        pid = int(pid_file(both).read_text())
        os.kill(pid, signal.SIGKILL)
        for vm in vms:
            vm.act("poweroff")
        check_monitoring(both)
        assert int(pid_file(both).read_text()) != pid


def test_a_process_takes_the_configuration_that_the_new_oned_has() -> None:
    with busy("6.10", "scripts") as both:
        conf = both.frontend.home.etc / "monitord.conf"
        other = conf.read_text().replace('BEACON_HOST = "0.2"', 'BEACON_HOST = "0.3"')
        first = pid_file(both).read_text()
        both.frontend.restart(pause=lambda: conf.write_text(other))
        check_monitoring(both)
        assert pid_file(both).read_text() != first


@pytest.mark.parametrize("gone", ["the scripts", "the driver's entry"])
def test_a_process_ends_where_scripts_monitor_no_more(gone: str) -> None:
    with busy("6.10", "scripts") as both, ends(both):
        control = both.frontend.home.remotes / "im/one.d/one2one_control.sh"
        conf = both.frontend.home.etc / "monitord.conf"
        if gone == "the scripts":
            both.frontend.restart(pause=control.unlink)
        else:
            entry = conf.read_text().replace("one_im_sh", "one_im_one2one")
            both.frontend.restart(pause=lambda: conf.write_text(entry))


def test_the_resident_driver_ends_the_process_of_the_scripts(tmp_path: Path) -> None:
    write_scripts(tmp_path)
    with busy("6.10", "resident") as both:
        environment = both.frontend.home.environment(both.frontend.endpoint)
        conf = both.frontend.home.etc / "monitord.conf"
        resident = conf.read_text()
        conf.write_text(resident.replace(IM_DRIVER, "one_im_sh"))
        script = tmp_path / "im/one.d/one2one_control.sh"
        subprocess.run([script, "start", "one", "0", "burst1"], env=environment, check=True)
        conf.write_text(resident)
        driver = both.frontend.oned.im_driver
        assert isinstance(driver, Mad)
        with ends(both):
            driver.kill()
        check_monitoring(both)


@contextlib.contextmanager
def ends(both: Burst) -> Iterator[None]:
    """Wait at the end until the process that the scripts have left is gone."""
    file = os.open(pid_file(both), os.O_RDWR)
    try:
        yield
        fcntl.flock(file, fcntl.LOCK_EX)
    finally:
        os.close(file)
