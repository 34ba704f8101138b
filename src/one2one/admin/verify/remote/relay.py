"""A relay to the remote cloud that can lose a call or an answer.

It sees bytes, mostly of TLS, and no calls. But it recognises the call that makes a VM: with a long
context that call is much longer than any other. Plain HTTP passes unchanged. A client that speaks
TLS asks for a tunnel first, so that it sees the remote's own certificate.
"""

import contextlib
import socket
import threading
from enum import Enum
from functools import partial
from typing import Self
from urllib.parse import urlsplit

from one2one.driver.threads import start_thread
from one2one.opennebula.errors import Busy, ConfigurationError
from one2one.opennebula.urls import parse_endpoint, parse_proxy

LONG = 16 << 10
"""Bytes that only a call with a long context has."""
_CHUNK = 1 << 16
_TIMEOUT_S = 10.0


class Loss(Enum):
    """What to do to the next long call."""

    CALL = "the call is lost"
    ANSWER = "the answer is lost"
    HELD = "the answer is held back"


class Relay:
    """Listens on a loopback port, while its context lasts."""

    def __init__(self, endpoint: str, proxy: str | None) -> None:
        """Take the URLs of the remote's XML-RPC and of a proxy; nothing is connected yet.

        It stands before the proxy, if there is one. Raises ConfigurationError for gRPC.
        """
        remote = parse_endpoint(endpoint)
        if remote.is_grpc:
            raise ConfigurationError(
                "verify loses calls of XML-RPC, and cannot do so with gRPC",
                endpoint=endpoint,
                remedy="Use the URL of the remote's XML-RPC here",
            )
        self._proxy = proxy
        self._is_proxy = remote.is_tls and not proxy
        """Whether it answers clients as their proxy."""
        self._path = remote.path
        target = parse_proxy(proxy).address if proxy else remote.address
        self._target = target.host, target.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._loss: Loss | None = None
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self.lost = threading.Event()
        """Set when the loss took place."""

    def __enter__(self) -> Self:
        start_thread("relay", self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        _end(self._listener)
        with self._lock:
            for one in self._sockets:
                _end(one)

    @property
    def attributes(self) -> dict[str, str]:
        """What makes a hybrid host use it."""
        host, port = self._listener.getsockname()[:2]
        if self._proxy:
            user, at, _ = urlsplit(self._proxy).netloc.rpartition("@")
            return {"ONE_PROXY": f"http://{user}{at}{host}:{port}"}
        if self._is_proxy:
            return {"ONE_PROXY": f"http://{host}:{port}"}
        return {"ONE_ENDPOINT": f"http://{host}:{port}{self._path}"}

    def lose(self, loss: Loss) -> None:
        """Do that to the next long call."""
        self.lost.clear()
        self._loss = loss

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            try:
                start_thread("relay", partial(self._serve, client))
            except Busy:
                client.close()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self._is_proxy:
                _read_head(client)
            with socket.create_connection(self._target, _TIMEOUT_S) as remote:
                remote.settimeout(None)
                if self._is_proxy:
                    client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                with self._lock:
                    self._sockets |= {client, remote}
                _Passage(self, client, remote).run()
                with self._lock:
                    self._sockets -= {client, remote}

    def take(self) -> Loss | None:
        """Return what to do to the long call that has come, once."""
        with self._lock:
            loss, self._loss = self._loss, None
        return loss


class _Passage:
    """One connection, in both directions."""

    def __init__(self, relay: Relay, client: socket.socket, remote: socket.socket) -> None:
        self._relay = relay
        self._client = client
        self._remote = remote
        self._length = 0
        self._loss: Loss | None = None

    def run(self) -> None:
        """Pass on what comes until either side ends."""
        back = threading.Thread(target=self._answers, daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            self._calls()
        _end(self._remote)
        _end(self._client)
        back.join()

    def _calls(self) -> None:
        while data := self._client.recv(_CHUNK):
            self._length += len(data)
            if self._length > LONG and self._loss is None:
                self._loss = self._relay.take()
            if self._loss is Loss.CALL:
                self._relay.lost.set()
                return
            self._remote.sendall(data)

    def _answers(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._remote.recv(_CHUNK):
                self._length = 0
                if self._loss is None:
                    self._client.sendall(data)
                    continue
                self._relay.lost.set()
                if self._loss is Loss.ANSWER:
                    break
        if self._loss is not Loss.HELD:
            _end(self._client)


def _read_head(client: socket.socket) -> None:
    """Read the request for a tunnel; it goes to the one remote that there is."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = client.recv(1)
        if not data:
            raise ConnectionError
        head += data


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        one.close()
