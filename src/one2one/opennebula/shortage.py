"""What the system's errors say; a lack of files, memory or ports here is told apart."""

import errno

from one2one.opennebula.errors import Busy

_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}


def is_shortage(error: OSError) -> bool:
    """Tell whether *error* comes from a lack here, not from the file or cloud to open."""
    return error.errno in _SHORTAGES


def shortage_error(what: str, error: OSError) -> Busy:
    """Return the error for a shortage: the same call may succeed later."""
    return Busy(
        f"{what} ({error.strerror})",
        remedy="Raise the driver's limit of open files (LimitNOFILE, ulimit -n) or free memory",
    )


def explain_os_error(error: Exception) -> str:
    """Return the system's words for *error*, or OpenSSL's."""
    words = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(words or error or type(error).__name__)
