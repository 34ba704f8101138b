"""The IM driver's process: what it is told by monitord, what it answers, and what it sends."""

import subprocess
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from opennebula_sandbox.cloud import faults
from opennebula_sandbox.frontend.im import monitor_line
from opennebula_sandbox.frontend.im.monitor_line import MonitorLine
from tests.end_to_end.burst import IM_DRIVER, Burst, burst
from tests.end_to_end.ear import Ear


class Driver:
    """The process, from the side of monitord."""

    def __init__(self, both: Burst, program: Sequence[str] = (IM_DRIVER,)) -> None:
        self._process = subprocess.Popen(
            [*program, "-c -t 15 -r 0 one"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=both.frontend.home.environment(both.frontend.endpoint),
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def answer(self) -> MonitorLine:
        return monitor_line.read(self.line())

    def line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()

    def end(self) -> int:
        """Close its stdin, and return its exit code."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        rest = self._process.stdout.read()
        self._process.stdout.close()
        assert rest == ""
        return self._process.wait(30)


@contextmanager
def driven(ear: Ear) -> Iterator[tuple[Burst, Driver]]:
    """Give a driver that has been started, and asked for the first host."""
    with burst() as both:
        driver = Driver(both)
        try:
            driver.tell("INIT")
            assert driver.line() == "INIT SUCCESS\n"
            driver.tell(ear.start_monitor(both.frontend.pools.host(0)))
            assert driver.answer()[:3] == ("START_MONITOR", "SUCCESS", 0)
            yield both, driver
        finally:
            assert driver.end() == 0, "ends with its stdin"


def test_a_host_is_told_of_at_once_and_again_and_again() -> None:
    with Ear() as ear, driven(ear) as (both, _):
        told = ear.first("SYSTEM_HOST").text
        assert 'TOTALCPU = "10000000"' in told
        assert 'TOTALMEMORY = "1099511627776"' in told
        for kind in ("BEACON_HOST", "MONITOR_HOST", "SYSTEM_HOST"):
            ear.next(kind)
        assert "STATE_VM" not in ear.kinds(0), "only what differs is told"
        assert "MONITOR_VM" not in ear.kinds(0)
        both.running()
        assert 'ID = "0"' in ear.next("MONITOR_VM").text


def test_hosts_end_one_by_one() -> None:
    with Ear() as ear, driven(ear) as (both, driver):
        hosts = [
            both.frontend.add_host(name, **dict(both.host.template)) for name in ("b2", "b3", "b4")
        ]
        for host in hosts:
            driver.tell(ear.start_monitor(both.frontend.pools.host(host.id)))
            assert driver.answer()[:3] == ("START_MONITOR", "SUCCESS", host.id)
            ear.first("SYSTEM_HOST", host.id)
        driver.tell(ear.stop_monitor(both.frontend.pools.host(1)))
        assert driver.answer()[:3] == ("STOP_MONITOR", "SUCCESS", 1)
        both.frontend.call("one.host.delete", 2)
        for _ in range(2):
            ear.next("SYSTEM_HOST", 3)
        ear.forget()
        for _ in range(3):
            ear.next("SYSTEM_HOST", 3)
        assert {line.host_id for line in ear.lines} == {0, 3}


def test_a_host_that_is_started_anew_is_told_of_once() -> None:
    with Ear() as old, Ear() as new, driven(old) as (both, driver):
        old.first("SYSTEM_HOST")
        driver.tell(new.start_monitor(both.frontend.pools.host(0)))
        driver.answer()
        new.first("SYSTEM_HOST")
        old.forget()
        for _ in range(3):
            new.next("SYSTEM_HOST")
        assert old.lines == []


def test_messages_are_encrypted_for_a_monitord_with_a_key() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with Ear(key) as ear, driven(ear) as (both, _):
        assert "TOTALCPU" in ear.first("SYSTEM_HOST").text
        both.running()
        assert "MONITOR" in ear.next("MONITOR_VM").text
        for sent, line in zip(ear.raw, ear.lines, strict=True):
            assert monitor_line.read(sent).text != line.text or not line.text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("START_MONITOR - 0 0 garbage", "monitord's message cannot be read"),
        (
            f"START_MONITOR - 0 0 {b64encode(b'x' * 9).decode()}",
            "monitord's message cannot be read",
        ),
        (monitor_line.write("START_MONITOR", 0, "<A><B/></A>"), "no MONITOR_CONFIGURATION"),
        (monitor_line.write("START_MONITOR", 0, "<A>"), "XML"),
        ("START_MONITOR - zero 0 x", "no host id"),
        (f"START_MONITOR - {'9' * 5000} 0 x", "no host id"),
        ("DANCE 0 x", "DANCE is no action of an IM driver"),
        ("", "no host id"),
    ],
)
def test_a_line_that_is_none_is_answered_and_leaves_the_rest_alone(line: str, words: str) -> None:
    with Ear() as ear, driven(ear) as (both, driver):
        driver.tell(line)
        answer = driver.answer()
        assert answer.status in ("FAILURE", "E")
        assert words in answer.text
        assert "\n" not in answer.text
        driver.tell(ear.start_monitor(both.frontend.pools.host(0)))
        assert driver.answer().status == "SUCCESS"
        ear.next("SYSTEM_HOST")


def test_a_public_key_that_is_none_is_refused() -> None:
    with Ear() as ear, driven(ear) as (both, driver):
        driver.tell(ear.start_monitor(both.frontend.pools.host(0), public_key="ssh-rsa AAAA"))
        answer = driver.answer()
        assert answer.status == "FAILURE"
        assert "PUBKEY cannot be used (no PEM). Correct NETWORK/PUBKEY" in answer.text


def test_what_differs_is_told_until_it_does_not() -> None:
    with Ear() as ear, driven(ear) as (both, _):
        vm = both.running()
        ear.next("MONITOR_VM")
        both.cloud.act(both.remote_id(vm), "poweroff")
        ear.next("STATE_VM", when=lambda text: "POWEROFF" in text)
        both.cloud.faults.on(faults.http_error(), "one.vmpool.infoset")
        assert "HTTP 500" in ear.next("STATE_VM", status="FAILURE").text
        ear.next("STATE_VM", when=lambda text: "POWEROFF" in text)
        both.cloud.act(both.remote_id(vm), "resume")
        ear.next("MONITOR_VM")
        ear.forget()
        ear.next("SYSTEM_HOST")
        ear.next("SYSTEM_HOST")
        assert "STATE_VM" not in ear.kinds(0)
