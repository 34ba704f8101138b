"""The client against servers that answer well, badly, late, for ever, or not at all."""

import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from one2one.opennebula import errors
from one2one.opennebula.breaker import Breaker
from one2one.opennebula.client import Client
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.objects import call_for_id
from tests.opennebula.peer import (
    OK,
    SESSION,
    Behaviour,
    always,
    answer,
    client,
    page,
    read_request,
    serving,
)


def failure(behaviour: Behaviour, **options: Any) -> errors.OneError:
    with (
        serving(behaviour) as port,
        client(port, **options) as one,
        pytest.raises(errors.OneError) as caught,
    ):
        one.call("one.vm.action", "terminate", 7)
    text = str(caught.value)
    assert "geheim" not in text
    assert "\n" not in text
    assert text.startswith(f"one.vm.action at http://127.0.0.1:{port}/RPC2: ")
    return caught.value


def test_calls_share_a_connection() -> None:
    seen = []

    def behave(connection: socket.socket, number: int) -> None:
        while request := read_request(connection):
            seen.append((number, request))
            connection.sendall(page(OK))

    with serving(behave) as port, client(port) as one:
        assert [one.call("one.system.version") for _ in range(3)] == ["6.10.0"] * 3
    assert [number for number, _ in seen] == [0, 0, 0]
    assert b"<methodName>one.system.version</methodName>" in seen[0][1]
    assert f"<string>{SESSION}</string>".encode() in seen[0][1]


def test_no_more_connections_than_allowed() -> None:
    together = threading.Barrier(2, timeout=30)
    count = []

    def behave(connection: socket.socket, number: int) -> None:
        count.append(number)
        while read_request(connection):
            together.wait()
            connection.sendall(page(OK))

    with serving(behave) as port, client(port, max_connections=2) as one:
        calls = [threading.Thread(target=one.call, args=["one.system.version"]) for _ in range(8)]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
    assert len(count) == 2


def test_a_reading_call_outlives_a_connection_that_the_cloud_closed() -> None:
    def behave(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(page(OK))
        if number == 0:
            read_request(connection)  # and closes, without an answer

    with serving(behave) as port, client(port) as one:
        assert one.call("one.vm.info", 1) == "6.10.0"
        assert one.call("one.vm.info", 1) == "6.10.0"


def test_an_action_is_not_repeated_on_its_own() -> None:
    requests = []

    def behave(connection: socket.socket, _number: int) -> None:
        while request := read_request(connection):
            requests.append(request)
            if len(requests) == 2:
                return
            connection.sendall(page(OK))

    with serving(behave) as port, client(port) as one:
        one.call("one.vm.action", "poweroff", 1)
        with pytest.raises(errors.Unreachable) as caught:
            one.call("one.vm.action", "poweroff", 1)
    assert caught.value.sent
    assert len(requests) == 2


def test_a_worn_out_connection_is_left_before_the_cloud_closes_it() -> None:
    served: dict[int, int] = {}

    def behave(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            served[number] = served.get(number, 0) + 1
            connection.sendall(page(OK))

    with serving(behave) as port, client(port) as one:
        for _ in range(31):
            one.call("one.vm.action", "reboot", 1)
    assert served == {0: 29, 1: 2}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (256, errors.AuthenticationError),
        (512, errors.NotAuthorized),
        (1024, errors.NotFound),
        (2048, errors.WrongState),
        (4096, errors.ProtocolError),
        (8192, errors.Refused),
        (16384, errors.Refused),
        (32768, errors.Busy),
        (65536, errors.Busy),
        (131072, errors.Refused),
    ],
)
def test_every_error_code_has_its_type(code: int, kind: type[errors.OneError]) -> None:
    body = answer(
        "<boolean>0</boolean>", "<string>[one.vm.action] No.</string>", f"<i4>{code}</i4>"
    )
    error = failure(always(page(body)))
    assert type(error) is kind
    assert error.cause == "No."


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (page(b"<html>Login</html>"), errors.ProtocolError, "not an XML-RPC answer"),
        (page(OK[:-30]), errors.ProtocolError, "not an XML-RPC answer"),
        (page(b"\xff\xfe\x00garbage"), errors.ProtocolError, "not an XML-RPC answer"),
        (page(answer("<i4>1</i4>")), errors.ProtocolError, "not an OpenNebula answer"),
        (page(b"oops", "500 Internal Server Error"), errors.Unreachable, "HTTP 500"),
        (page(b"", "503 Service Unavailable"), errors.Busy, "HTTP 503"),
        (page(b"", "404 Not Found"), errors.ConfigurationError, "HTTP 404"),
        (
            page(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n"),
            errors.ConfigurationError,
            "redirects are not followed",
        ),
        (b"220 mail.example.org ESMTP\r\n", errors.ProtocolError, "not an HTTP answer"),
        (page(OK)[:-50], errors.Unreachable, "broke off"),
        (b"", errors.Unreachable, "closed without an answer"),
    ],
    ids="page truncated binary array 500 503 404 redirect smtp cut closed".split(),  # noqa: SIM905
)
def test_every_wrong_answer_has_its_type(
    reply: bytes, kind: type[errors.OneError], words: str
) -> None:
    def behave(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(reply)

    error = failure(behave)
    assert type(error) is kind
    assert words in str(error)


def test_an_entity_bomb_is_not_expanded() -> None:
    bomb = (
        b'<!DOCTYPE x [<!ENTITY a "'
        + b"a" * 1000
        + b'">'
        + b"".join(
            b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"&a;") for n in range(9)
        )
    )
    body = bomb + b"]><methodResponse><params><param><value>&a8;</value></param></params>"
    assert type(failure(always(page(body)))) is errors.ProtocolError


def test_an_unknown_method_has_a_type_of_its_own() -> None:
    fault = (
        b"<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>-506"
        b"</int></value></member><member><name>faultString</name><value><string>Method 'x' not "
        b"defined</string></value></member></struct></value></fault></methodResponse>"
    )
    assert type(failure(always(page(fault)))) is errors.MethodNotFound


def test_an_endless_answer_is_cut() -> None:
    def behave(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    error = failure(behave, max_answer=1 << 20)
    assert type(error) is errors.TooLong
    assert "longer than 1 MB" in str(error)


def test_silence_ends_at_the_read_deadline() -> None:
    def behave(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        read_request(connection)  # until the client gives up

    error = failure(behave, read_timeout=0.2)
    assert isinstance(error, errors.Unreachable)
    assert error.sent
    assert "no answer within 0.2 s" in str(error)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["headers", "body"])
def test_a_dripping_answer_ends_at_the_total_deadline(start: bytes) -> None:
    def behave(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(start)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    error = failure(behave, read_timeout=5, total_timeout=0.5)
    assert isinstance(error, errors.Unreachable)
    assert "deadline" in str(error)


def test_a_refused_connection_means_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with client(port) as one, pytest.raises(errors.Unreachable) as caught:
        one.call("one.vm.action", "terminate", 7)
    assert not caught.value.sent


@pytest.mark.parametrize("url", ["", "cloud:2633", "ftp://cloud/RPC2", "http://u:geheim@cloud/"])
def test_a_wrong_endpoint_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        Client(Endpoint(url), SESSION)
    assert "geheim" not in str(caught.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    options = "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
    subprocess.run(f"{command} {options}".split(), cwd=directory, check=True, capture_output=True)
    return directory / "cert.pem"


def serve_tls(certificate: Path) -> Behaviour:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))

    def behave(connection: socket.socket, _number: int) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            while read_request(secure):
                secure.sendall(page(OK))

    return behave


def test_tls_is_verified(certificate: Path) -> None:
    with serving(serve_tls(certificate)) as port:
        with client(port, "https", ca_file=str(certificate)) as one:
            assert one.call("one.system.version") == "6.10.0"
        with client(port, "https", verify_tls=False) as one:
            assert one.call("one.system.version") == "6.10.0"
        with client(port, "https") as one, pytest.raises(errors.ConfigurationError) as caught:
            one.call("one.system.version")
    assert "its certificate is not trusted: self-signed certificate" in str(caught.value)
    assert "ONE_CA_FILE" in str(caught.value)


def test_plain_http_on_a_tls_port_is_told() -> None:
    def behave(connection: socket.socket, _number: int) -> None:
        connection.recv(1)
        connection.sendall(page(b"", "400 Bad Request"))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    with (
        serving(behave) as port,
        client(port, "https") as one,
        pytest.raises(errors.ConfigurationError, match="no TLS on this port"),
    ):
        one.call("one.system.version")


def test_a_plain_port_that_waits_for_more_is_told() -> None:
    with (
        serving(always(page(OK))) as port,
        client(port, "https", connect_timeout=0.5) as one,
        pytest.raises(errors.Unreachable, match="Check that the port speaks TLS"),
    ):
        one.call("one.system.version")


def test_a_missing_ca_file_is_named() -> None:
    with pytest.raises(errors.ConfigurationError, match=r"cannot read .* /nowhere/ca\.pem"):
        Client(Endpoint("https://127.0.0.1/RPC2", ca_file="/nowhere/ca.pem"), SESSION)


def test_a_proxy_gets_the_whole_url_and_its_own_password() -> None:
    seen = []

    def proxy(connection: socket.socket, _number: int) -> None:
        seen.append(read_request(connection))
        connection.sendall(page(OK))

    with serving(proxy) as port:
        server = Endpoint("http://cloud.test:2633/RPC2", proxy=f"http://me:p%40ss@127.0.0.1:{port}")
        one = Client(server, SESSION)
        assert one.call("one.system.version") == "6.10.0"
        one.close()
    assert seen[0].startswith(b"POST http://cloud.test:2633/RPC2 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==" in seen[0]


QUOTED = f"no such login {SESSION}"
LONG = "x" * 990


@pytest.mark.parametrize(
    "reply",
    [
        page(answer("<boolean>0</boolean>", f"<string>{QUOTED}</string>", "<i4>8192</i4>")),
        page(answer("<boolean>0</boolean>", f"<string>{LONG}{SESSION}</string>", "<i4>1</i4>")),
        page(answer("<boolean>1</boolean>", f"<int>{SESSION}</int>", "<i4>0</i4>")),
        page(SESSION.encode()),
        page(b"", f"503 {QUOTED}"),
        page(b"", f"302 {QUOTED}"),
    ],
)
def test_an_error_that_quotes_the_password_does_not_show_it(reply: bytes) -> None:
    assert "geh" not in failure(always(reply)).cause


def test_an_outage_that_quotes_the_password_is_told_without_it() -> None:
    breaker = Breaker(failures=1)
    with serving(always(page(b"", f"503 {QUOTED}"))) as port:
        one = Client(Endpoint(f"http://127.0.0.1:{port}/RPC2"), SESSION, breaker)
        for _ in range(2):
            with pytest.raises(errors.OneError) as caught:
                one.call("one.vm.action", "terminate", 7)
            assert "geheim" not in caught.value.cause
        one.close()
    other = Client(Endpoint(f"http://127.0.0.1:{port}/RPC2"), "ann:other", breaker)
    with pytest.raises(errors.Unreachable) as caught:
        other.call("one.vm.action", "terminate", 7)
    assert "geheim" not in caught.value.cause


def test_an_answer_that_is_no_id_is_told_without_the_password() -> None:
    reply = page(answer("<boolean>1</boolean>", f"<string>{SESSION}</string>", "<i4>0</i4>"))
    with (
        serving(always(reply)) as port,
        client(port) as one,
        pytest.raises(errors.ProtocolError) as caught,
    ):
        call_for_id(one, "one.vm.snapshotcreate", 7, "a")
    assert "geheim" not in caught.value.cause
