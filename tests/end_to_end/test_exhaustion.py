"""A machine without threads or files: what needs one fails and says so, the driver goes on."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.mad import Mad
from tests.end_to_end.burst import Burst, burst, of_the_host
from tests.end_to_end.monitord_port import MonitordPort
from tests.end_to_end.test_monitoring_process import Driver

PROGRAM = """\
import sys, threading
from pathlib import Path

start = threading.Thread.start

def start_or_not(thread):
    if Path({flag!r}).exists():
        raise RuntimeError("can't start new thread")
    start(thread)

threading.Thread.start = start_or_not
from one2one.mad.{module} import main
sys.exit(main())
"""


@contextmanager
def at_the_limit(flag: Path) -> Iterator[None]:
    """Let the driver start no thread."""
    flag.touch()
    yield
    flag.unlink()


@contextmanager
def no_more_files(pid: int, spare: int) -> Iterator[None]:
    """Let a process open only so many files more."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = {int(fd.name) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    free = sorted(set(range(len(used) + spare + 1)) - used)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free[spare], before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def program(module: str, flag: Path) -> list[str]:
    return [sys.executable, "-c", PROGRAM.format(flag=str(flag), module=module)]


def pid(both: Burst) -> int:
    assert isinstance(both.frontend.driver, Mad)
    return both.frontend.driver.pid


def test_operations_without_threads(tmp_path: Path) -> None:
    flag = tmp_path / "limit"
    with (
        SimulatedCloud("6.10", clock=Clock(virtual=True)) as cloud,
        FrontEnd("6.10", driver=program("vmm", flag)) as frontend,
    ):
        both = Burst(cloud, frontend, frontend.add_host("burst1", **of_the_host(cloud)))
        first = pid(both)
        refused, vm = both.vm(), both.vm()
        with at_the_limit(flag):
            refused.deploy(both.host)
            refused.wait("BOOT_FAILURE")
        assert "no thread can be started (can't start new thread)" in refused.error
        assert "Raise the limit" in refused.error
        vm.deploy(both.host)
        vm.wait("RUNNING")
        cloud.clock.settle()
        with at_the_limit(flag):  # a worker runs, but no thread that waits
            vm.act("poweroff")
            vm.wait_for_log("no thread can be started")
            vm.wait("RUNNING")
        cloud.clock.settle()
        vm.act("poweroff")
        vm.wait("POWEROFF")
        assert pid(both) == first


def test_monitoring_without_threads(tmp_path: Path) -> None:
    flag = tmp_path / "limit"
    with MonitordPort() as listener, burst() as both:
        driver = Driver(both, program("im", flag))
        host = both.frontend.pools.find_host(0)
        driver.tell("INIT")
        assert driver.line() == "INIT SUCCESS\n"
        with at_the_limit(flag):
            driver.tell(listener.start_monitor(host))
            answer = driver.answer()
            assert answer[:3] == ("START_MONITOR", "FAILURE", 0)
            assert "no thread can be started" in answer.text
        driver.tell(listener.start_monitor(host))
        assert driver.answer()[:3] == ("START_MONITOR", "SUCCESS", 0)
        listener.wait_first("SYSTEM_HOST")
        assert driver.end() == 0


def test_a_poll_without_threads_is_answered_by_the_one_that_there_is(tmp_path: Path) -> None:
    flag = tmp_path / "limit"
    with burst("5.10") as both, at_the_limit(flag):
        driver = Driver(both, program("im", flag))
        driver.tell("INIT")
        assert driver.line() == "INIT SUCCESS\n"
        driver.tell("MONITOR 0 burst1 /var/lib/one/datastores 0")
        assert driver.line().startswith("MONITOR SUCCESS 0 ")
        assert driver.end() == 0


def test_operations_without_any_file() -> None:
    with burst() as both:
        first = pid(both)
        vm = both.vm()
        with no_more_files(first, 0):
            vm.deploy(both.host)
            vm.wait("BOOT_FAILURE")
        assert "one_auth (Too many open files)" in vm.error
        assert "ulimit -n" in vm.error
        vm.recover("retry")
        vm.wait("RUNNING")
        assert pid(both) == first


def test_an_operation_waits_until_there_are_files_again() -> None:
    with burst() as both:
        vm = both.vm()
        with no_more_files(pid(both), 1):
            vm.deploy(both.host)
            vm.wait_for_log("Too many open files")
        vm.wait("RUNNING")


def test_monitoring_without_files() -> None:
    with MonitordPort() as listener, burst() as both:
        driver = Driver(both)
        driver.tell("INIT")
        assert driver.line() == "INIT SUCCESS\n"
        driver.tell(listener.start_monitor(both.frontend.pools.find_host(0)))
        assert driver.answer()[:3] == ("START_MONITOR", "SUCCESS", 0)
        listener.wait_first("SYSTEM_HOST")
        with no_more_files(driver.pid, 0):
            both.cloud.faults.on(faults.drop_before, times=None)  # so that it must connect again
            listener.wait_next("BEACON_HOST")
            listener.wait_next("BEACON_HOST")
        both.cloud.faults.clear()
        listener.wait_next("MONITOR_HOST")
        assert driver.end() == 0
