"""Our own log, for the processes that OpenNebula gives no other: ``one2one.log`` beside oned's."""

import contextlib
import os
import time
from pathlib import Path

from one2one.driver.locations import log_location
from one2one.opennebula.clean import clean_line

_TAIL = 64 << 10
"""Bytes at the end of it that are searched for what was written already."""


def append_line(line: str) -> None:
    """Append *line*, unless it is among the last ones: each process finds the same faults again.

    Where the file cannot be written there is no log: the work matters more.
    """
    path, line = log_location() / "one2one.log", clean_line(line)
    if line in _read_tail(path):
        return
    text = f"{time.strftime('%a %b %d %H:%M:%S %Y')}: {line}\n"
    with contextlib.suppress(OSError):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.write(file, text.encode(errors="replace"))
        finally:
            os.close(file)


def _read_tail(path: Path) -> str:
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - _TAIL))
            return log.read(_TAIL).decode(errors="replace")
    except OSError:
        return ""
