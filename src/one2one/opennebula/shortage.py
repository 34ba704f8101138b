"""What this machine, or this process by its limits, may have no more of: files, memory, ports."""

import errno

from one2one.opennebula.errors import Busy

_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}


def is_shortage(error: OSError) -> bool:
    """Tell whether *error* says nothing of the file or cloud that was to be opened."""
    return error.errno in _SHORTAGES


def shortage_error(what: str, error: OSError) -> Busy:
    """Return what to raise for it: the same may well succeed in a moment."""
    return Busy(
        f"{what} ({error.strerror})",
        remedy="Raise the driver's limit of open files (LimitNOFILE, ulimit -n) or free memory",
    )
