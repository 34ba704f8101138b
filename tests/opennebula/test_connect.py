"""The way to a cloud: proxies and TLS that answer badly, late, for ever or not at all."""

import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from one2one.opennebula import errors
from one2one.opennebula.client import Client
from one2one.opennebula.endpoint import Endpoint
from tests.opennebula.peer import OK, SESSION, Behaviour, client, page, read_request, serving

LIMIT_S = 0.5
V6 = "[2001:db8::5]:2633"


def tunnel_failure(
    behaviour: Behaviour, user: str = "me:geheim@", limit: float = 10.0
) -> errors.OneError:
    """Return how a call through a proxy of this behaviour ends."""
    with serving(behaviour) as port:
        server = Endpoint(
            f"https://{V6}/RPC2",
            proxy=f"http://{user}127.0.0.1:{port}",
            connect_timeout=limit,
            max_connections=1,
        )
        with pytest.raises(errors.OneError) as caught:
            Client(server, SESSION).call("one.vm.action", "terminate", 7)
    assert not caught.value.sent, "the cloud has not even been connected to"
    assert "geheim" not in str(caught.value)
    assert str(caught.value).isprintable()
    return caught.value


def answer_once(reply: bytes) -> Behaviour:
    def behave(connection: socket.socket, _number: int) -> None:
        read_head(connection)
        connection.sendall(reply)

    return behave


def read_head(connection: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    return head


def stay_silent(connection: socket.socket, _number: int) -> None:
    while connection.recv(65536):
        pass


def answer_bytes_once(reply: bytes) -> Behaviour:
    def behave(connection: socket.socket, _number: int) -> None:
        connection.recv(65536)
        connection.sendall(reply)
        stay_silent(connection, 0)

    return behave


def repeat(start: bytes, piece: bytes, pause: float) -> Behaviour:
    """Return a peer that sends *start*, and then *piece* again and again."""

    def behave(connection: socket.socket, _number: int) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while True:
            connection.sendall(piece)
            time.sleep(pause)

    return behave


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        (f"https://{V6}/RPC2", f"CONNECT {V6} HTTP/1.1"),
        ("https://cloud.test/RPC2", "CONNECT cloud.test:443 HTTP/1.1"),
        (f"http://{V6}/RPC2", f"POST http://{V6}/RPC2 HTTP/1.1"),
    ],
)
def test_a_proxy_is_told_the_whole_address(endpoint: str, line: str) -> None:
    heads = []

    def proxy(connection: socket.socket, _number: int) -> None:
        heads.append(read_head(connection).decode())
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    with serving(proxy) as port:
        server = Endpoint(endpoint, proxy=f"http://me:geheim@127.0.0.1:{port}")
        with pytest.raises(errors.ConfigurationError, match="HTTP 403"):
            Client(server, SESSION).call("one.system.version")
    assert heads[0].splitlines()[0] == line
    assert "Proxy-Authorization: Basic bWU6Z2VoZWlt\r\n" in heads[0]


ENDLESS: dict[str, Behaviour] = {
    "silence": stay_silent,
    "a drip of headers": repeat(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n", 0.01),
    "a drip of bytes": repeat(b"", b"H", 0.01),
    "a drip after continue": repeat(b"HTTP/1.1 100 Continue\r\n\r\n", b"H", 0.01),
    "a drip of TLS": repeat(b"HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03\x40\x00", b"\x02", 0.01),
    "silence after the tunnel": answer_bytes_once(b"HTTP/1.1 200 OK\r\n\r\n"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_proxy_that_does_not_come_to_an_end(name: str) -> None:
    error = tunnel_failure(ENDLESS[name], limit=LIMIT_S)
    assert isinstance(error, errors.Unreachable)
    assert " within 0." in str(error)


REPLIES: list[tuple[str, bytes, type[errors.OneError], str]] = [
    ("closed", b"", errors.Unreachable, "the proxy closed without an answer"),
    ("cut", b"HTTP/1.1 200", errors.Unreachable, "the end came within its head"),
    ("garbage", b"\x05\x00\x00garbage\r\n\r\n", errors.ProtocolError, "gives no HTTP answer"),
    ("NULs", b"\x00" * 100, errors.ProtocolError, "gives no HTTP answer"),
    ("a line of 64 KB", b"HTTP/1.1 200 " + b"x" * 66_000, errors.ProtocolError, "has no end"),
    (
        "200 headers",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200,
        errors.ProtocolError,
        "100 headers",
    ),
    (
        "headers without end",
        b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"x" * 9_000 + b"\r\n") * 90,
        errors.ProtocolError,
        "has no end",
    ),
    (
        "continue for ever",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000,
        errors.ProtocolError,
        "has no end",
    ),
    (
        "407",
        b"HTTP/1.1 407 Who?\x1b[31m\r\n\r\n",
        errors.ConfigurationError,
        "does not accept the user and password (HTTP 407",
    ),
    (
        "403",
        b"HTTP/1.1 403 No\r\n\r\n",
        errors.ConfigurationError,
        "the proxy does not connect to it (HTTP 403 No)",
    ),
    (
        "503",
        b"HTTP/1.1 503 Away\r\n\r\n",
        errors.Unreachable,
        "the proxy cannot connect to it (HTTP 503 Away)",
    ),
    (
        "a web server behind it",
        b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n",
        errors.ConfigurationError,
        "no TLS on this port",
    ),
]


@pytest.mark.parametrize(
    ("reply", "kind", "words"), [case[1:] for case in REPLIES], ids=[case[0] for case in REPLIES]
)
def test_a_proxy_that_answers_wrongly(
    reply: bytes, kind: type[errors.OneError], words: str
) -> None:
    error = tunnel_failure(answer_once(reply))
    assert type(error) is kind
    assert words in str(error)


def test_a_proxy_that_wants_a_user_is_told_apart() -> None:
    error = tunnel_failure(answer_once(b"HTTP/1.1 407 Who?\r\n\r\n"), user="")
    assert "the proxy wants a user (HTTP 407 Who?)" in str(error)
    assert "Set ONE_PROXY to http://user:password@host:port" in str(error)


def handshake_failure(behaviour: Behaviour, **options: Any) -> errors.OneError:
    with (
        serving(behaviour) as port,
        client(port, "https", **options) as one,
        pytest.raises(errors.OneError) as caught,
    ):
        one.call("one.vm.action", "terminate", 7)
    assert not caught.value.sent
    return caught.value


SERVER_HELLO_OF_TLS_1_0 = (
    bytes.fromhex("16 0301 002a 02 000026 0301") + b"r" * 32 + bytes.fromhex("00 002f 00")
)


@pytest.mark.parametrize(
    "reply",
    [bytes.fromhex("15 0301 0002 02 46"), SERVER_HELLO_OF_TLS_1_0],
    ids=["that refuses our versions", "that answers in its own"],
)
def test_a_peer_of_tls_1_0_is_named(reply: bytes) -> None:
    error = handshake_failure(answer_bytes_once(reply))
    assert isinstance(error, errors.ConfigurationError)
    assert "it only speaks a TLS version that is too old to be safe" in str(error)
    assert "TLS 1.2 or later" in str(error)


def test_a_real_peer_of_tls_1_0_is_named(tmp_path: Path) -> None:
    context = server_context(tmp_path)
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")

    def behave(connection: socket.socket, _number: int) -> None:
        context.wrap_socket(connection, server_side=True).close()

    assert "TLS version that is too old" in str(handshake_failure(behave))


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (bytes.fromhex("15 0303 0002 02 28"), errors.ConfigurationError, "no TLS cipher"),
        (bytes.fromhex("15 0303 0002 02 50"), errors.Unreachable, "the TLS handshake failed"),
        (b"\x00" * 64, errors.ConfigurationError, "no TLS on this port"),
        (b"220 mail.example.org ESMTP\r\n", errors.ConfigurationError, "no TLS on this port"),
    ],
    ids=["no cipher", "its bug", "NULs", "smtp"],
)
def test_a_handshake_that_fails(reply: bytes, kind: type[errors.OneError], words: str) -> None:
    error = handshake_failure(answer_bytes_once(reply))
    assert type(error) is kind
    assert words in str(error)


@pytest.mark.parametrize(
    "behave",
    [stay_silent, repeat(b"\x16\x03\x03\x40\x00", b"\x02", 0.01)],
    ids=["silence", "a drip"],
)
def test_a_handshake_without_end(behave: Behaviour) -> None:
    error = handshake_failure(behave, connect_timeout=LIMIT_S)
    assert isinstance(error, errors.Unreachable)
    assert "no TLS answer within 0." in str(error)


def server_context(directory: Path) -> ssl.SSLContext:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    options = "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
    subprocess.run(f"{command} {options}".split(), cwd=directory, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    return context


def test_authorities_that_are_corrected_count_at_once(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    server_context(tmp_path / "old")
    context = server_context(tmp_path)
    authorities = tmp_path / "ca.pem"
    authorities.write_bytes((tmp_path / "old" / "cert.pem").read_bytes())

    def behave(connection: socket.socket, _number: int) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            while read_request(secure):
                secure.sendall(page(OK))

    with serving(behave) as port, client(port, "https", ca_file=str(authorities)) as one:
        with pytest.raises(errors.ConfigurationError, match="its certificate is not trusted"):
            one.call("one.system.version")
        authorities.write_bytes((tmp_path / "cert.pem").read_bytes())
        with pytest.raises(errors.ConfigurationError):  # it is read again because of this
            one.call("one.system.version")
        assert one.call("one.system.version") == "6.10.0"


def tls_peer(directory: Path, talk: Callable[[ssl.SSLSocket], None]) -> Behaviour:
    context = server_context(directory)

    def behave(connection: socket.socket, _number: int) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            talk(secure)

    return behave


def test_a_peer_that_takes_nothing_ends_at_the_deadline(tmp_path: Path) -> None:
    """A socket's own timeout starts again with each piece that it takes."""

    def sip(secure: ssl.SSLSocket) -> None:
        while secure.recv(1 << 14):
            time.sleep(0.05)

    with (
        serving(tls_peer(tmp_path, sip)) as port,
        client(port, "https", verify_tls=False, total_timeout=LIMIT_S) as one,
        pytest.raises(errors.Unreachable, match="before the deadline") as caught,
    ):
        one.call("one.vm.update", 1, "x" * (32 << 20), 1)
    assert caught.value.sent
