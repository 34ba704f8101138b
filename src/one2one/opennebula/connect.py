"""Connects to a cloud: its addresses, a proxy's tunnel, TLS. One deadline ends all of it."""

import http.client
import socket
import ssl
from http import HTTPStatus

from one2one import runtime
from one2one.opennebula.deadline import DeadlineSocket, time_left
from one2one.opennebula.errors import ConfigurationError, OneError, ProtocolError, Unreachable
from one2one.opennebula.shortage import is_shortage, shortage_error
from one2one.opennebula.urls import Address, CloudUrl, ProxyUrl

_MOST_OF_TUNNEL = 16 << 10
_PLAIN = "no TLS on this port", "Use http:// for a plain port, or put a TLS proxy before it"
_OLD = (
    "it only speaks a TLS version that is too old to be safe",
    "Let the remote, or the TLS proxy before it, speak TLS 1.2 or later",
)
_STRANGERS = (
    "it accepts no TLS cipher of this machine, or no client without a certificate",
    "Compare the TLS settings of the remote, or of the proxy before it, with this machine's",
)
_HANDSHAKES = {
    "WRONG_VERSION_NUMBER": _PLAIN,
    "HTTP_REQUEST": _PLAIN,
    "PACKET_LENGTH_TOO_LONG": _PLAIN,
    "RECORD_LAYER_FAILURE": _PLAIN,
    "UNSUPPORTED_PROTOCOL": _OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD,
    "WRONG_SSL_VERSION": _OLD,
    "HANDSHAKE_FAILURE": _STRANGERS,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _STRANGERS,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _STRANGERS,
    "DH_KEY_TOO_SMALL": _STRANGERS,
}
"""The meaning of a failed handshake and its remedy, by OpenSSL's reason."""


def connect(
    endpoint: CloudUrl, proxy: ProxyUrl | None, tls: ssl.SSLContext | None, deadline: float
) -> socket.socket:
    """Return a socket on which the cloud waits for a request, before *deadline*.

    *tls* is None for plain HTTP. Raises Unreachable, ConfigurationError, Busy if this machine
    can open no more connections, and ProtocolError if the proxy does not answer as one. Only
    the look-up of a name may take longer: the system's resolver has its own limits.
    """
    through = " to the proxy" if proxy else ""
    sock = _dial(proxy.address if proxy else endpoint.address, through, deadline)
    try:
        if tls is None:
            return sock
        if proxy:
            _open_tunnel(sock, endpoint.address, proxy, deadline)
        return _secure(sock, tls, endpoint.address.host, deadline)
    except BaseException:
        sock.close()
        raise


def explain_os_error(error: Exception) -> str:
    """Return the system's words for *error*."""
    words = error.reason if isinstance(error, ssl.SSLError) else getattr(error, "strerror", None)
    return str(words or error or type(error).__name__)


def _compute_rest(deadline: float) -> float:
    return max(0.001, deadline - runtime.monotonic())


def _dial(address: Address, through: str, deadline: float) -> socket.socket:
    """Connect to the first address that accepts; the addresses share the remaining time."""
    failure: OSError = TimeoutError()
    limit = deadline - runtime.monotonic()
    try:
        addresses = runtime.getaddrinfo(address.host, address.port, socket.SOCK_STREAM)
        for left, (family, kind, protocol, _, place) in zip(
            range(len(addresses), 0, -1), addresses, strict=True
        ):
            sock = runtime.open_socket(family, kind, protocol)
            try:
                sock.settimeout(time_left(deadline) / left)
                sock.connect(place)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                sock.close()
                failure = error
            else:
                return sock
    except OSError as error:
        failure = error
    if isinstance(failure, TimeoutError):
        raise Unreachable(f"no connection{through} within {limit:.3g} s") from None
    if is_shortage(failure):
        raise shortage_error("cannot connect", failure)
    raise Unreachable(f"cannot connect{through} ({explain_os_error(failure)})")


def _open_tunnel(sock: socket.socket, to: Address, proxy: ProxyUrl, deadline: float) -> None:
    """Ask *proxy* for a connection *to* the cloud."""
    lines = [f"CONNECT {to} HTTP/1.1", f"Host: {to}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    limit = _compute_rest(deadline)
    wire = DeadlineSocket(sock, silence=limit, read_ahead=1)  # the next bytes are TLS
    wire.deadline = deadline
    wire.allow(_MOST_OF_TUNNEL, lambda: ProtocolError("the proxy's answer has no end"))
    answer = http.client.HTTPResponse(wire, method="CONNECT")  # type: ignore[arg-type]
    try:
        wire.sendall("\r\n".join([*lines, "", ""]).encode())
        answer.begin()
    except TimeoutError:
        raise Unreachable(f"no answer of the proxy within {limit:.3g} s") from None
    except OSError as error:
        raise Unreachable(
            f"the proxy closed without an answer ({explain_os_error(error)})"
        ) from None
    except http.client.HTTPException as error:
        cause = f"the proxy gives no HTTP answer ({type(error).__name__}: {error})"
        raise ProtocolError(cause, remedy="Check ONE_PROXY") from None
    finally:
        answer.close()
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise _tunnel_error(answer.status, answer.reason, proxy)


def _tunnel_error(status: int, words: str, proxy: ProxyUrl) -> OneError:
    answer = f"(HTTP {status} {words})"
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        wants = "does not accept the user and password" if proxy.authorization else "wants a user"
        return ConfigurationError(
            f"the proxy {wants} {answer}", remedy="Set ONE_PROXY to http://user:password@host:port"
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unreachable(f"the proxy cannot connect to it {answer}")
    return ConfigurationError(
        f"the proxy does not connect to it {answer}",
        remedy="Let the proxy connect to this host and port, or check ONE_PROXY",
    )


def _secure(sock: socket.socket, tls: ssl.SSLContext, host: str, deadline: float) -> socket.socket:
    """Return the connection in TLS, after the handshake."""
    limit = _compute_rest(deadline)
    try:
        sock.settimeout(limit)  # of the whole handshake
        return tls.wrap_socket(sock, server_hostname=host)
    except TimeoutError:
        cause = f"no TLS answer within {limit:.3g} s"
        raise Unreachable(cause, remedy="Check that the port speaks TLS") from None
    except ssl.SSLCertVerificationError as error:
        raise ConfigurationError(
            f"its certificate is not trusted: {error.verify_message}",
            remedy="Put the cloud's authority into ONE_CA_FILE, or correct the certificate",
        ) from None
    except (ssl.SSLEOFError, ConnectionError):
        raise Unreachable(
            "closed instead of answering in TLS",
            remedy="Use http:// if the port is a plain one, else check that the cloud runs",
        ) from None
    except ssl.SSLError as error:
        if problem := _HANDSHAKES.get(error.reason or ""):
            cause, remedy = problem
            raise ConfigurationError(cause, remedy=remedy) from None
        raise Unreachable(f"the TLS handshake failed ({explain_os_error(error)})") from None
    except OSError as error:
        raise Unreachable(f"the TLS handshake broke off ({explain_os_error(error)})") from None
