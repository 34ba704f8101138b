"""The client of one server: a bounded number of calls at a time, with typed errors.

The scheme of its URL chooses the way of a call: ``xmlrpc_transport`` or ``grpc_transport``.
"""

import math
from collections.abc import Callable
from copy import copy
from typing import Protocol, TypeVar

from one2one import runtime
from one2one.opennebula import rpc
from one2one.opennebula.breaker import Breaker
from one2one.opennebula.document import Document
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import ConfigurationError, OneError, ProtocolError, Unreachable
from one2one.opennebula.transport import Answer, Transport
from one2one.opennebula.urls import parse_endpoint, parse_proxy
from one2one.opennebula.xmlrpc_transport import XmlRpcTransport

Parsed = TypeVar("Parsed")

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
        parse: Callable[[Document], Parsed],
        method: str,
        *arguments: rpc.Argument,
    ) -> Parsed:
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
        Raises ConfigurationError for settings that cannot work.
        """
        self.endpoint = server
        self._session = session
        self._transport = _open_transport(server)
        self._breaker = breaker or Breaker(failures=math.inf)
        self._free = runtime.semaphore(server.max_connections)
        self.on_call: OnCall = _ignore_call

    @property
    def url(self) -> str:
        """The URL of the server."""
        return self.endpoint.url

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which its clock is ahead of ours, by its last answer."""
        return self._transport.clock_skew

    def call(self, method: str, *arguments: rpc.Argument) -> str | int:
        """Return the result of *method*, whose *arguments* follow the session.

        A call that only reads is sent once more if the cloud had closed its connection. Raises
        the errors of ``opennebula.errors``, with the call and the endpoint.
        """
        return self._call_and_decode(lambda answer: answer.decode_result(), method, arguments)

    def read(
        self,
        parse: Callable[[Document], Parsed],
        method: str,
        *arguments: rpc.Argument,
    ) -> Parsed:
        """Return what *parse* makes of the resulting text."""
        return self._call_and_decode(
            lambda answer: parse(answer.decode_document()), method, arguments
        )

    def hide_password(self, error: OneError) -> None:
        """Hide the password in an error that may quote the cloud."""
        error.hide(self._session.partition(":")[2])

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def _call_and_decode(
        self,
        read: Callable[[Answer], Parsed],
        method: str,
        arguments: tuple[rpc.Argument, ...],
    ) -> Parsed:
        """Make a call and *read* its answer. Raises only OneError, for any bytes that come."""
        began = runtime.monotonic()
        ended: float | None = None
        failure: OneError | None = None
        answer: Answer | None = None
        try:
            body = self._transport.encode(method, self._session, arguments)
            answer = self._send_when_free(method, body)
            ended = runtime.monotonic()
            return read(answer)
        except Exception as error:  # noqa: BLE001 - an unexpected exception means a wrong answer
            failure = _detach(error)
            self.hide_password(failure)
            failure.call, failure.endpoint = method, self.endpoint.url
            answer = None  # the error keeps this frame
        finally:
            self.on_call(method, (ended or runtime.monotonic()) - began, failure)
        try:
            raise failure
        finally:
            del failure  # this frame and the error would keep each other

    def _send_when_free(self, method: str, body: bytes) -> Answer:
        total = self.endpoint.total_timeout
        deadline = runtime.monotonic() + total
        admitted = self._breaker.admit(runtime.monotonic())
        if not self._free.acquire(timeout=total):
            raise Unreachable(f"no free connection within {total:g} s")
        try:
            if not admitted:  # calls on the other connections may have failed meanwhile
                self._breaker.admit(runtime.monotonic())
            return self._send_and_record(method, body, deadline)
        finally:
            self._free.release()

    def _send_and_record(self, method: str, body: bytes, deadline: float) -> Answer:
        """Send *body*, and record the result in the breaker."""
        repeatable = method.endswith(READING)
        try:
            answer = self._transport.send(method, body, deadline, repeatable=repeatable)
        except Unreachable as error:
            self.hide_password(error)
            self._breaker.record_failure(error, runtime.monotonic())
            raise
        except Exception:
            self._breaker.record_answer()
            raise
        self._breaker.record_answer()
        return answer


def _open_transport(server: Endpoint) -> Transport:
    if server.proxy:
        parse_proxy(server.proxy)
    if not parse_endpoint(server.url).is_grpc:
        return XmlRpcTransport(server)
    try:
        from one2one.opennebula.grpc_transport import GrpcTransport  # grpcio is an extra
    except ImportError as error:
        raise ConfigurationError(
            f"gRPC needs the package grpcio ({error})",
            endpoint=server.url,
            remedy="Install one2one[grpc], or set an endpoint of https:// or http://",
        ) from None
    return GrpcTransport(server)


def _detach(error: Exception) -> OneError:
    """Return *error* as a OneError that keeps nothing of the answer.

    The traceback would keep the frames, and they hold the answer, of up to Endpoint.max_answer
    bytes; but an error may live for long. A copy has no traceback.
    """
    if isinstance(error, OneError):
        return copy(error)
    cause = f"an answer that cannot be read ({type(error).__name__}: {error})"
    return ProtocolError(cause, sent=True)
