"""A socket under two deadlines, in the shape that http.client asks of one."""

import io
import select
import socket
import time


class DeadlineSocket:
    """A connected socket whose every wait ends at ``deadline``, or after *silence* seconds.

    The timeout of a plain socket starts anew with each byte, so a peer that sends one now and
    then would hold its reader for ever.
    """

    def __init__(self, sock: socket.socket, silence: float) -> None:
        self._sock = sock
        self._silence = silence
        self._closed = False
        self._readers = 0
        self.deadline = 0.0
        """By ``time.monotonic()``."""

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader, which keeps the socket open until it is closed itself."""
        self._readers += 1
        return io.BufferedReader(_Reader(self), 1 << 16)

    def sendall(self, data: bytes) -> None:
        """Send *data*; raises TimeoutError at the deadline."""
        self._set_timeout()
        self._sock.sendall(data)

    def receive(self, buffer: memoryview) -> int:
        """Fill *buffer* with what comes next, 0 bytes at the end; raises TimeoutError."""
        self._set_timeout()
        return self._sock.recv_into(buffer)

    def has_input(self) -> bool:
        """Tell whether anything, the end included, waits to be read."""
        return bool(select.select([self._sock], [], [], 0)[0])

    def close(self) -> None:
        """Close the socket, now or when its last reader is closed: http.client closes it first."""
        self._closed = True
        if not self._readers:
            self._sock.close()

    def reader_closed(self) -> None:
        """Note that a reader is closed."""
        self._readers -= 1
        if self._closed and not self._readers:
            self._sock.close()

    def _set_timeout(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        timeout = min(self._silence, left)
        if timeout != self._sock.gettimeout():
            # A system call, at which another thread takes over: not for what is set already.
            self._sock.settimeout(timeout)


class _Reader(io.RawIOBase):
    def __init__(self, sock: DeadlineSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._sock.reader_closed()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._sock.receive(buffer)
