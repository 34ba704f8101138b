"""The XML-RPC client: calls on a bounded number of kept connections, with typed errors."""

import contextlib
import math
from collections.abc import Callable, Iterator
from copy import copy
from typing import Protocol, TypeVar

from one2one import runtime
from one2one.opennebula import rpc
from one2one.opennebula.breaker import Breaker
from one2one.opennebula.connection import (
    Connection,
    Endpoint,
    StaleConnection,
    build_tls,
    compute_skew,
)
from one2one.opennebula.errors import ConfigurationError, OneError, ProtocolError, Unreachable
from one2one.opennebula.urls import parse_endpoint, parse_proxy

Answer = TypeVar("Answer")

READING = (
    ".info",
    ".infoset",
    ".infoextended",
    ".monitoring",
    ".version",
    ".config",
    ".raftstatus",
    ".accounting",
    ".showback",
)
"""Endings of the calls that change nothing: a second call does no harm."""


OnCall = Callable[[str, float, OneError | None], object]
"""Called after each call, with its name, its seconds and its error."""


def _ignore_call(_method: str, _seconds: float, _error: OneError | None) -> None:
    pass


class Caller(Protocol):
    """A way to make calls to a cloud. Each method is that of ``Client``."""

    on_call: OnCall

    @property
    def url(self) -> str:
        """The URL to which calls go at present."""

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the cloud's clock is ahead of ours; None if it is not known."""

    def call(self, method: str, *arguments: rpc.Argument) -> str | int:
        """Return the result of a call."""

    def read(
        self,
        parse: Callable[[Iterator[bytes]], Answer],
        method: str,
        *arguments: rpc.Argument,
    ) -> Answer:
        """Return what *parse* makes of the resulting text."""

    def hide_password(self, error: OneError) -> None:
        """Hide the password in an error that may quote the cloud."""

    def close(self) -> None:
        """Close the idle connections."""


class Client:
    """A server of a cloud, seen by one of the cloud's users.

    Thread-safe: calls beyond the connections queue.
    """

    def __init__(self, server: Endpoint, session: str, breaker: Breaker | None = None) -> None:
        """Take *session*, ``user:password`` or ``user:token``; nothing is connected yet.

        All clients of the same cloud share one *breaker*. Without a breaker every call is sent.
        """
        parse_endpoint(server.url)
        if server.proxy:
            parse_proxy(server.proxy)
        self.endpoint = server
        self._session = session
        self._tls = build_tls(server)
        self._breaker = breaker or Breaker(failures=math.inf)
        self._free = runtime.semaphore(server.max_connections)
        self._lock = runtime.lock()
        self._idle: list[Connection] = []
        self._last_date = "", 0.0
        self.on_call: OnCall = _ignore_call

    @property
    def url(self) -> str:
        """The URL of the server's XML-RPC."""
        return self.endpoint.url

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which its clock is ahead of ours, by its last answer."""
        return compute_skew(*self._last_date)

    def call(self, method: str, *arguments: rpc.Argument) -> str | int:
        """Return the result of *method*, whose *arguments* follow the session.

        A call that only reads is sent once more if the cloud had closed its connection. Raises
        the errors of ``opennebula.errors``, with the call and the endpoint.
        """
        return self._call_and_decode(rpc.decode_result, method, arguments)

    def read(
        self,
        parse: Callable[[Iterator[bytes]], Answer],
        method: str,
        *arguments: rpc.Argument,
    ) -> Answer:
        """Return what *parse* makes of the resulting text, in pieces: see ``rpc``."""
        return self._call_and_decode(
            lambda body: parse(rpc.decode_in_pieces(body)), method, arguments
        )

    def hide_password(self, error: OneError) -> None:
        """Hide the password in an error that may quote the cloud."""
        error.hide(self._session.partition(":")[2])

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _call_and_decode(
        self,
        read: Callable[[rpc.Body], Answer],
        method: str,
        arguments: tuple[rpc.Argument, ...],
    ) -> Answer:
        """Make a call and *read* its answer. Raises only OneError, for any bytes that come."""
        began = runtime.monotonic()
        ended: float | None = None
        failure: OneError | None = None
        try:
            body = rpc.encode_call(method, self._session, arguments)
            answer = self._send_when_free(body, repeatable=method.endswith(READING))
            ended = runtime.monotonic()
            return read(answer)
        except Exception as error:  # noqa: BLE001 - an unexpected exception means a wrong answer
            failure = _detach(error)
            self.hide_password(failure)
            failure.call, failure.endpoint = method, self.endpoint.url
            answer = b""
        finally:
            self.on_call(method, (ended or runtime.monotonic()) - began, failure)
        try:
            raise failure
        finally:
            del failure  # this frame and the error would keep each other

    def _send_when_free(self, body: bytes, *, repeatable: bool) -> rpc.Body:
        total = self.endpoint.total_timeout
        deadline = runtime.monotonic() + total
        admitted = self._breaker.admit(runtime.monotonic())
        if not self._free.acquire(timeout=total):
            raise Unreachable(f"no free connection within {total:g} s")
        try:
            if not admitted:  # calls on the other connections may have failed meanwhile
                self._breaker.admit(runtime.monotonic())
            return self._send_and_record(body, deadline, repeatable=repeatable)
        finally:
            self._free.release()

    def _send_and_record(self, body: bytes, deadline: float, *, repeatable: bool) -> rpc.Body:
        """Send *body*, and record the result in the breaker."""
        try:
            answer = self._send(body, deadline, repeatable=repeatable)
        except Unreachable as error:
            self.hide_password(error)
            self._breaker.record_failure(error, runtime.monotonic())
            raise
        except Exception:
            self._breaker.record_answer()
            raise
        self._breaker.record_answer()
        return answer

    def _send(self, body: bytes, deadline: float, *, repeatable: bool) -> rpc.Body:
        try:
            return self._exchange(
                self._take_idle() or self._open_connection(deadline), body, deadline
            )
        except StaleConnection:
            if not repeatable:
                raise
        return self._exchange(self._open_connection(deadline), body, deadline)

    def _exchange(self, connection: Connection, body: bytes, deadline: float) -> rpc.Body:
        try:
            answer = connection.exchange(body, deadline)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._last_date = connection.date, runtime.time()
            self._idle.append(connection)
        return answer

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
            return Connection(self.endpoint, self._tls, min(self.endpoint.connect_timeout, left))
        except ConfigurationError:
            # An administrator may have corrected the authorities: the next call uses them.
            with contextlib.suppress(OneError):
                self._tls = build_tls(self.endpoint)
            raise


def _detach(error: Exception) -> OneError:
    """Return *error* as a OneError that keeps nothing of the answer.

    The traceback would keep the frames, and they hold the answer, of up to Endpoint.max_answer
    bytes; but an error may live for long. A copy has no traceback.
    """
    if isinstance(error, OneError):
        return copy(error)
    cause = f"an answer that cannot be read ({type(error).__name__}: {error})"
    return ProtocolError(cause, sent=True)
