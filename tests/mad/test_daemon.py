"""The process that the scripts leave, on a machine where it cannot start or be recorded."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from one2one.mad.scripts.daemon import Daemon
from one2one.opennebula.errors import Busy, ConfigurationError
from tests.file_systems import NO_BYTECODE, write_nothing


def test_where_no_process_can_be_started_the_next_attempt_is_not_kept_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", refuse)
    for _ in range(2):
        with pytest.raises(Busy, match="no process can be started"):
            Daemon(tmp_path / "pid").start(lambda: None)


PROGRAM = """\
import sys, time
from pathlib import Path
from one2one.mad.scripts.daemon import Daemon
try:
    Daemon(Path(sys.argv[1])).start(lambda: time.sleep(3600))
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


def test_a_process_that_could_never_be_ended_again_is_not_left(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, pid_file],
        env=os.environ | NO_BYTECODE,
        preexec_fn=write_nothing,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"ConfigurationError: cannot write {pid_file} (File too large)")
    with pid_file.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # no process holds it


def test_without_a_place_for_its_file_none_is_started(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot open"):
        Daemon(tmp_path / "nowhere" / "pid").start(lambda: None)
