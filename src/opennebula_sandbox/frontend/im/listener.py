"""monitord's port: datagrams, and connections that carry one message each."""

import contextlib
import socket
import threading
from collections.abc import Callable

_ADDRESS = "127.0.0.1"
_DATAGRAM = 1 << 16
_SILENCE_SECONDS = 10.0
_ATTEMPTS = 20


class Listener:
    """Takes messages by UDP and TCP, on one port."""

    def __init__(self, take: Callable[[bytes], None], port: int = 0) -> None:
        """Call *take* with each message, in threads of its own; 0 lets the kernel choose."""
        self._take = take
        self._udp, self._tcp = _pair(port)
        self.port: int = self._udp.getsockname()[1]
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def start(self) -> None:
        """Listen."""
        self._run(self._datagrams)
        self._run(self._connections)

    def stop(self) -> None:
        """Listen no more; messages that are coming in are still taken."""
        self._stopping.set()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", (_ADDRESS, self.port))
        self._tcp.shutdown(socket.SHUT_RDWR)
        while threads := self._alive():
            for thread in threads:
                thread.join()
        self._udp.close()
        self._tcp.close()

    def _alive(self) -> list[threading.Thread]:
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

    def _datagrams(self) -> None:
        while not self._stopping.is_set():
            if data := self._udp.recv(_DATAGRAM):
                self._take(data)

    def _connections(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(OSError):
                connection = self._tcp.accept()[0]
                self._run(self._connection, connection)

    def _connection(self, connection: socket.socket) -> None:
        """Take the message that *connection* brings: its end is the connection's."""
        connection.settimeout(_SILENCE_SECONDS)
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
            self._take(stream.read())


def _pair(port: int) -> tuple[socket.socket, socket.socket]:
    """Return sockets for UDP and TCP, bound to the same port."""
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
