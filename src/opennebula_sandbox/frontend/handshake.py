"""The first words between oned and a driver.

Until 5.12 oned reads the answer to INIT byte by byte and accepts all but FAILURE; since 6.0 it
reads once, and whatever stands there beyond ``INIT SUCCESS`` is lost.
"""

import os
import select

from opennebula_sandbox.frontend.generation import Generation

_OLD_TIMEOUT = 30.0
_TIMEOUT = 10.0
_INIT_BYTES = 31


def handshake(fd: int, generation: Generation) -> str:
    """Return what is wrong with the answer to INIT, nothing if nothing is."""
    if generation.stream_driver:
        if not readable(fd, _TIMEOUT):
            return "Driver initialization time out"
        words = os.read(fd, _INIT_BYTES).split()
        return "" if words[:2] == [b"INIT", b"SUCCESS"] else "Driver initialization failed"
    answer = b""
    while not answer.endswith(b"\n"):
        if not readable(fd, _OLD_TIMEOUT) or not (byte := os.read(fd, 1)):
            return "MAD did not answer INIT command"
        answer += byte
    words = answer.split()
    if words[:1] != [b"INIT"]:
        return "Wrong action in MAD response"
    return "MAD initialization failed" if words[1:2] == [b"FAILURE"] else ""


def readable(fd: int, timeout: float | None) -> bool:
    """Tell whether *fd* has something to read, or its end, within *timeout* seconds."""
    return bool(select.select([fd], [], [], timeout)[0])
