"""One HTTP connection to a cloud, and every way in which it fails, as a typed error."""

import http.client
import socket
import ssl
import time
from base64 import b64encode
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from one2one.opennebula.deadline import DeadlineSocket
from one2one.opennebula.errors import Busy, ConfigurationError, ProtocolError, Unreachable

_MAX_CALLS = 29
_MAX_IDLE_S = 10.0
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Server:
    """How to reach a cloud."""

    endpoint: str
    """URL of its XML-RPC, such as ``https://cloud.example.org:2633/RPC2``."""
    ca_file: str | None = None
    """Certificate authorities in PEM; None means the system's."""
    verify_tls: bool = True
    proxy: str | None = None
    """``http://[user:password@]host:port``; None means a direct connection."""
    connect_timeout: float = 10.0
    """Seconds to connect, TLS included."""
    read_timeout: float = 30.0
    """Seconds of silence within an answer."""
    total_timeout: float = 120.0
    """Seconds for a whole call, waiting for a free connection included."""
    max_connections: int = 4
    max_answer: int = 256 << 20
    """Bytes. 10,000 VMs are 45 MB in the extended form."""


class StaleConnection(Unreachable):
    """Raised when the cloud had closed a kept connection, so that most likely it saw nothing."""


class Connection:
    """An open connection and what is left of its life.

    oned may close one after 30 calls or 15 idle seconds (KEEPALIVE_MAX_CONN and
    KEEPALIVE_TIMEOUT in oned.conf), without a word: one that is near either limit is not used
    again. With xmlrpc-c 1.33.14, as in Debian 12, oned announces after each call that it closes
    (measured on 5.10.6, 6.10.0.1 and 7.2.0); a TLS proxy before it keeps what it is asked to.
    """

    def __init__(self, server: Server, tls: ssl.SSLContext | None, timeout: float) -> None:
        """Connect within *timeout* seconds; raises Unreachable and ConfigurationError."""
        self._silence = server.read_timeout
        self._max_answer = server.max_answer
        self._http, self._head = _prepare(server, tls, timeout)
        _connect(self._http, server, timeout)
        self.certificate_expires = _expiry(self._http.sock)
        """When the cloud's certificate expires, in seconds since 1970; None if unverified."""
        self._socket = DeadlineSocket(self._http.sock, self._silence)
        self._http.sock = self._socket
        self._response: http.client.HTTPResponse | None = None
        self._calls = 0
        self._closing = False
        self._used_at = time.monotonic()

    @property
    def date(self) -> str:
        """The cloud's clock at its last answer, as HTTP writes it; empty if it did not say."""
        return self._response.getheader("Date", "") if self._response else ""

    def usable(self) -> bool:
        """Tell whether the cloud should still be there for another call."""
        if self._calls >= _MAX_CALLS or time.monotonic() - self._used_at > _MAX_IDLE_S:
            return False
        return not self._closing and not self._socket.has_input()

    def exchange(self, body: bytes, deadline: float) -> bytearray:
        """Return the answer to *body*, complete before *deadline* by ``time.monotonic()``."""
        self._socket.deadline = deadline
        try:
            # One write for all: http.client's own request takes two, and the server wakes twice.
            self._socket.sendall(self._head % len(body) + body)
            self._response = response = http.client.HTTPResponse(self._http.sock, method="POST")
            response.begin()
        except (ConnectionError, http.client.RemoteDisconnected) as error:
            kind = StaleConnection if self._calls else Unreachable
            raise kind(f"closed without an answer ({_reason(error)})", sent=True) from None
        except TimeoutError:
            raise self._too_late() from None
        except http.client.HTTPException as error:
            cause = f"not an HTTP answer ({type(error).__name__}: {error})"
            raise ProtocolError(cause, sent=True) from None
        except OSError as error:
            raise Unreachable(_reason(error), sent=True) from None
        _check_status(response)
        answer = self._read(response)
        self._calls += 1
        self._closing = response.will_close
        self._used_at = time.monotonic()
        return answer

    def close(self) -> None:
        """Close it, in the middle of an answer too."""
        if self._response is not None:
            self._response.close()
        self._http.close()

    def _read(self, response: http.client.HTTPResponse) -> bytearray:
        answer = bytearray()  # grows in place, where joined chunks would need twice its size
        try:
            while chunk := response.read(_CHUNK):
                answer += chunk
                if len(answer) > self._max_answer:
                    cause = f"the answer is longer than {self._max_answer >> 20} MB"
                    raise ProtocolError(cause, sent=True)
        except TimeoutError:
            raise self._too_late() from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the answer broke off ({_reason(error)})", sent=True) from None
        if response.length:
            raise Unreachable(f"the answer broke off after {len(answer)} bytes", sent=True)
        return answer

    def _too_late(self) -> Unreachable:
        if time.monotonic() >= self._socket.deadline:
            return Unreachable("no complete answer before the deadline of the call", sent=True)
        return Unreachable(f"no answer within {self._silence:g} s", sent=True)


def tls_context(server: Server) -> ssl.SSLContext | None:
    """Return what TLS to *server* needs, None for plain HTTP; raises ConfigurationError."""
    if urlsplit(server.endpoint).scheme != "https":
        return None
    try:
        context = ssl.create_default_context(cafile=server.ca_file)
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the certificate authorities in {server.ca_file} ({_reason(error)})",
            endpoint=server.endpoint,
            remedy="Set ONE_CA_FILE to a readable PEM file",
        ) from None
    if not server.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _prepare(
    server: Server, tls: ssl.SSLContext | None, timeout: float
) -> tuple[http.client.HTTPConnection, bytes]:
    """Return the unopened connection, and a request's head, with a place for the body's length."""
    url = urlsplit(server.endpoint)
    proxy = urlsplit(server.proxy or "")
    try:
        host, port = url.hostname or "", url.port or (443 if tls else 80)
        to_host, to_port = (proxy.hostname, proxy.port or 3128) if proxy.hostname else (host, port)
    except ValueError as error:
        raise ConfigurationError(str(error), remedy="Correct the port in the URL") from None
    path = url.path or "/RPC2"
    headers = {"Host": url.netloc, "Accept-Encoding": "identity", "Content-Type": "text/xml"}
    authorization = {}
    if proxy.username is not None:
        secret = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        authorization = {"Proxy-Authorization": f"Basic {b64encode(secret).decode()}"}
    if tls:
        secure = http.client.HTTPSConnection(to_host, to_port, timeout=timeout, context=tls)
        if proxy.hostname:
            secure.set_tunnel(host, port, authorization)
        return secure, _head(path, headers)
    if proxy.hostname:
        path = f"http://{host}:{port}{path}"
        headers |= authorization
    return http.client.HTTPConnection(to_host, to_port, timeout=timeout), _head(path, headers)


def _head(path: str, headers: dict[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    text = "\r\n".join(lines).replace("%", "%%")
    return text.encode() + b"\r\nContent-Length: %d\r\n\r\n"


def _connect(connection: http.client.HTTPConnection, server: Server, timeout: float) -> None:
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        raise ConfigurationError(
            f"its certificate is not trusted: {error.verify_message}",
            remedy="Put the cloud's authority into ONE_CA_FILE, or correct the certificate",
        ) from None
    except TimeoutError as error:
        cause, remedy = f"no connection within {timeout:g} s", None
        if "handshake" in str(error):  # connected, but a plain port waits for the end of a line
            cause, remedy = f"no TLS answer within {timeout:g} s", "Check that the port speaks TLS"
        raise Unreachable(cause, remedy=remedy) from None
    except ssl.SSLEOFError:
        raise Unreachable(
            "closed instead of answering in TLS",
            remedy="Use http:// if the port is a plain one, else check that the cloud runs",
        ) from None
    except ConnectionError as error:
        raise Unreachable(f"cannot connect ({_reason(error)})") from None
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"no TLS on this port ({error.reason})",
            remedy="Use http:// for a plain port, or put a TLS proxy before it",
        ) from None
    except OSError as error:
        through = "the proxy" if server.proxy else "it"
        raise Unreachable(f"cannot connect to {through} ({_reason(error)})") from None


def _expiry(sock: socket.socket) -> float | None:
    certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    if not certificate:
        return None
    return ssl.cert_time_to_seconds(str(certificate["notAfter"]))


def _check_status(response: http.client.HTTPResponse) -> None:
    status = response.status
    answer = f"HTTP {status} {response.reason}"
    if status == HTTPStatus.OK:
        return
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        raise Busy(answer)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unreachable(answer, sent=True)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise ConfigurationError(
            f"{answer}: redirects are not followed, they would carry the password along",
            remedy="Set the endpoint to the URL it redirects to, if you trust it",
        )
    raise ConfigurationError(answer, remedy="Check the endpoint's URL (…/RPC2) and the proxy")


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
