"""Reads the end of a log, whatever is in the file or in its place."""

import os
import stat
from pathlib import Path

from one2one.opennebula.clean import clean_line

_LONGEST_LINE = 4000
"""Characters."""


def read_tail(path: Path, lines: int, most: int) -> str:
    """Return the last *lines* of a file, of its last *most* bytes.

    Raises OSError for anything but a regular file: a link may lead to what only root may read, and
    a pipe has no end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "not a regular file", str(path))
        file.seek(max(0, status.st_size - most))
        data = file.read(most)
    kept = data.decode(errors="replace").split("\n")
    if status.st_size > most:
        del kept[0]  # a part of a line
    return "\n".join(kept[-lines - 1 :])


def clean_text(text: str) -> str:
    """Return *text* with each of its lines clean, and none of them very long."""
    return "".join(f"{clean_line(line, _LONGEST_LINE)}\n" for line in text.split("\n")).rstrip("\n")
