"""One HTTP connection to a cloud. Each of its failures is a typed error."""

from functools import partial
from typing import TYPE_CHECKING

from one2one import runtime
from one2one.opennebula.body import read_body, too_long_error
from one2one.opennebula.connect import connect
from one2one.opennebula.deadline import DeadlineSocket
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import (
    Busy,
    ConfigurationError,
    OneError,
    ProtocolError,
    StaleConnection,
    Unreachable,
)
from one2one.opennebula.head import (
    BAD_REQUEST,
    INTERNAL_SERVER_ERROR,
    MULTIPLE_CHOICES,
    OK,
    Head,
    HeadError,
    read_head,
)
from one2one.opennebula.shortage import explain_os_error
from one2one.opennebula.urls import CloudUrl, ProxyUrl, parse_endpoint, parse_proxy

if TYPE_CHECKING:
    from one2one.opennebula.tls import Tls

_MAX_CALLS = 29
_MAX_IDLE_S = 10.0
_MOST_OF_HEAD = 256 << 10
_COME_LATER = (429, 503)
"""Too many requests, service unavailable."""
_CLOSED_IN_TLS = ("SSLEOFError", "SSLZeroReturnError")


class Connection:
    """An open connection, and how much longer it can be used.

    oned may close a connection after 30 calls or 15 idle seconds (KEEPALIVE_MAX_CONN and
    KEEPALIVE_TIMEOUT in oned.conf), without notice. So a connection near either limit is not used
    again. With xmlrpc-c 1.33.14, as in Debian 12, oned announces after each call that it closes
    (measured on 5.10.6, 6.10.0.1 and 7.2.0); a TLS proxy in front of oned keeps the connection.
    """

    def __init__(self, server: Endpoint, tls: "Tls | None", timeout: float) -> None:
        """Connect within *timeout* seconds; raises as ``connect`` does."""
        endpoint = parse_endpoint(server.url)
        proxy = parse_proxy(server.proxy) if server.proxy else None
        self._silence = server.read_timeout
        self._max_answer = server.max_answer
        self._request_head = _build_head(endpoint, proxy)
        sock = connect(endpoint, proxy, tls, runtime.monotonic() + timeout)
        self.certificate_expires = tls.read_expiry(sock) if tls else None
        """When the cloud's certificate expires, in seconds since 1970; None if unverified."""
        self._socket = DeadlineSocket(sock, self._silence)
        self._reader = self._socket.open_reader()
        self._answer: Head | None = None
        self._calls = 0
        self._closing = False
        self._used_at = runtime.monotonic()

    @property
    def date(self) -> str:
        """The Date header of the cloud's last answer; empty without one."""
        return self._answer.get("date") if self._answer else ""

    def is_usable(self) -> bool:
        """Tell whether the connection can carry another call."""
        if self._calls >= _MAX_CALLS or runtime.monotonic() - self._used_at > _MAX_IDLE_S:
            return False
        return not self._closing and not self._socket.has_input()

    def exchange(self, body: bytes, deadline: float) -> bytearray:
        """Return the answer to *body*, complete before *deadline* by ``runtime.monotonic()``."""
        self._socket.deadline = deadline
        head = self._answer = self._begin(body)
        _check_status(head)
        answer = self._read(head)
        self._socket.hold()
        # More than the answer would pass for the next one.
        self._closing = head.is_last or bool(self._reader.peek(1))
        self._calls += 1
        self._used_at = runtime.monotonic()
        return answer

    def close(self) -> None:
        """Close it, even in the middle of an answer."""
        self._socket.close()

    def _begin(self, body: bytes) -> Head:
        """Send *body*, and return the head of the answer."""
        self._socket.allow(_MOST_OF_HEAD, _endless_headers_error)
        try:
            self._socket.sendall(self._request_head % len(body) + body)  # at once: one packet
            return read_head(self._reader)
        except TimeoutError:
            raise self._timeout_error() from None
        except HeadError as error:
            # On a kept connection it may be more of the answer before.
            kind: type[OneError] = StaleConnection if self._calls else ProtocolError
            raise kind(f"not an HTTP answer: {error}", sent=True) from None
        except OSError as error:
            if not (isinstance(error, ConnectionError) or type(error).__name__ in _CLOSED_IN_TLS):
                raise Unreachable(explain_os_error(error), sent=True) from None
            kind = StaleConnection if self._calls else Unreachable
            raise kind(f"closed without an answer ({explain_os_error(error)})", sent=True) from None

    def _read(self, head: Head) -> bytearray:
        limit = self._max_answer
        framing = limit >> 3  # of chunks of a few bytes each
        self._socket.allow(limit + framing + _MOST_OF_HEAD, partial(too_long_error, limit))
        try:
            return read_body(head, self._reader, limit)
        except TimeoutError:
            raise self._timeout_error() from None
        except OSError as error:
            raise Unreachable(
                f"the answer broke off ({explain_os_error(error)})", sent=True
            ) from None

    def _timeout_error(self) -> Unreachable:
        if runtime.monotonic() >= self._socket.deadline:
            return Unreachable("no complete answer before the deadline of the call", sent=True)
        return Unreachable(f"no answer within {self._silence:g} s", sent=True)


def compute_skew(date: str, now: float) -> float | None:
    """Return by how many seconds the clock behind a Date header is ahead of *now*.

    Returns None for no date.
    """
    from email.utils import parsedate_to_datetime  # slow to import, and seldom needed

    try:
        return parsedate_to_datetime(date).timestamp() - now
    except (ValueError, OverflowError):
        return None


def build_tls(server: Endpoint) -> "Tls | None":
    """Return the TLS of *server*, None for plain HTTP.

    Raises ConfigurationError if the certificate authorities cannot be read.
    """
    if not parse_endpoint(server.url).is_tls:
        return None
    from one2one.opennebula.tls import Tls  # a script without TLS starts sooner

    return Tls(server)


def _build_head(endpoint: CloudUrl, proxy: ProxyUrl | None) -> bytes:
    """Return the head of a request as a format, which takes the body's length."""
    path = endpoint.path
    headers = {
        "Host": str(endpoint.address),
        "Accept-Encoding": "identity",
        "Content-Type": "text/xml",
    }
    if proxy and not endpoint.is_tls:
        path = f"http://{endpoint.address}{path}"
        if proxy.authorization:
            headers["Proxy-Authorization"] = proxy.authorization
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    text = "\r\n".join(lines).replace("%", "%%")
    return text.encode() + b"\r\nContent-Length: %d\r\n\r\n"


def _endless_headers_error() -> ProtocolError:
    return ProtocolError("the headers of the answer have no end", sent=True)


def _check_status(head: Head) -> None:
    status = head.status
    if status == OK:
        return
    answer = f"HTTP {status} {head.reason}"
    if status in _COME_LATER:
        raise Busy(answer)
    if status >= INTERNAL_SERVER_ERROR:
        raise Unreachable(answer, sent=True)
    if status < MULTIPLE_CHOICES:
        raise ProtocolError(f"{answer} instead of 200 OK", sent=True)
    if status < BAD_REQUEST:
        raise ConfigurationError(
            f"{answer}: redirects are not followed, they would carry the password along",
            remedy="Set the endpoint to the URL it redirects to, if you trust it",
        )
    raise ConfigurationError(answer, remedy="Check the endpoint's URL (…/RPC2) and the proxy")
