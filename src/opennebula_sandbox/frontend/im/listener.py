"""monitord's port: UDP datagrams, and TCP connections with one message each."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Protocol

_ADDRESS = "127.0.0.1"
_DATAGRAM = 1 << 16
_SILENCE_SECONDS = 10.0
_ATTEMPTS = 20


class Port(Protocol):
    """What brings messages to monitord."""

    port: int
    """Its number, for UDP and TCP."""

    def start(self) -> None:
        """Listen."""

    def stop(self) -> None:
        """Listen no more."""


class Listener:
    """Receives messages by UDP and TCP on one port."""

    def __init__(self, take: Callable[[bytes], None], port: int = 0) -> None:
        """Call *take* with each message in other threads; the kernel chooses a port for 0."""
        self._take = take
        self._udp, self._tcp = _bind_pair(port)
        self.port: int = self._udp.getsockname()[1]
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def start(self) -> None:
        """Start to listen."""
        self._run(self._receive_datagrams)
        self._run(self._accept_connections)

    def stop(self) -> None:
        """Stop listening; take the messages of open connections first."""
        self._stopping.set()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", (_ADDRESS, self.port))
        self._tcp.shutdown(socket.SHUT_RDWR)
        while threads := self._list_threads():
            for thread in threads:
                thread.join()
        self._udp.close()
        self._tcp.close()

    def _list_threads(self) -> list[threading.Thread]:
        with self._lock:
            return list(self._threads)

    def _run(self, work: Callable[..., None], *arguments: object) -> None:
        def run() -> None:
            try:
                work(*arguments)
            finally:
                with self._lock:
                    self._threads.discard(thread)

        thread = threading.Thread(target=run, name="sandbox-monitord", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _receive_datagrams(self) -> None:
        while not self._stopping.is_set():
            if data := self._udp.recv(_DATAGRAM):
                self._take(data)

    def _accept_connections(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(OSError):
                connection = self._tcp.accept()[0]
                self._run(self._read_connection, connection)

    def _read_connection(self, connection: socket.socket) -> None:
        """Take the message of *connection*; it ends with the connection."""
        connection.settimeout(_SILENCE_SECONDS)
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
            self._take(stream.read())


def _bind_pair(port: int) -> tuple[socket.socket, socket.socket]:
    """Bind a UDP socket and a TCP socket to the same port and return them."""
    for _ in range(_ATTEMPTS):
        tcp = socket.create_server((_ADDRESS, port), backlog=128)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
        else:
            return udp, tcp
    raise OSError(f"no port of {_ATTEMPTS} is free for both UDP and TCP")
