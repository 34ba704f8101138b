"""What a gRPC status means: an answer of oned, or a fault on the way. Does no I/O.

grpcio gives the same status codes to both. oned's texts begin with the name of the call; the
others are gRPC's own (measured with grpcio 1.85). A text that is not known here counts as a call
that may have had its effect.
"""

import re
from http import HTTPStatus

from one2one.opennebula.body import too_long_error
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import (
    Busy,
    ConfigurationError,
    MethodNotFound,
    OneError,
    ProtocolError,
    StaleConnection,
    Unreachable,
)
from one2one.opennebula.grpc_calls import refusal_error

_HTTP = re.compile(r"Received http2 header with status: (\d{3})")
_NOT_CONNECTED = re.compile(
    r"failed to connect to all addresses|(DNS resolution failed|errors resolving) "
)
_BROKE_OFF = re.compile(r"RST_STREAM|Stream removed|[Ss]ocket closed|GOAWAY")
_STATUS = re.compile(r"^[A-Z_]+: ")
_PORT = "Check the port: oned's gRPC has one of its own (GRPC_PORT in oned.conf, 2634)"
_CONFIGURATION = (
    (
        "CERTIFICATE_VERIFY_FAILED",
        "its certificate is not trusted",
        "Put the cloud's authority into ONE_CA_FILE, or correct the certificate",
    ),
    (
        r"WRONG_VERSION_NUMBER|[Hh]andshake failed.*(PACKET_LENGTH|HTTP_REQUEST)",
        "no TLS on this port",
        "Use grpc:// for a plain port, or put a TLS proxy before it",
    ),
    (
        r"Cannot check peer: missing selected ALPN|ALPN",
        "its TLS does not offer HTTP/2",
        "Let the TLS proxy before it speak HTTP/2, or use https://",
    ),
    (r"HTTP proxy returned response code 407", "the proxy wants another user", "Check ONE_PROXY"),
    (r"HTTP proxy returned response code 4", "the proxy does not connect to it", "Check ONE_PROXY"),
    (r"http1\.x server|Failed parsing HTTP/2", "it does not speak HTTP/2", _PORT),
)
"""Failures to connect that an administrator must end: what gRPC says, what it means, a remedy."""


def to_error(status: str, method: str, text: str, server: Endpoint) -> OneError:
    """Return the error for the status of a call, such as NOT_FOUND, and its text."""
    if refusal := refusal_error(status, method, text):
        return refusal
    if http := _HTTP.search(text):
        return _http_error(int(http[1]))
    if status == "UNAVAILABLE" and _NOT_CONNECTED.match(text):
        return _connection_error(text)
    match status:
        case "UNIMPLEMENTED":
            return MethodNotFound(text)
        case "DEADLINE_EXCEEDED":
            return Unreachable("no complete answer before the deadline of the call", sent=True)
        case "RESOURCE_EXHAUSTED" if "larger than max" in text:
            return too_long_error(server.max_answer)
        case _ if "Compression algorithm" in text:
            return ProtocolError(f"the answer is compressed ({text})", sent=True)
        case "UNAVAILABLE" | "CANCELLED":
            return StaleConnection(text, sent=True)
        case _ if _BROKE_OFF.search(text):
            return Unreachable(f"the answer broke off ({text})", sent=True)
    return ProtocolError(f"status {status}: {text}", sent=True, remedy=_PORT)


def _connection_error(text: str) -> OneError:
    """Return the error of a call that was not sent."""
    reason = _STATUS.sub("", text.partition("last error: ")[2] or text)
    for words, cause, remedy in _CONFIGURATION:
        if re.search(words, reason):
            return ConfigurationError(f"{cause} ({reason})", remedy=remedy)
    return Unreachable(f"cannot connect ({reason})")


def _http_error(status: int) -> OneError:
    """Return the error of a proxy before oned, which speaks HTTP/2 and does not answer in gRPC."""
    answer = f"HTTP {status}"
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return Busy(answer)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unreachable(answer, sent=True)
    return ConfigurationError(answer, remedy=f"{_PORT}, and the proxy")
