"""The IM driver's process: what it is told by monitord, what it answers, and what it sends."""

import subprocess
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from one2one.opennebula.states import LcmState, State, VmState
from one2one.opennebula.template import parse_text
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.frontend.im import monitor_line
from opennebula_sandbox.frontend.im.monitor_line import MonitorLine
from tests.end_to_end.burst import IM_DRIVER, Burst, burst
from tests.end_to_end.monitord_port import MonitordPort


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
def start_driver(listener: MonitordPort) -> Iterator[tuple[Burst, Driver]]:
    """Give a driver that has been started, and asked for the first host."""
    with burst() as both:
        driver = Driver(both)
        try:
            driver.tell("INIT")
            assert driver.line() == "INIT SUCCESS\n"
            driver.tell(listener.start_monitor(both.frontend.pools.find_host(0)))
            assert driver.answer()[:3] == ("START_MONITOR", "SUCCESS", 0)
            yield both, driver
        finally:
            assert driver.end() == 0, "ends with its stdin"


def test_a_host_is_told_of_at_once_and_again_and_again() -> None:
    with MonitordPort() as listener, start_driver(listener) as (both, _):
        told = listener.wait_first("SYSTEM_HOST").text
        assert 'TOTALCPU = "10000000"' in told
        assert 'TOTALMEMORY = "1099511627776"' in told
        for kind in ("BEACON_HOST", "MONITOR_HOST", "SYSTEM_HOST"):
            listener.wait_next(kind)
        assert "STATE_VM" not in listener.list_kinds(0), "only what differs is told"
        assert "MONITOR_VM" not in listener.list_kinds(0)
        both.run_vm()
        assert 'ID = "0"' in listener.wait_first("MONITOR_VM").text


def test_what_a_vm_uses_is_told_once_a_remote_record() -> None:
    """monitord takes each message for a new measurement."""
    with MonitordPort() as listener, start_driver(listener) as (both, _):
        remote = both.cloud.vms[both.remote_id(both.run_vm())]
        both.cloud.usage.override(remote.id, CPU="12", TIMESTAMP="1700000000")
        listener.wait_first("MONITOR_VM", when=lambda text: tells(text, "CPU", "12"))
        listener.forget()
        for _ in range(3):
            listener.wait_next("SYSTEM_HOST")
        assert "MONITOR_VM" not in listener.list_kinds(0)
        both.cloud.usage.override(remote.id, TIMESTAMP="1700000060")
        newer = listener.wait_first("MONITOR_VM").text
        assert tells(newer, "CPU", "12")
        assert tells(newer, "REMOTE_USAGE_TIME", "2023-11-14T22:14:20Z")
        remote.state = State(VmState.ACTIVE, LcmState.HOTPLUG)
        both.cloud.vms.note_change(remote)
        listener.wait_first("MONITOR_VM", when=lambda text: tells(text, "REMOTE_STATE", "HOTPLUG"))


def tells(monitor_vm: str, name: str, value: str) -> bool:
    """Tell whether a MONITOR_VM has this value for its only VM."""
    [vm] = parse_text(monitor_vm).vectors("VM")
    return parse_text(b64decode(vm["MONITOR"]).decode()).text(name) == value


def test_hosts_end_one_by_one() -> None:
    with MonitordPort() as listener, start_driver(listener) as (both, driver):
        hosts = [
            both.frontend.add_host(name, **dict(both.host.template)) for name in ("b2", "b3", "b4")
        ]
        for host in hosts:
            driver.tell(listener.start_monitor(both.frontend.pools.find_host(host.id)))
            assert driver.answer()[:3] == ("START_MONITOR", "SUCCESS", host.id)
            listener.wait_first("SYSTEM_HOST", host.id)
        driver.tell(listener.stop_monitor(both.frontend.pools.find_host(1)))
        assert driver.answer()[:3] == ("STOP_MONITOR", "SUCCESS", 1)
        both.frontend.call("one.host.delete", 2)
        for _ in range(2):
            listener.wait_next("SYSTEM_HOST", 3)
        listener.forget()
        for _ in range(3):
            listener.wait_next("SYSTEM_HOST", 3)
        assert {line.host_id for line in listener.lines} == {0, 3}


def test_a_second_start_replaces_the_first() -> None:
    with MonitordPort() as old, MonitordPort() as new, start_driver(old) as (both, driver):
        old.wait_first("SYSTEM_HOST")
        driver.tell(new.start_monitor(both.frontend.pools.find_host(0)))
        driver.answer()
        new.wait_first("SYSTEM_HOST")
        old.forget()
        for _ in range(3):
            new.wait_next("SYSTEM_HOST")
        assert old.lines == []


def test_messages_are_encrypted_for_a_monitord_with_a_key() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with MonitordPort(key) as listener, start_driver(listener) as (both, _):
        assert "TOTALCPU" in listener.wait_first("SYSTEM_HOST").text
        both.run_vm()
        assert "MONITOR" in listener.wait_first("MONITOR_VM").text
        for sent, line in zip(listener.raw, listener.lines, strict=True):
            assert monitor_line.read(sent).text != line.text or not line.text


WRONG_LINES = [
    ("START_MONITOR - 0 0 garbage", "monitord's message cannot be read"),
    (f"START_MONITOR - 0 0 {b64encode(b'x' * 9).decode()}", "monitord's message cannot be read"),
    (monitor_line.write("START_MONITOR", 0, "<A><B/></A>"), "no MONITOR_CONFIGURATION"),
    (monitor_line.write("START_MONITOR", 0, "<A>"), "XML"),
    ("START_MONITOR - zero 0 x", "no host id"),
    (f"START_MONITOR - {'9' * 5000} 0 x", "no host id"),
    ("DANCE 0 x", "DANCE is no action of an IM driver"),
    ("", "no host id"),
]


def test_a_line_that_is_none_is_answered_and_leaves_the_rest_alone() -> None:
    with MonitordPort() as listener, start_driver(listener) as (both, driver):
        for line, words in WRONG_LINES:
            driver.tell(line)
            answer = driver.answer()
            assert answer.status in ("FAILURE", "E"), line
            assert words in answer.text
            assert "\n" not in answer.text
        driver.tell(listener.start_monitor(both.frontend.pools.find_host(0)))
        assert driver.answer().status == "SUCCESS"
        listener.wait_next("SYSTEM_HOST")


def test_a_public_key_that_is_none_is_refused() -> None:
    with MonitordPort() as listener, start_driver(listener) as (both, driver):
        host = both.frontend.pools.find_host(0)
        driver.tell(listener.start_monitor(host, public_key="ssh-rsa AAAA"))
        answer = driver.answer()
        assert answer.status == "FAILURE"
        assert "PUBKEY cannot be used (no PEM). Correct NETWORK/PUBKEY" in answer.text


def test_a_state_is_sent_until_both_sides_agree() -> None:
    with MonitordPort() as listener, start_driver(listener) as (both, _):
        vm = both.run_vm()
        listener.wait_first("MONITOR_VM")
        both.cloud.act(both.remote_id(vm), "poweroff")
        listener.wait_next("STATE_VM", when=lambda text: "POWEROFF" in text)
        both.cloud.faults.on(faults.answer_http_error(), "one.vmpool.infoset")
        assert "HTTP 500" in listener.wait_next("STATE_VM", status="FAILURE").text
        listener.wait_next("STATE_VM", when=lambda text: "POWEROFF" in text)
        listener.forget()
        both.cloud.act(both.remote_id(vm), "resume")
        listener.wait_first("MONITOR_VM")
        listener.forget()
        listener.wait_next("SYSTEM_HOST")
        listener.wait_next("SYSTEM_HOST")
        assert "STATE_VM" not in listener.list_kinds(0)


def monitord_conf(listener: MonitordPort, *entries: str) -> str:
    """Return a monitord.conf whose monitord is *listener*."""
    network = f'NETWORK = [ MONITOR_ADDRESS = "auto", PORT = "{listener.port}" ]\n'
    periods = "PROBES_PERIOD = [ BEACON_HOST = 0.3, SYSTEM_HOST = 0.3, STATE_VM = 0.3 ]\n"
    return network + periods + "\n".join(entries)


OURS = 'IM_MAD = [ NAME = "one", EXECUTABLE = "one_im_one2one", ARGUMENTS = "-c -t 15 -r 0 one" ]'


@contextmanager
def start_unasked(conf: str) -> Iterator[tuple[Burst, Driver]]:
    """Give a driver that was started, and nothing more, with this monitord.conf."""
    with burst() as both:
        (both.frontend.home.etc / "monitord.conf").write_text(conf)
        driver = Driver(both)
        try:
            driver.tell("INIT")
            assert driver.line() == "INIT SUCCESS\n"
            yield both, driver
        finally:
            assert driver.end() == 0, "ends with its stdin"


def test_hosts_are_begun_with_until_monitord_asks() -> None:
    with (
        MonitordPort() as own,
        MonitordPort() as asked,
        start_unasked(monitord_conf(own, OURS)) as (both, driver),
    ):
        own.wait_first("SYSTEM_HOST")
        driver.tell(asked.start_monitor(both.frontend.pools.find_host(0)))
        assert driver.answer()[:3] == ("START_MONITOR", "SUCCESS", 0)
        asked.wait_first("SYSTEM_HOST")
        own.forget()
        for _ in range(3):
            asked.wait_next("SYSTEM_HOST")
        assert own.lines == []
        driver.tell(asked.stop_monitor(both.frontend.pools.find_host(0)))
        assert driver.answer()[:3] == ("STOP_MONITOR", "SUCCESS", 0)


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ("NETWORK = [", "cannot read"),
        (OURS.replace("-r 0", "-r 1"), "0 IM_MADs with EXECUTABLE one_im_one2one"),
        (f"{OURS}\n{OURS}", "2 IM_MADs"),
    ],
)
def test_a_monitord_conf_that_does_not_tell_is_a_line_in_the_log(conf: str, words: str) -> None:
    with MonitordPort() as listener, start_unasked(conf) as (both, driver):
        answer = driver.answer()
        assert answer.status == "E"
        assert "monitoring begins when monitord asks for it" in answer.text
        assert words in answer.text
        driver.tell(listener.start_monitor(both.frontend.pools.find_host(0)))
        assert driver.answer()[:3] == ("START_MONITOR", "SUCCESS", 0)
        listener.wait_first("SYSTEM_HOST")


def test_a_wrong_key_is_a_line_in_the_log() -> None:
    with MonitordPort() as listener:
        conf = monitord_conf(listener, OURS).replace("PORT", 'PUBKEY = "/nowhere", PORT')
        with start_unasked(conf) as (_, driver):
            answer = driver.answer()
            assert answer.status == "E"
            assert "cannot begin by itself: monitord's PUBKEY cannot be used" in answer.text


def test_an_oned_without_credentials_for_us_is_asked_until_there_are_some() -> None:
    with MonitordPort() as listener, burst() as both:
        home = both.frontend.home
        (home.etc / "monitord.conf").write_text(monitord_conf(listener, OURS))
        session = home.one_auth.read_text()
        home.one_auth.write_text("")
        driver = Driver(both)
        try:
            driver.tell("INIT")
            assert driver.line() == "INIT SUCCESS\n"
            said = driver.answer()
            assert said.status == "E"
            assert "monitoring cannot begin by itself" in said.text
            assert str(home.one_auth) in said.text
            home.one_auth.write_text(session)
            listener.wait_first("SYSTEM_HOST")
        finally:
            assert driver.end() == 0


def test_a_monitord_conf_that_an_older_release_does_not_use_begins_nothing() -> None:
    with MonitordPort() as listener, burst("5.10") as both:
        (both.frontend.home.etc / "monitord.conf").write_text(monitord_conf(listener, OURS))
        asked = threading.Event()
        both.frontend.faults.on(faults.run(asked.set), "one.system.version")
        driver = Driver(both)
        driver.tell("INIT")
        assert driver.line() == "INIT SUCCESS\n"
        asked.wait(30)
        assert driver.end() == 0
        assert listener.lines == []
