"""A socket with a deadline, a limit of silence and a limit of bytes."""

import io
import socket
from collections.abc import Callable

from one2one import runtime
from one2one.opennebula.errors import OneError


def time_left(deadline: float) -> float:
    """Return the seconds until *deadline* by ``runtime.monotonic()``; raises TimeoutError at 0."""
    left = deadline - runtime.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class DeadlineSocket:
    """A connected socket whose every wait ends at ``deadline``, or after *silence* seconds.

    The timeout of a plain socket starts again with each byte. So a peer that sends one byte from
    time to time would hold its reader for ever.
    """

    def __init__(self, sock: socket.socket, silence: float, read_ahead: int = 1 << 16) -> None:
        """Take a socket; its readers may read up to *read_ahead* bytes before they are needed."""
        self._sock = sock
        self._silence = silence
        self._read_ahead = read_ahead
        self._budget = 0
        self._held = True
        self._too_long: Callable[[], OneError]
        self.deadline = 0.0
        """By ``runtime.monotonic()``."""

    def allow(self, budget: int, otherwise: Callable[[], OneError]) -> None:
        """Accept *budget* bytes from now on; for more bytes raise the error of *otherwise*."""
        self._budget, self._too_long, self._held = budget, otherwise, False

    def hold(self) -> None:
        """Let readers have only what they have read ahead, until ``allow`` is called again."""
        self._held = True

    def open_reader(self) -> io.BufferedReader:
        """Return a reader of what comes in."""
        return io.BufferedReader(_Reader(self), self._read_ahead)

    def sendall(self, data: bytes) -> None:
        """Send *data*; raises TimeoutError at the deadline."""
        rest = memoryview(data)
        while rest:
            self._set_timeout()
            rest = rest[self._sock.send(rest) :]

    def receive(self, buffer: memoryview) -> int | None:
        """Fill *buffer* with the next bytes and return their number, 0 at the end, None on hold.

        Raises TimeoutError, and the error of ``allow`` when its budget is used up.
        """
        if self._held:
            return None
        if not self._budget:
            raise self._too_long()
        self._set_timeout()
        received = self._sock.recv_into(buffer[: self._budget])
        self._budget -= received
        return received

    def has_input(self) -> bool:
        """Tell whether bytes, or the end, wait to be read."""
        return runtime.has_input(self._sock)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _set_timeout(self) -> None:
        timeout = min(self._silence, time_left(self.deadline))
        if timeout != self._sock.gettimeout():
            # A system call lets another thread run: make it only for a new value.
            self._sock.settimeout(timeout)


class _Reader(io.RawIOBase):
    def __init__(self, sock: DeadlineSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        return self._sock.receive(buffer)
