"""A gRPC server of the same calls, with the same faults. The only module that imports grpcio.

A delivery answers in HTTP and XML-RPC. This server reads its bytes, and answers with the message
or the status that oned's gRPC has for them: so each fault exists on both ways.
"""

import os
import threading
import xmlrpc.client
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

from one2one.opennebula.grpc_calls import CALLS, GrpcCall, Result
from one2one.opennebula.protobuf import BOOL, INT, SINT, TEXT, decode, encode, to_int32, to_sint32
from opennebula_sandbox.cloud.refusal import ErrorCode
from opennebula_sandbox.cloud.wire.delivery import ApiRequest, Call, Delivery, Drop
from opennebula_sandbox.cloud.wire.xmlrpc import Fault, write_answer, write_fault

_MOST_OF_ENDLESS = 4 << 20
_MOST_OF_HEAD = 1 << 10
_METHODS = {call.path: (method, call) for method, call in CALLS.items()}
_NO_MESSAGE = b"\xff"
"""In place of an empty body: an empty message would be the id 0."""
_NO_SUCH_METHOD = -506
_STATUSES = {
    ErrorCode.AUTHENTICATION: grpc.StatusCode.UNAUTHENTICATED,
    ErrorCode.AUTHORIZATION: grpc.StatusCode.PERMISSION_DENIED,
    ErrorCode.NO_EXISTS: grpc.StatusCode.NOT_FOUND,
    ErrorCode.XML_RPC_API: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorCode.ALLOCATE: grpc.StatusCode.ALREADY_EXISTS,
}
"""INTERNAL for all others, as in ``RequestGRPC::to_status_code``."""
_HTTP_STATUSES = {
    404: grpc.StatusCode.UNIMPLEMENTED,
    429: grpc.StatusCode.UNAVAILABLE,
    502: grpc.StatusCode.UNAVAILABLE,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.UNAVAILABLE,
}
"""What gRPC makes of the status of an answer without one of its own; UNKNOWN of all others."""


class GrpcServer:
    """Listens from ``start`` to ``stop``; a second start uses the same port."""

    def __init__(
        self,
        call: Call,
        *,
        host: str,
        delivery: Delivery,
        certificate: tuple[Path, Path] | None = None,
        max_connections: int = 15,
    ) -> None:
        self._call = call
        self._host, self._port = host, 0
        self._delivery = delivery
        self._certificate = certificate
        self._threads = max_connections
        self._server: grpc.Server | None = None
        self._stopping = threading.Event()

    @property
    def endpoint(self) -> str:
        """URL of the gRPC, as ONE_ENDPOINT has it."""
        return f"grpc{'s' if self._certificate else ''}://{self._host}:{self._port}"

    def start(self) -> None:
        """Listen. Raises RuntimeError if the port is in use."""
        self._stopping.clear()
        self._server = grpc.server(
            ThreadPoolExecutor(self._threads),
            handlers=[self],  # type: ignore[list-item] # it has the method of one
            options=[("grpc.so_reuseport", 0)],
        )
        address = f"{self._host}:{self._port}"
        if self._certificate:
            chain, key = (path.read_bytes() for path in self._certificate)
            credentials = grpc.ssl_server_credentials([(key, chain)])
            self._port = self._server.add_secure_port(address, credentials)
        else:
            self._port = self._server.add_insecure_port(address)
        self._server.start()

    def stop(self) -> None:
        """Close every connection; running calls get no answer."""
        self._stopping.set()
        if self._server is not None:
            self._server.stop(grace=None).wait()

    def service(self, details: Any) -> Any:
        """Return what handles a call, None for an unknown one: called by grpcio."""
        found = _METHODS.get(details.method)
        if found is None:
            return None
        method, call = found

        def handle(message: bytes, context: grpc.ServicerContext) -> bytes:
            return self._answer(method, call, message, context)

        return grpc.unary_unary_rpc_method_handler(handle)

    def _answer(
        self, method: str, call: GrpcCall, message: bytes, context: grpc.ServicerContext
    ) -> bytes:
        arguments = _read_arguments(call, message)

        def execute() -> bytes:
            try:
                return write_answer(self._call(method, arguments))
            except Fault as fault:
                return write_fault(fault)

        request = ApiRequest(method, arguments, 0, True, execute, self._wait)
        try:
            http = _join(self._delivery(request))
        except Drop:
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return _translate(http, call, context.abort)

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Drop


def _join(pieces: Iterator[bytes]) -> bytes:
    """Return the pieces in one, without the end of an answer that has none."""
    http = bytearray()
    for piece in pieces:
        http += piece
        if len(http) > _MOST_OF_ENDLESS and b"Content-Length: " not in http[:_MOST_OF_HEAD]:
            break
    return bytes(http)


def _read_arguments(call: GrpcCall, message: bytes) -> tuple[object, ...]:
    """Return the session and the arguments; a field that is left out has the value of its type."""
    fields = decode(message)
    types = (TEXT, *call.arguments)
    return tuple(_read_value(kind, fields.get(number)) for number, kind in enumerate(types, 1))


def _read_value(kind: str, raw: int | memoryview | None) -> object:
    if kind == TEXT:
        return str(raw, "utf-8") if isinstance(raw, memoryview) else ""
    number = raw if isinstance(raw, int) else 0
    if kind == BOOL:
        return bool(number)
    return to_sint32(number) if kind == SINT else to_int32(number)


def _translate(http: bytes, call: GrpcCall, abort: Callable[..., Any]) -> bytes:
    """Return the message for an HTTP answer, or abort the call as oned and gRPC do."""
    head, _, body = http.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/1.1 ") else 0
    if status != 200:
        code = _HTTP_STATUSES.get(status, grpc.StatusCode.UNKNOWN)
        abort(code, f"Received http2 header with status: {status}")
    if b"Content-Length: " not in head:  # without an end
        return body
    try:
        values: Sequence[Any] = xmlrpc.client.loads(body)[0][0]  # type: ignore[assignment]
    except xmlrpc.client.Fault as fault:
        unknown = fault.faultCode == _NO_SUCH_METHOD
        code = grpc.StatusCode.UNIMPLEMENTED if unknown else grpc.StatusCode.INVALID_ARGUMENT
        abort(code, f"{call.path}: {fault.faultString}")
    except (ExpatError, xmlrpc.client.Error):
        return body or _NO_MESSAGE
    ok, result, *rest = values
    if not ok:
        abort(_STATUSES.get(rest[0], grpc.StatusCode.INTERNAL), result)
    kind = TEXT if call.result is Result.XML else INT
    return encode([kind], [str(result) if kind == TEXT else int(result)])
