"""A server of XML-RPC that behaves as oned's does, for whatever ``call`` it is given.

It knows no cloud: ``call(method, arguments)`` returns the array that is the answer, or raises
Fault. Like oned's Abyss server it has one thread a connection, at most ``max_connections`` of
them (others wait in the backlog), and ends one after ``max_calls`` calls or ``idle_seconds`` of
silence (MAX_CONN, KEEPALIVE_MAX_CONN and KEEPALIVE_TIMEOUT in oned.conf).

How an answer leaves is decided by a ``Delivery``, which the sandbox's faults replace.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from opennebula_sandbox.cloud.wire.xmlrpc import (
    Fault,
    HttpRequest,
    Value,
    http_answer,
    read_call,
    read_http,
    write_answer,
    write_fault,
)

Call = Callable[[str, tuple[object, ...]], Sequence[Value]]

_BACKLOG = 128


class Drop(Exception):
    """Raised by a delivery to end the connection, whatever was sent of the answer."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset
        """Whether the client sees a reset rather than a regular end."""


@dataclass(frozen=True)
class Request:
    """A call that arrived, and the means to do it."""

    method: str
    arguments: tuple[object, ...] = field(repr=False)
    """The session is the first one."""
    connection: int
    """Connections are numbered from 1 in the order of their acceptance."""
    keep: bool
    """Whether the connection is to serve another call."""
    execute: Callable[[], bytes]
    """Do the call; returns the body of the answer. Each execution has its effect."""
    wait: Callable[[float], None]
    """Sleep so many seconds; raises Drop when the server stops meanwhile."""


Delivery = Callable[[Request], Iterator[bytes]]
"""Yields what is written for a request: an HTTP answer, or what a fault makes of it."""


def deliver(request: Request) -> Iterator[bytes]:
    """Do the call and answer it, as a healthy server does."""
    yield http_answer(request.execute(), keep=request.keep)


class Server:
    """Listens once it was started, until it is stopped; may be started again, on its port."""

    def __init__(
        self,
        call: Call,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        max_connections: int = 15,
        max_calls: int = 30,
        idle_seconds: float = 15.0,
        delivery: Delivery = deliver,
        accept: Callable[[], bool] = lambda: True,
    ) -> None:
        """*accept* tells whether the next connection is to be served, or reset at once."""
        self._call = call
        self._address = (host, port)
        self._tls = tls
        self._max_connections = max_connections
        self._max_calls = max_calls
        self._idle_seconds = idle_seconds
        self._delivery = delivery
        self._accept = accept
        self._run: _Run | None = None
        self.accepted = 0
        """Connections accepted so far, refused ones included."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; the port is the kernel's choice, at the first start, if it was 0."""
        return self._address

    @property
    def endpoint(self) -> str:
        """URL of the XML-RPC."""
        host, port = self._address
        return f"{'https' if self._tls else 'http'}://{host}:{port}/RPC2"

    def start(self) -> None:
        """Listen. Raises OSError where the address is taken."""
        self._run = _Run(self._address, self._max_connections)
        self._address = self._run.address
        self._run.start(self._listen)

    def deafen(self) -> None:
        """Refuse new connections, until it is stopped and started again; open ones go on."""
        if self._run:
            self._run.deafen()

    def stop(self) -> None:
        """Close every socket and wait for the threads; calls under way end unanswered."""
        run, self._run = self._run, None
        if run:
            run.stop()

    def _listen(self, run: "_Run") -> None:
        while (connection := run.accept()) is not None:
            self.accepted += 1
            try:
                if self._tls:
                    connection = self._tls.wrap_socket(
                        connection, server_side=True, do_handshake_on_connect=False
                    )
            except OSError:
                run.discard(connection)
            else:
                run.serve(connection, self._serve, self.accepted)

    def _serve(self, run: "_Run", connection: socket.socket, number: int) -> None:
        if not self._accept():
            raise Drop(reset=True)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection.makefile("rb") as reader:
            for count in range(1, self._max_calls + 1):
                connection.settimeout(self._idle_seconds)
                http = read_http(reader.readline, reader.read)
                keep = http.keep and count < self._max_calls
                connection.settimeout(None)
                for data in self._answer(run, http, number, keep):
                    connection.sendall(data)
                if not keep:
                    return

    def _answer(self, run: "_Run", http: HttpRequest, number: int, keep: bool) -> Iterator[bytes]:
        if http.method != "POST":
            return iter([http_answer(b"", "405 Method Not Allowed", keep=keep)])
        if http.path != "/RPC2":
            return iter([http_answer(b"", "404 Not Found", keep=keep)])
        try:
            method, arguments = read_call(http.body)
        except Fault as fault:
            return iter([http_answer(write_fault(fault), keep=keep)])

        def execute() -> bytes:
            try:
                return write_answer(self._call(method, arguments))
            except Fault as fault:
                return write_fault(fault)

        return self._delivery(Request(method, arguments, number, keep, execute, run.wait))


class _Run:
    """What lives from a start to its stop: sockets and threads."""

    def __init__(self, address: tuple[str, int], max_connections: int) -> None:
        self._listener = socket.create_server(address, backlog=_BACKLOG)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._slots = threading.Semaphore(max_connections)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._acceptor = threading.Thread(name="sandbox-accept")

    def start(self, listen: Callable[["_Run"], None]) -> None:
        """Run *listen* in a thread of its own."""
        self._acceptor = threading.Thread(
            target=listen, args=[self], name="sandbox-accept", daemon=True
        )
        self._acceptor.start()

    def accept(self) -> socket.socket | None:
        """Return the next connection, as soon as one more is allowed; None at the end."""
        self._slots.acquire()
        try:
            return None if self._stopping.is_set() else self._listener.accept()[0]
        except OSError:
            return None

    def serve(
        self,
        connection: socket.socket,
        serve: Callable[["_Run", socket.socket, int], None],
        number: int,
    ) -> None:
        """Run *serve* on *connection* in a thread, until it ends or the server does."""

        def run() -> None:
            try:
                serve(self, connection, number)
            except Drop as drop:
                if drop.reset:
                    _reset_on_close(connection)
            except (OSError, EOFError):
                pass
            finally:
                connection.close()
                with self._lock:
                    self._connections.pop(thread, None)
                self._slots.release()

        thread = threading.Thread(target=run, name=f"sandbox-connection-{number}", daemon=True)
        with self._lock:
            if self._stopping.is_set():
                connection.close()
                return
            self._connections[thread] = connection
            thread.start()

    def discard(self, connection: socket.socket) -> None:
        """Close a connection whose client has gone already."""
        connection.close()
        self._slots.release()

    def wait(self, seconds: float) -> None:
        """Sleep, unless the server stops: then raise Drop."""
        if self._stopping.wait(seconds):
            raise Drop

    def deafen(self) -> None:
        """Listen no more."""
        _shutdown(self._listener)
        self._listener.close()

    def stop(self) -> None:
        """Close all sockets and wait for all threads but the present one."""
        with self._lock:
            self._stopping.set()
            connections = dict(self._connections)
        self.deafen()
        self._slots.release()
        for connection in connections.values():
            _shutdown(connection)
        for thread in (self._acceptor, *connections):
            if thread is not threading.current_thread():
                thread.join()


def _reset_on_close(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _shutdown(connection: socket.socket) -> None:
    """Wake the thread that is busy with *connection*; TLS would want to say goodbye first."""
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return
