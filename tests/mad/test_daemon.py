"""The process that the scripts leave."""

import errno
import os
from pathlib import Path

import pytest

from one2one.mad.scripts.daemon import Daemon
from one2one.opennebula.errors import Busy


def test_where_no_process_can_be_started_the_next_attempt_is_not_kept_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", refuse)
    for _ in range(2):
        with pytest.raises(Busy, match="no process can be started"):
            Daemon(tmp_path / "pid").start(lambda: None)
