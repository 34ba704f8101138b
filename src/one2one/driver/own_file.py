"""Files of ours beside oned's variable data, which nobody else can open."""

import os
from pathlib import Path

from one2one.opennebula.errors import ConfigurationError, OneError
from one2one.opennebula.shortage import is_shortage, shortage_error


def open_own_file(path: Path) -> int:
    """Open a file to read and write it, created where there is none; return its descriptor.

    Raises Busy and ConfigurationError, as ``file_error`` does.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise file_error(f"cannot open {path}", error) from None


def file_error(what: str, error: OSError) -> OneError:
    """Return Busy for a lack of files or memory, else what an administrator must do first."""
    if is_shortage(error):
        return shortage_error(what, error)
    return ConfigurationError(
        f"{what} ({error.strerror})",
        remedy="Let oneadmin own it, on a file system with room that is not read-only",
    )
