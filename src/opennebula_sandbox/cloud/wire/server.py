"""An XML-RPC server that behaves as oned's server does.

It does not know the cloud: ``call(method, arguments)`` returns the array of the answer, or raises
Fault. Like oned's Abyss server it has one thread for each connection, at most ``max_connections``
(other clients wait in the backlog). It closes a connection after ``max_calls`` calls or after
``idle_seconds`` without a call (MAX_CONN, KEEPALIVE_MAX_CONN, KEEPALIVE_TIMEOUT in oned.conf).
"""

import socket
import ssl
from collections.abc import Callable

from opennebula_sandbox.cloud.wire.connections import Connections
from opennebula_sandbox.cloud.wire.delivery import Call, Delivery, Drop, answer_http, deliver
from opennebula_sandbox.cloud.wire.xmlrpc import read_http


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
        self._run: Connections | None = None
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
        self._run = Connections(self._address, self._max_connections)
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

    def _listen(self, run: "Connections") -> None:
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

    def _serve(self, run: "Connections", connection: socket.socket, number: int) -> None:
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
