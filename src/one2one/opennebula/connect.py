"""Connects to a cloud: its addresses, a proxy's tunnel, TLS. One deadline ends all of it."""

import socket
from typing import TYPE_CHECKING

from one2one import runtime
from one2one.opennebula.deadline import DeadlineSocket, time_left
from one2one.opennebula.errors import ConfigurationError, OneError, ProtocolError, Unreachable
from one2one.opennebula.head import (
    INTERNAL_SERVER_ERROR,
    MULTIPLE_CHOICES,
    OK,
    HeadError,
    read_head,
)
from one2one.opennebula.shortage import explain_os_error, is_shortage, shortage_error
from one2one.opennebula.urls import Address, CloudUrl, ProxyUrl

if TYPE_CHECKING:
    from one2one.opennebula.tls import Tls

_MOST_OF_TUNNEL = 16 << 10
_AUTHENTICATION_REQUIRED = 407


def connect(
    endpoint: CloudUrl, proxy: ProxyUrl | None, tls: "Tls | None", deadline: float
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
        return tls.secure(sock, endpoint.address.host, deadline)
    except BaseException:
        sock.close()
        raise


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
    try:
        wire.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = read_head(wire.open_reader())
    except TimeoutError:
        raise Unreachable(f"no answer of the proxy within {limit:.3g} s") from None
    except OSError as error:
        raise Unreachable(
            f"the proxy closed without an answer ({explain_os_error(error)})"
        ) from None
    except HeadError as error:
        cause = f"the proxy gives no HTTP answer: {error}"
        raise ProtocolError(cause, remedy="Check ONE_PROXY") from None
    if not OK <= answer.status < MULTIPLE_CHOICES:
        raise _tunnel_error(answer.status, answer.reason, proxy)


def _tunnel_error(status: int, words: str, proxy: ProxyUrl) -> OneError:
    answer = f"(HTTP {status} {words})"
    if status == _AUTHENTICATION_REQUIRED:
        wants = "does not accept the user and password" if proxy.authorization else "wants a user"
        return ConfigurationError(
            f"the proxy {wants} {answer}", remedy="Set ONE_PROXY to http://user:password@host:port"
        )
    if status >= INTERNAL_SERVER_ERROR:
        return Unreachable(f"the proxy cannot connect to it {answer}")
    return ConfigurationError(
        f"the proxy does not connect to it {answer}",
        remedy="Let the proxy connect to this host and port, or check ONE_PROXY",
    )
