"""A driver with a bug: who waits for it is answered with the bug, and the next one is served."""

import sys

import pytest

from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.frontend.frontend import FrontEnd
from tests.end_to_end.burst import Burst, burst, of_the_host
from tests.end_to_end.monitord_port import MonitordPort
from tests.end_to_end.test_monitoring_process import OURS, Driver, monitord_conf

PROGRAM = """\
import sys
from pathlib import Path

read, left = Path.read_text, list(range({times}))

def read_or_not(path, *arguments, **options):
    if path.name == "one_auth" and left:
        left.pop()
        raise KeyError("bug")
    return read(path, *arguments, **options)

Path.read_text, sys.argv[0] = read_or_not, "one_{module}_one2one"
from one2one.mad.{module} import main
sys.exit(main())
"""
BUG = "internal error (KeyError: 'bug')"


def program(module: str, times: int = 1) -> list[str]:
    """Return a driver that ends in a bug where it reads its credentials, so many times."""
    return [sys.executable, "-c", PROGRAM.format(times=times, module=module)]


def test_an_operation_with_a_bug_is_a_failure_and_the_next_one_is_carried_out() -> None:
    with SimulatedCloud("6.10") as cloud, FrontEnd("6.10", driver=program("vmm")) as frontend:
        both = Burst(cloud, frontend, frontend.add_host("burst1", **of_the_host(cloud)))
        vm = both.vm()
        vm.deploy(both.host)
        vm.wait("BOOT_FAILURE")
        assert BUG in vm.error
        vm.recover("retry")
        vm.wait("RUNNING")


def test_a_poll_with_a_bug_is_a_failure_and_the_next_one_is_answered() -> None:
    with burst("5.10") as both:
        driver = Driver(both, program("im"))
        driver.tell("INIT")
        assert driver.line() == "INIT SUCCESS\n"
        for result in ("FAILURE", "SUCCESS"):
            driver.tell("MONITOR 0 burst1 /var/lib/one/datastores 0")
            assert driver.line().startswith(f"MONITOR {result} 0 ")
        assert driver.end() == 0


def test_monitoring_that_cannot_begin_by_a_bug_begins_with_the_next_question() -> None:
    with MonitordPort() as listener, burst() as both:
        driver, host = Driver(both, program("im")), both.frontend.pools.find_host(0)
        driver.tell("INIT")
        assert driver.line() == "INIT SUCCESS\n"
        driver.tell(listener.start_monitor(host))
        answer = driver.answer()
        assert answer[:3] == ("START_MONITOR", "FAILURE", 0)
        assert BUG in answer.text
        driver.tell(listener.start_monitor(host))
        assert driver.answer()[:3] == ("START_MONITOR", "SUCCESS", 0)
        listener.wait_first("SYSTEM_HOST")
        assert driver.end() == 0


@pytest.mark.parametrize("times", [1, 2])
def test_monitoring_begins_by_itself_after_bugs(times: int) -> None:
    with MonitordPort() as listener, burst() as both:
        (both.frontend.home.etc / "monitord.conf").write_text(monitord_conf(listener, OURS))
        driver = Driver(both, program("im", times))
        driver.tell("INIT")
        assert driver.line() == "INIT SUCCESS\n"
        listener.wait_first("SYSTEM_HOST")
        assert driver.end() == 0
