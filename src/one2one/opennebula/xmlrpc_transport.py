"""XML-RPC to one server, on connections that are kept."""

import contextlib
from dataclasses import dataclass

from one2one import runtime
from one2one.opennebula import rpc
from one2one.opennebula.connection import Connection, build_tls, compute_skew
from one2one.opennebula.document import Body, Document
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import ConfigurationError, OneError, StaleConnection


@dataclass(frozen=True)
class XmlRpcAnswer:
    """The body of an answer."""

    body: Body

    def decode_result(self) -> str | int:
        """Return the result: see ``rpc.decode_result``."""
        return rpc.decode_result(self.body)

    def decode_document(self) -> Document:
        """Return the resulting text: see ``rpc.decode_document``."""
        return rpc.decode_document(self.body)


class XmlRpcTransport:
    """The connections to a server. Thread-safe."""

    def __init__(self, server: Endpoint) -> None:
        """Raise ConfigurationError if the certificate authorities cannot be read."""
        self._server = server
        self._tls = build_tls(server)
        self._lock = runtime.lock()
        self._idle: list[Connection] = []
        self._last_date = "", 0.0

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the server's clock is ahead of ours, by its last answer."""
        return compute_skew(*self._last_date)

    def encode(self, method: str, session: str, arguments: tuple[rpc.Argument, ...]) -> bytes:
        """Return the body of a call: see ``rpc.encode_call``."""
        return rpc.encode_call(method, session, arguments)

    def send(self, _method: str, body: bytes, deadline: float, *, repeatable: bool) -> XmlRpcAnswer:
        """Return the answer. A call is repeated only if the server had closed its connection."""
        try:
            return self._exchange(
                self._take_idle() or self._open_connection(deadline), body, deadline
            )
        except StaleConnection:
            if not repeatable:
                raise
        return self._exchange(self._open_connection(deadline), body, deadline)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _exchange(self, connection: Connection, body: bytes, deadline: float) -> XmlRpcAnswer:
        try:
            answer = connection.exchange(body, deadline)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._last_date = connection.date, runtime.time()
            self._idle.append(connection)
        return XmlRpcAnswer(answer)

    def _take_idle(self) -> Connection | None:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None or connection.is_usable():
                return connection
            connection.close()

    def _open_connection(self, deadline: float) -> Connection:
        left = max(0.001, deadline - runtime.monotonic())
        try:
            return Connection(self._server, self._tls, min(self._server.connect_timeout, left))
        except ConfigurationError:
            # An administrator may have corrected the authorities: the next call uses them.
            with contextlib.suppress(OneError):
                self._tls = build_tls(self._server)
            raise
