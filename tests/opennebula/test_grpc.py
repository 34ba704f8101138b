"""gRPC against servers that answer well, badly, late, or not at all."""

import re
import socket
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import one2one
from one2one.opennebula import errors
from one2one.opennebula.breaker import Breaker
from one2one.opennebula.client import Client
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.grpc_calls import CALLS
from one2one.opennebula.protobuf import INT, TEXT, encode
from one2one.opennebula.zone_client import make_client
from tests.opennebula.peer import SESSION, page, serving

grpc = pytest.importorskip("grpc")

VERSION = encode([TEXT], ["7.2.0"])
Answer = Callable[[bytes, Any], bytes]
"""Gets the request and grpcio's context, returns the message."""


class Handlers:
    """Answers every call alike."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.paths: list[str] = []

    def service(self, details: Any) -> Any:
        self.paths.append(details.method)
        return grpc.unary_unary_rpc_method_handler(self.answer)


@contextmanager
def answering(answer: Answer, credentials: Any = None) -> Iterator[tuple[int, Handlers]]:
    handlers = Handlers(answer)
    server = grpc.server(ThreadPoolExecutor(4), handlers=[handlers])
    add = server.add_secure_port if credentials else server.add_insecure_port
    port = add("127.0.0.1:0", *([credentials] if credentials else []))
    server.start()
    try:
        yield port, handlers
    finally:
        server.stop(None).wait()


@contextmanager
def client(port: int, scheme: str = "grpc", **options: Any) -> Iterator[Client]:
    one = Client(Endpoint(f"{scheme}://127.0.0.1:{port}", **options), SESSION)
    try:
        yield one
    finally:
        one.close()


def refuse(status: str, text: str) -> Answer:
    def answer(_request: bytes, context: Any) -> bytes:
        context.abort(getattr(grpc.StatusCode, status), text)
        return b""

    return answer


def failure(port: int, method: str = "one.vm.action", **options: Any) -> errors.OneError:
    arguments = ("terminate", 7) if method == "one.vm.action" else (7,)
    with client(port, **options) as one, pytest.raises(errors.OneError) as caught:
        one.call(method, *arguments)
    text = str(caught.value)
    assert "geheim" not in text
    assert "\n" not in text
    assert "://127.0.0.1:" in text
    return caught.value


@pytest.mark.parametrize(
    ("status", "text", "error", "sent"),
    [
        ("UNAUTHENTICATED", "[one.vm.action] User couldn't be", errors.AuthenticationError, False),
        ("PERMISSION_DENIED", "[one.vm.action] User [3] : Not", errors.NotAuthorized, False),
        ("PERMISSION_DENIED", "[one.vm.action] The resource VM is locked.", errors.Busy, False),
        ("NOT_FOUND", "[one.vm.action] Error getting VM [7].", errors.NotFound, False),
        ("INVALID_ARGUMENT", "[one.vm.action] Wrong type", errors.ProtocolError, False),
        ("ALREADY_EXISTS", "[one.vm.action] Error allocating", errors.Refused, False),
        ("INTERNAL", "[one.vm.action] Wrong state ACTIVE", errors.WrongState, False),
        ("INTERNAL", "[one.vm.action] Error replicating log entry 7", errors.Busy, False),
        ("INTERNAL", "[one.vm.action] Cannot process request, no leader found", errors.Busy, False),
        ("INTERNAL", "[one.vm.action] ", errors.Busy, True),
        ("INTERNAL", "[one.vm.action] ENDPOINT_GRPC for zone", errors.ConfigurationError, False),
        ("INTERNAL", "", errors.ProtocolError, True),
        ("NOT_FOUND", "no such [route] geheim", errors.ProtocolError, True),
        ("PERMISSION_DENIED", "RBAC: access denied", errors.ProtocolError, True),
        ("UNAUTHENTICATED", "\x1b[31m\n", errors.ProtocolError, True),
        ("UNIMPLEMENTED", "Method not implemented", errors.MethodNotFound, False),
        ("UNAVAILABLE", "upstream connect error", errors.Unreachable, True),
        ("UNAVAILABLE", "Received http2 header with status: 503", errors.Busy, False),
        ("UNKNOWN", "Received http2 header with status: 502", errors.Unreachable, True),
        (
            "UNIMPLEMENTED",
            "Received http2 header with status: 404",
            errors.ConfigurationError,
            False,
        ),
        ("CANCELLED", "RST_STREAM", errors.Unreachable, True),
        ("INTERNAL", "Received RST_STREAM with error code 2", errors.Unreachable, True),
        ("DATA_LOSS", "x" * 20000, errors.ProtocolError, True),
        ("UNKNOWN", "", errors.ProtocolError, True),
    ],
)
def test_a_status_means_what_the_caller_must_do(
    status: str, text: str, error: type[errors.OneError], sent: bool
) -> None:
    with answering(refuse(status, text)) as (port, _):
        caught = failure(port)
    assert isinstance(caught, error)
    assert caught.sent is sent


def test_every_call_that_we_make_is_known() -> None:
    root = Path(one2one.__file__).parent
    source = "\n".join(path.read_text() for path in root.rglob("*.py"))
    assert set(re.findall(r'"(one\.[a-z]+\.[a-z]+)"', source)) == set(CALLS)


@pytest.mark.parametrize("method", ["one.template.info", "one.vm.info"])
def test_only_what_a_state_can_forbid_is_in_a_wrong_state(method: str) -> None:
    with answering(refuse("INTERNAL", f"[{method}] Parse error")) as (port, _):
        assert type(failure(port, method)) is errors.Refused


@pytest.mark.parametrize(
    "message", [b"\xff", b"\x0a\x7fcut", b"\x0a\x04\xff\xfe\xfd\xfc", b"\x08\x07", b"<html>"]
)
def test_a_message_that_is_none_is_told(message: bytes) -> None:
    with answering(lambda *_: message) as (port, _), client(port) as one:
        for ask in (
            lambda: one.call("one.vm.info", 7),
            lambda: Cloud([one.endpoint], SESSION).get_vm(7),
        ):
            with pytest.raises(errors.ProtocolError):
                ask()


def test_an_id_is_a_number_also_the_first() -> None:
    for number in (0, 7, 2147483647):
        with answering(lambda *_, n=number: encode([INT], [n])) as (port, _), client(port) as one:
            assert one.call("one.vm.action", "terminate", 7) == number
    with answering(lambda *_: VERSION) as (port, _):
        assert isinstance(failure(port), errors.ProtocolError)


def test_a_long_text_comes_in_pieces_and_a_longer_one_not_at_all() -> None:
    text = "é" * 150_000
    with answering(lambda *_: encode([TEXT], [text])) as (port, _):
        with client(port) as one:
            pieces = one.read(list, "one.vm.info", 7)
            assert b"".join(pieces).decode() == text
            assert max(map(len, pieces)) == 1 << 17
        error = failure(port, "one.vm.info", max_answer=1 << 18)
    assert isinstance(error, errors.ProtocolError)
    assert "longer than" in error.cause


def test_a_compressed_answer_is_not_unpacked() -> None:
    def answer(_request: bytes, context: Any) -> bytes:
        context.set_compression(grpc.Compression.Gzip)
        return encode([TEXT], [" " * (8 << 20)])

    with answering(answer) as (port, _):
        error = failure(port, "one.vm.info", max_answer=1 << 20)
    assert isinstance(error, errors.ProtocolError)
    assert "longer" not in error.cause


def test_what_gRPC_cannot_carry_is_told_before_it_is_sent() -> None:  # noqa: N802
    with answering(lambda *_: VERSION) as (port, handlers), client(port) as one:
        calls: list[tuple[str | int, ...]] = [
            ("x", 1 << 31),
            ("\ud800", 7),
            ("x", "7"),
            ("x", 7, 8),
        ]
        for arguments in calls:
            with pytest.raises(errors.ProtocolError, match="cannot be written"):
                one.call("one.vm.action", *arguments)
        with pytest.raises(errors.MethodNotFound):
            one.call("one.market.info", 7)
        assert not handlers.paths


def test_no_answer_ends_with_the_deadline() -> None:
    over = threading.Event()
    with answering(lambda *_: bytes(over.wait(30))) as (port, _):
        error = failure(port, total_timeout=0.3)
        over.set()
    assert isinstance(error, errors.Unreachable)
    assert error.sent


def test_a_port_without_a_server_was_not_asked() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = failure(unused.getsockname()[1])
    assert isinstance(error, errors.Unreachable)
    assert not error.sent
    assert "refused" in error.cause


@pytest.mark.parametrize("reply", [page(b"x"), b"\0" * 100, b"", b"SSH-2.0-x\r\n"])
def test_a_port_of_another_kind_was_not_asked(reply: bytes) -> None:
    def behave(connection: socket.socket, _number: int) -> None:
        connection.recv(100)
        connection.sendall(reply)

    with serving(behave) as port:
        error = failure(port, connect_timeout=2.0, total_timeout=5.0)
    assert isinstance(error, errors.Unreachable | errors.ConfigurationError)
    assert not error.sent


def test_a_port_that_says_nothing_ends_with_the_limit_to_connect() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = failure(silent.getsockname()[1], connect_timeout=0.3, total_timeout=10.0)
    assert isinstance(error, errors.Unreachable)
    assert not error.sent


def test_the_xml_rpc_port_is_told_from_the_one_of_grpc() -> None:
    def behave(connection: socket.socket, _number: int) -> None:
        connection.recv(100)
        connection.sendall(page(b"no", "400 Bad Request"))

    with serving(behave) as port:
        error = failure(port)
    assert isinstance(error, errors.ConfigurationError)
    assert "GRPC_PORT" in error.remedy


def test_a_client_that_was_closed_can_be_used_again() -> None:
    with answering(lambda *_: VERSION) as (port, _), client(port) as one:
        for _ in range(2):
            assert one.call("one.system.version") == "7.2.0"
            one.close()


def test_an_open_breaker_asks_nobody() -> None:
    breaker = Breaker(failures=2)
    with answering(refuse("UNAVAILABLE", "gone")) as (port, handlers):
        one = Client(Endpoint(f"grpc://127.0.0.1:{port}"), SESSION, breaker)
        for _ in range(3):
            with pytest.raises(errors.Unreachable, match="gone"):
                one.call("one.vm.action", "terminate", 7)
        one.close()
    assert len(handlers.paths) == 2


def test_the_next_server_is_used_where_one_is_away_on_either_way() -> None:
    with answering(lambda *_: VERSION) as (port, _):
        urls = ["grpc://127.0.0.1:1", "http://127.0.0.1:1/RPC2", f"grpc://127.0.0.1:{port}"]
        one = make_client([Endpoint(url) for url in urls], SESSION)
        assert one.call("one.system.version") == "7.2.0"
        assert one.url == urls[-1]
        one.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("tls")
    certificate, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-out", str(certificate), "-keyout", str(key)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_tls_with_the_authority_of_the_host(certificate: tuple[Path, Path]) -> None:
    path, key = certificate
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), path.read_bytes())])
    with answering(lambda *_: VERSION, credentials) as (port, _):
        with client(port, "grpcs", ca_file=str(path)) as one:
            assert one.call("one.system.version") == "7.2.0"
        error = failure(port, scheme="grpcs")
        assert isinstance(error, errors.ConfigurationError)
        assert "not trusted" in error.cause


def test_tls_to_a_plain_port_is_told(certificate: tuple[Path, Path]) -> None:
    with answering(lambda *_: VERSION) as (port, _):
        error = failure(port, scheme="grpcs", ca_file=str(certificate[0]))
    assert isinstance(error, errors.ConfigurationError)
    assert "no TLS" in error.cause


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"verify_tls": False}, "ONE_VERIFY_TLS"),
        ({"ca_file": "/nowhere.pem"}, "authorities in /nowhere.pem"),
        ({"ca_file": __file__}, "authorities in "),
    ],
)
def test_what_tls_cannot_do_is_told_at_once(options: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=words):
        Client(Endpoint("grpcs://127.0.0.1:1", **options), SESSION)


@pytest.mark.parametrize("status", ["200 OK", "407 Authentication", "403 Forbidden", "502 Bad"])
def test_a_proxy_is_asked_for_a_tunnel(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # ONE_PROXY counts before it
    heads: list[bytes] = []

    def behave(connection: socket.socket, _number: int) -> None:
        heads.append(connection.recv(4096))
        connection.sendall(f"HTTP/1.1 {status}\r\n\r\n".encode())
        if status == "200 OK":
            with socket.create_connection(("127.0.0.1", port)) as server:
                relay = threading.Thread(target=pump, args=(server, connection))
                relay.start()
                pump(connection, server)
                relay.join()

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # either end may be the first to close
            while data := source.recv(4096):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    with answering(lambda *_: VERSION) as (port, _), serving(behave) as proxy:
        options = {"proxy": f"http://me:sec%40ret@127.0.0.1:{proxy}"}
        if status == "200 OK":
            with client(port, **options) as one:
                assert one.call("one.system.version") == "7.2.0"
        else:
            error = failure(port, **options)
            assert not error.sent
            assert isinstance(error, errors.ConfigurationError) == status.startswith("4")
            assert "ret@" not in str(error)
    assert heads[0].startswith(f"CONNECT 127.0.0.1:{port} HTTP/1.1".encode())
    assert b64encode(b"me:sec@ret") in heads[0]


def test_a_missing_package_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "one2one.opennebula.grpc_transport", None)
    with pytest.raises(errors.ConfigurationError, match="needs the package grpcio") as caught:
        Client(Endpoint("grpc://127.0.0.1:1"), SESSION)
    assert "one2one[grpc]" in caught.value.remedy
