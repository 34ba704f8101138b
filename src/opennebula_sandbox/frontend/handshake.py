"""The handshake between oned and a driver.

Until 5.12 oned reads the answer to INIT byte by byte and accepts all except FAILURE. Since 6.0
it reads once, and loses all bytes after ``INIT SUCCESS``.
"""

import os
import select

from opennebula_sandbox.frontend.release import Release

_OLD_TIMEOUT = 30.0
_TIMEOUT = 10.0
_INIT_BYTES = 31


def check_handshake(fd: int, release: Release) -> str:
    """Return the problem with the answer to INIT; an empty text without one."""
    if release.stream_driver:
        if not wait_readable(fd, _TIMEOUT):
            return "Driver initialization time out"
        words = os.read(fd, _INIT_BYTES).split()
        return "" if words[:2] == [b"INIT", b"SUCCESS"] else "Driver initialization failed"
    answer = b""
    while not answer.endswith(b"\n"):
        if not wait_readable(fd, _OLD_TIMEOUT) or not (byte := os.read(fd, 1)):
            return "MAD did not answer INIT command"
        answer += byte
    words = answer.split()
    if words[:1] != [b"INIT"]:
        return "Wrong action in MAD response"
    return "MAD initialization failed" if words[1:2] == [b"FAILURE"] else ""


def wait_readable(fd: int, timeout: float | None) -> bool:
    """Wait at most *timeout* seconds for bytes, or the end, of *fd*; return whether they came."""
    return bool(select.select([fd], [], [], timeout)[0])
