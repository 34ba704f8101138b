"""The monitoring script as OpenNebula's ``run_monitord_client`` runs it, and what it leaves."""

import fcntl
import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from one2one.driver.local import LocalCloud
from one2one.driver.monitor import HostMonitor
from one2one.driver.remotes import Remotes
from one2one.mad.host_loop import HostLoop
from one2one.mad.im_messages import Configuration, Periods
from one2one.mad.monitord import MonitordClient
from one2one.mad.scripts.layout import write_scripts
from tests.end_to_end.burst import Burst, burst
from tests.end_to_end.monitord_port import MonitordPort
from tests.file_systems import needs_mounts, read_only


class Client:
    """The script, and the process of it that reports on a host."""

    def __init__(self, both: Burst, remotes: Path) -> None:
        write_scripts(remotes)
        self._script = remotes / "im" / "one.d" / "one2one_control.sh"
        self._environment = both.frontend.home.environment(both.frontend.endpoint)
        self.pid_file = both.frontend.home.var / ".one2one-monitor-0.pid"

    def run(
        self, *arguments: str, stdin: str = "", within: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*within, self._script, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=self._environment,
            check=False,
        )

    def start(self, listener: MonitordPort, *, encoded: bool = True) -> None:
        """Start it; the script's output is read to its end, as the stock shell does."""
        stdin = listener.configuration()
        if encoded:
            stdin = b64encode(stdin.encode()).decode() + "\n"
        done = self.run("one", "0", "burst1", stdin=stdin)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def pid(self) -> int:
        return int(self.pid_file.read_text())

    @contextmanager
    def ends(self) -> Iterator[None]:
        """Wait at the end until the process that runs now has ended, which unlocks its file."""
        file = os.open(self.pid_file, os.O_RDWR)
        try:
            yield
            fcntl.flock(file, fcntl.LOCK_EX)
        finally:
            os.close(file)


@contextmanager
def client(tmp_path: Path) -> Iterator[tuple[Burst, Client]]:
    with burst() as both:
        made = Client(both, tmp_path)
        try:
            yield both, made
        finally:
            made.run("stop", "one", "0", "burst1")


@pytest.mark.parametrize("encoded", [True, False])
def test_it_survives_its_parent_and_ends_when_it_is_told_to(encoded: bool, tmp_path: Path) -> None:
    with MonitordPort() as listener, client(tmp_path) as (_, made):
        made.start(listener, encoded=encoded)
        for _ in range(2):
            listener.wait_next("SYSTEM_HOST")
        with made.ends():
            done = made.run("stop", "one", "0", "burst1")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert not made.pid_file.exists()
        assert made.run("stop", "one", "0", "burst1").returncode == 0


@needs_mounts
def test_where_no_pid_file_can_be_written_oned_is_told(tmp_path: Path) -> None:
    with MonitordPort() as listener, client(tmp_path) as (both, made):
        within = read_only(both.frontend.home.var)
        done = made.run("one", "0", "burst1", stdin=listener.configuration(), within=within)
        assert done.returncode == 1
        assert f"cannot open {made.pid_file} (Read-only file system)" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        made.start(listener)
        listener.wait_first("SYSTEM_HOST")


def test_a_new_one_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    with MonitordPort() as old, MonitordPort() as new, client(tmp_path) as (_, made):
        made.start(old)
        old.wait_first("SYSTEM_HOST")
        first = made.pid()
        made.start(new)
        new.wait_first("SYSTEM_HOST")
        assert made.pid() != first
        old.forget()
        new.wait_next("SYSTEM_HOST")
        new.wait_next("SYSTEM_HOST")
        assert old.lines == []
        assert made.pid_file.stat().st_mode & 0o777 == 0o600


def test_it_outlives_monitord_and_oned(tmp_path: Path) -> None:
    with MonitordPort() as listener, client(tmp_path) as (both, made):
        made.start(listener)
        listener.wait_first("SYSTEM_HOST")
        pid = made.pid()
        both.frontend.server.stop()
        listener.stop()
        with MonitordPort(port=listener.port) as again:
            both.frontend.server.start()
            again.wait_first("SYSTEM_HOST")
        assert made.pid() == pid


def test_an_oned_that_does_not_come_back_is_not_waited_for_without_end() -> None:
    with MonitordPort() as listener, burst() as both:
        local = LocalCloud(both.frontend.home.environment(both.frontend.endpoint))
        configuration = Configuration("127.0.0.1", listener.port, "", Periods(beacon_host=0.1))
        monitord = MonitordClient(both.host.id, configuration)
        monitor = HostMonitor(both.host.id, local, Remotes(local))
        loop = HostLoop(monitor, monitord, configuration.periods)
        both.frontend.server.stop()
        loop.run(lambda: loop.measure_silence() > 0.5)
        both.frontend.server.start()


def test_it_ends_with_a_host_that_is_off_line(tmp_path: Path) -> None:
    with MonitordPort() as listener, client(tmp_path) as (both, made):
        made.start(listener)
        listener.wait_first("SYSTEM_HOST")
        with made.ends():
            both.host.set_status("offline")
        assert not made.pid_file.exists()


def test_it_starts_once_without_being_asked(tmp_path: Path) -> None:
    with MonitordPort() as listener, client(tmp_path) as (both, made):
        conf = f'NETWORK=[ PORT="{listener.port}" ] PROBES_PERIOD=[ SYSTEM_HOST="0.3" ]\n'
        entry = 'IM_MAD=[ NAME="one", EXECUTABLE="one_im_sh" ]\n'
        (both.frontend.home.etc / "monitord.conf").write_text(conf + entry)
        for _ in range(2):
            done = made.run("start", "one", "0", "burst1")
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            listener.wait_first("SYSTEM_HOST")
            pid = made.pid()
        assert made.pid() == pid
        made.start(listener)
        listener.wait_next("SYSTEM_HOST")
        assert made.pid() != pid, "what monitord asks for counts"


def test_it_ends_with_its_host(tmp_path: Path) -> None:
    with MonitordPort() as listener, client(tmp_path) as (both, made):
        made.start(listener)
        listener.wait_first("SYSTEM_HOST")
        with made.ends():
            both.frontend.call("one.host.delete", 0)


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (("one", "0", "burst1"), "%%%", "stdin is neither XML nor base64"),
        (("one", "0", "burst1"), "", "not XML"),
        (("one", "0", "burst1"), "<A", "not XML"),
        (("start", "one", "0", "burst1"), "", "no IM_MAD one in monitord.conf runs scripts"),
        (("one",), "", "run with 1 arguments. OpenNebula runs this: see IM_MAD"),
    ],
)
def test_a_wrong_start_is_one_clear_line(
    arguments: tuple[str, ...], stdin: str, words: str, tmp_path: Path
) -> None:
    with client(tmp_path) as (_, made):
        done = made.run(*arguments, stdin=stdin)
        assert (done.returncode, done.stdout) == (1, "")
        assert words in done.stderr
        assert done.stderr.count("\n") == 1


def test_probes_fail_as_the_shells_up_to_6_0_understand(tmp_path: Path) -> None:
    with client(tmp_path) as (both, made):
        both.host.update(ONE_USER="")
        done = made.run("one", "/var/lib/one/datastores", "4124", "20", "0", "burst1")
        assert done.returncode == 1
        first, line, last = done.stderr.splitlines()
        assert (first, last) == ("ERROR MESSAGE --8<------", "ERROR MESSAGE ------>8--")
        assert "host burst1 has no ONE_USER" in line


def test_a_message_too_long_for_a_datagram_arrives_whole() -> None:
    with MonitordPort() as listener:
        monitord = MonitordClient(0, Configuration("127.0.0.1", listener.port, "", Periods()))
        for size in (100, 40_000, 300_000):
            text = os.urandom(size).hex()
            monitord.send("MONITOR_VM", text)
            assert listener.wait_first("MONITOR_VM").text == text
            listener.forget()
        monitord.close()
