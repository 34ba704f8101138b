"""The XML-RPC server keeps and closes connections as oned's server does."""

import http.client
import socket
import threading
import xmlrpc.client
from collections.abc import Iterator, Sequence

import pytest

from opennebula_sandbox.cloud.wire.delivery import ApiRequest, Drop, deliver
from opennebula_sandbox.cloud.wire.server import XmlRpcServer
from opennebula_sandbox.cloud.wire.xmlrpc import Fault, Value, format_http_answer


def echo(method: str, arguments: tuple[object, ...]) -> Sequence[Value]:
    match method:
        case "echo":
            return [True, f"{arguments[0]}", 0]
        case "refused":
            return [False, "no", 512, -1, -1]
        case _:
            raise Fault(-506, f"Method '{method}' not defined")


@pytest.fixture
def server() -> Iterator[XmlRpcServer]:
    server = XmlRpcServer(echo, max_calls=3, idle_seconds=60)
    server.start()
    yield server
    server.stop()


def connect(server: XmlRpcServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(*server.address, timeout=30)


def post(connection: http.client.HTTPConnection, method: str = "echo") -> http.client.HTTPResponse:
    connection.request("POST", "/RPC2", xmlrpc.client.dumps(("é<&]]>",), method).encode())
    response = connection.getresponse()
    response.body = response.read()  # type: ignore[attr-defined]
    return response


def test_answers_any_client_of_xml_rpc(server: XmlRpcServer) -> None:
    with xmlrpc.client.ServerProxy(server.endpoint) as proxy:
        assert proxy.echo("é<&]]>") == [True, "é<&]]>", 0]
        assert proxy.refused() == [False, "no", 512, -1, -1]
        with pytest.raises(xmlrpc.client.Fault, match="-506: \"Method 'x' not defined\""):
            proxy.x()


def test_connection_is_kept_for_max_calls_and_then_ended(server: XmlRpcServer) -> None:
    connection = connect(server)
    kept = [post(connection).getheader("Connection") for _ in range(3)]
    assert kept == ["Keep-Alive", "Keep-Alive", "close"]
    post(connection)
    assert server.accepted == 2
    connection.close()


def test_idle_connection_is_ended_without_a_word() -> None:
    server = XmlRpcServer(echo, idle_seconds=0.01)
    server.start()
    with socket.create_connection(server.address) as idle:
        assert idle.recv(1) == b""
    server.stop()


def test_only_so_many_connections_are_served_at_once() -> None:
    server = XmlRpcServer(echo, max_connections=1)
    server.start()
    first, second = connect(server), connect(server)
    post(first)
    second.request("POST", "/RPC2", xmlrpc.client.dumps((1,), "echo"))
    assert server.accepted == 1
    first.close()
    assert b">1<" in second.getresponse().read()
    second.close()
    server.stop()


@pytest.mark.parametrize(
    ("verb", "path", "status"), [("GET", "/RPC2", 405), ("POST", "/elsewhere", 404)]
)
def test_anything_but_a_call_is_an_http_error(
    server: XmlRpcServer, verb: str, path: str, status: int
) -> None:
    connection = connect(server)
    connection.request(verb, path, b"")
    assert connection.getresponse().status == status
    connection.close()


@pytest.mark.parametrize("body", [b"", b"<", b"<a/>", b"<methodResponse></methodResponse>"])
def test_a_body_that_is_no_call_is_a_fault(server: XmlRpcServer, body: bytes) -> None:
    connection = connect(server)
    connection.request("POST", "/RPC2", body)
    with pytest.raises(xmlrpc.client.Fault, match="-503"):
        xmlrpc.client.loads(connection.getresponse().read())
    connection.close()


@pytest.mark.parametrize(
    "garbage", [b"\r\n\r\n", b"POST /RPC2\r\n", b"POST /RPC2 HTTP/1.1\r\nContent-Length: x\r\n\r\n"]
)
def test_garbage_ends_its_connection_only(server: XmlRpcServer, garbage: bytes) -> None:
    with socket.create_connection(server.address) as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    healthy = connect(server)
    assert post(healthy).status == 200
    healthy.close()


def test_restart_ends_connections_and_keeps_the_port(server: XmlRpcServer) -> None:
    connection = connect(server)
    post(connection)
    endpoint = server.endpoint
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        connect(server).connect()
    server.start()
    assert server.endpoint == endpoint
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        post(connection)
    connection.close()


def test_deaf_server_refuses_connections_and_serves_those_that_are(server: XmlRpcServer) -> None:
    connection = connect(server)
    post(connection)
    server.refuse_connections()
    with pytest.raises(ConnectionRefusedError):
        connect(server).connect()
    assert post(connection).status == 200
    connection.close()
    server.stop()
    server.start()
    connection = connect(server)
    assert post(connection).status == 200
    connection.close()


def test_stop_interrupts_a_delivery_that_waits() -> None:
    waiting = threading.Event()

    def slow(request: ApiRequest) -> Iterator[bytes]:
        waiting.set()
        request.wait(3600)
        yield from deliver(request)

    server = XmlRpcServer(echo, delivery=slow)
    server.start()
    connection = connect(server)
    connection.request("POST", "/RPC2", xmlrpc.client.dumps((), "echo"))
    assert waiting.wait(30)
    server.stop()
    with pytest.raises(ConnectionError):
        connection.getresponse()
    connection.close()


def test_delivery_may_cut_an_answer_short() -> None:
    def half(request: ApiRequest) -> Iterator[bytes]:
        yield format_http_answer(request.execute())[:-10]
        raise Drop

    server = XmlRpcServer(echo, delivery=half)
    server.start()
    connection = connect(server)
    with pytest.raises(http.client.IncompleteRead):
        post(connection)
    connection.close()
    server.stop()


def test_connection_may_be_reset_when_it_is_accepted() -> None:
    server = XmlRpcServer(echo, accept=lambda: False)
    server.start()
    connection = connect(server)
    with pytest.raises(ConnectionError):
        post(connection)
    connection.close()
    server.stop()
