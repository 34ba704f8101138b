"""A peer that plays bytes: the other end of a connection, written for these tests alone."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from one2one.opennebula.client import Client
from one2one.opennebula.endpoint import Endpoint

SESSION = "burst:geheim"


def answer(*values: str) -> bytes:
    inner = "".join(f"<value>{value}</value>" for value in values)
    return (
        "<?xml version='1.0'?><methodResponse><params><param><value><array><data>"
        f"{inner}</data></array></value></param></params></methodResponse>"
    ).encode()


OK = answer("<boolean>1</boolean>", "<string>6.10.0</string>", "<i4>0</i4>")


def page(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + headers.encode() + b"\r\n" + body


Behaviour = Callable[[socket.socket, int], None]


def read_request(connection: socket.socket) -> bytes:
    """Return one whole request, nothing at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[int]:
    """Run *behaviour* for each connection, numbered from 0, and yield the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket, number: int) -> None:
        with connection, suppress(OSError):
            behaviour(connection, number)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(connection, len(threads))))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in [accepting, *threads]:
            thread.join()


@contextmanager
def client(port: int, scheme: str = "http", **options: Any) -> Iterator[Client]:
    server = Endpoint(f"{scheme}://127.0.0.1:{port}/RPC2", **options)
    one = Client(server, SESSION)
    try:
        yield one
    finally:
        one.close()


def always(reply: bytes) -> Behaviour:
    def behave(connection: socket.socket, _number: int) -> None:
        while read_request(connection):
            connection.sendall(reply)

    return behave
