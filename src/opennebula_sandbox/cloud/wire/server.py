"""An XML-RPC server that behaves as oned's server does.

It does not know the cloud: ``call(method, arguments)`` returns the array of the answer, or raises
Fault. Like oned's Abyss server it has one thread for each connection, at most ``max_connections``
(other clients wait in the backlog). It closes a connection after ``max_calls`` calls or after
``idle_seconds`` without a call (MAX_CONN, KEEPALIVE_MAX_CONN, KEEPALIVE_TIMEOUT in oned.conf).

A ``Delivery`` sends the answers; the sandbox's faults replace it.
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
    format_http_answer,
    read_call,
    read_http,
    write_answer,
    write_fault,
)

Call = Callable[[str, tuple[object, ...]], Sequence[Value]]

_BACKLOG = 128


class Drop(Exception):
    """Raised by a delivery to close the connection, even in the middle of an answer."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset
        """Whether the client sees a TCP reset instead of a normal end."""


@dataclass(frozen=True)
class ApiRequest:
    """A call that a client sent, with the function that does it."""

    method: str
    arguments: tuple[object, ...] = field(repr=False)
    """The first argument is the session."""
    connection: int
    """The number of the connection: 1 is the first that the server accepted."""
    keep: bool
    """Whether the connection stays open for another call."""
    execute: Callable[[], bytes]
    """Do the call and return the body of the answer. Each execution has its effect."""
    wait: Callable[[float], object]
    """Sleep the given seconds; raises Drop when the server stops."""


Delivery = Callable[[ApiRequest], Iterator[bytes]]
"""Yields the bytes that answer a request: an HTTP answer, or what a fault sends instead."""


def deliver(request: ApiRequest) -> Iterator[bytes]:
    """Do the call and answer it, as a server without faults does."""
    yield format_http_answer(request.execute(), keep=request.keep)


class XmlRpcServer:
    """Listens from ``start`` to ``stop``; a second start uses the same port."""

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
        """*accept* returns whether to serve the next connection, or to reset it at once."""
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
        """How many connections were accepted, with those that were reset at once."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; instead of port 0 the kernel chooses one at the first start."""
        return self._address

    @property
    def endpoint(self) -> str:
        """URL of the XML-RPC."""
        host, port = self._address
        return f"{'https' if self._tls else 'http'}://{host}:{port}/RPC2"

    def start(self) -> None:
        """Listen. Raises OSError if the address is in use."""
        self._run = _Run(self._address, self._max_connections)
        self._address = self._run.address
        self._run.start(self._listen)

    def refuse_connections(self) -> None:
        """Refuse new connections until the next start; open connections remain."""
        if self._run:
            self._run.close_listener()

    def stop(self) -> None:
        """Close every socket and wait for the threads; running calls get no answer."""
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
                answer = answer_http(
                    http,
                    self._call,
                    self._delivery,
                    keep=keep,
                    wait=run.wait,
                    connection=number,
                )
                for data in answer:
                    connection.sendall(data)
                if not keep:
                    return


def answer_http(
    http: HttpRequest,
    call: Call,
    delivery: Delivery,
    *,
    keep: bool,
    wait: Callable[[float], object],
    connection: int = 0,
) -> Iterator[bytes]:
    """Yield the bytes that answer an HTTP request; *keep* tells whether another may follow."""
    if http.method != "POST":
        return iter([format_http_answer(b"", "405 Method Not Allowed", keep=keep)])
    if http.path != "/RPC2":
        return iter([format_http_answer(b"", "404 Not Found", keep=keep)])
    try:
        method, arguments = read_call(http.body)
    except Fault as fault:
        return iter([format_http_answer(write_fault(fault), keep=keep)])

    def execute() -> bytes:
        try:
            return write_answer(call(method, arguments))
        except Fault as fault:
            return write_fault(fault)

    return delivery(ApiRequest(method, arguments, connection, keep, execute, wait))


class _Run:
    """The sockets and threads of a server from its start to its stop."""

    def __init__(self, address: tuple[str, int], max_connections: int) -> None:
        self._listener = socket.create_server(address, backlog=_BACKLOG)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._slots = threading.Semaphore(max_connections)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._acceptor = threading.Thread(name="sandbox-accept")

    def start(self, listen: Callable[["_Run"], None]) -> None:
        """Run *listen* in a new thread."""
        self._acceptor = threading.Thread(
            target=listen, args=[self], name="sandbox-accept", daemon=True
        )
        self._acceptor.start()

    def accept(self) -> socket.socket | None:
        """Wait until one more connection is allowed and return the next; None after the stop."""
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
        """Run *serve* on *connection* in a new thread, until it ends or the server stops."""

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
        """Close a connection that has no thread."""
        connection.close()
        self._slots.release()

    def wait(self, seconds: float) -> None:
        """Sleep; raise Drop when the server stops."""
        if self._stopping.wait(seconds):
            raise Drop

    def close_listener(self) -> None:
        """Close the listening socket."""
        _shutdown(self._listener)
        self._listener.close()

    def stop(self) -> None:
        """Close all sockets and wait for all threads except the current one."""
        with self._lock:
            self._stopping.set()
            connections = dict(self._connections)
        self.close_listener()
        self._slots.release()
        for connection in connections.values():
            _shutdown(connection)
        for thread in (self._acceptor, *connections):
            if thread is not threading.current_thread():
                thread.join()


def _reset_on_close(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _shutdown(connection: socket.socket) -> None:
    """Wake the thread that uses *connection*; shut down TCP below TLS, which would wait."""
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return
