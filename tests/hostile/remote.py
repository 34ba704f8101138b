"""The process that answers: ``python -m tests.hostile.remote`` prints its port, ends with stdin.

The path of a call's URL names the case, which decides everything, so each can be had again:

    /odd/<seed>/<number>      answers wrongly, each call in its turn
    /seldom/<seed>/<number>   the same, for one call in five
    /slow/<seed>/<number>     the same, and keeps its caller waiting
    /endless/<seed>/<number>  the same, without an end
    /local/<case>             a front-end whose hosts stand for the remote /<case>
    /tally                    how many odd answers there were
    anything else             a cloud that means well

Whatever the case, ``echo.info`` is answered with its argument: a call that cannot be mistaken. A
request for a tunnel to ``odd.<seed>.<number>`` is answered as the case decides, too.
"""

import contextlib
import re
import socket
import struct
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from io import BufferedReader
from itertools import count

from tests.hostile import documents, markup, world, xmlrpc
from tests.hostile.answers import odd_answer
from tests.hostile.chance import Chance
from tests.hostile.delivery import (
    Delivery,
    End,
    deliver,
    endless_delivery,
    odd_delivery,
    slow_delivery,
)

_METHOD = re.compile(rb"<methodName>([^<]*)</methodName>")
_NUMBER = re.compile(rb"<(?:int|i4)>(-?\d+)</(?:int|i4)>")
_STRING = re.compile(rb"<string>([^<]*)</string>")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_RESET = struct.pack("ii", 1, 0)
_PATIENCE_S = 60.0
_LITTLE_S = 0.2
"""For how long a connection is kept after an odd answer: its reader may wait for the rest of it."""
_SELDOM = 0.2
_ODD = {"odd": odd_delivery, "slow": slow_delivery, "endless": endless_delivery}


@dataclass(frozen=True)
class Request:
    """A call."""

    path: str
    method: str
    ids: list[int]
    """Its numbers, and those in its last text."""
    last: str
    """Its last text, the session where it has no other."""


class Remote:
    """Listens while the process lives."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._asked = Counter[str]()
        self._record = count(1)
        self._lock = threading.Lock()
        self._odd = 0

    @property
    def port(self) -> int:
        """The port of 127.0.0.1."""
        return int(self._listener.getsockname()[1])

    def run(self) -> None:
        """Serve each connection in a thread of its own."""
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_PATIENCE_S)
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
            while request := read_request(reader):
                delivery = self._answer(request)
                if not _send(connection, delivery):
                    return
                connection.settimeout(_LITTLE_S if delivery.odd else _PATIENCE_S)

    def _answer(self, request: Request) -> Delivery:
        kind, _, case = request.path.strip("/").partition("/")
        with self._lock:
            self._asked[request.path] += 1
            turn = self._asked[request.path]
            if len(self._asked) > 10_000:
                self._asked.clear()
        if kind == "tally":
            return deliver(xmlrpc.answer(self._odd))
        if request.method == "echo.info":
            return deliver(xmlrpc.answer(request.last))
        chance = Chance(f"{request.path} {turn}")
        spared = max(request.ids, default=0) >= world.SPARED
        if not spared and (kind in _ODD or (kind == "seldom" and chance.hit(_SELDOM))):
            with self._lock:
                self._odd += 1
            carry = _ODD.get(kind, odd_delivery)
            return odd_answer(chance, request.method, request.ids, carry)
        if kind == "local":
            remote = f"http://127.0.0.1:{self.port}/{case}"
            found = world.answer(chance, request.method, request.ids, remote)
        elif kind == "seldom" and not spared:
            found = documents.answer(chance, request.method, request.ids)
        else:
            found = world.remote_answer(chance, request.method, request.ids, next(self._record))
        text = markup.plain(found) if isinstance(found, tuple) else found
        return deliver(xmlrpc.answer(text))


def read_request(reader: BufferedReader) -> Request | None:
    """Return the next call, None where there is none."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = reader.readline(100_000)
        if not line:
            return None
        head += line
    length = _LENGTH.search(head)
    body = reader.read(int(length[1])) if length else b""
    method = _METHOD.search(body)
    texts = _STRING.findall(body)
    last = texts[-1].decode() if texts else ""
    listed = [part for part in last.split(",") if part.isdigit()]
    ids = [*map(int, _NUMBER.findall(body)), *map(int, listed)]
    target = head.split(b" ", 2)[1].decode()
    path = target if target.startswith("/") else "/" + target.partition(":")[0].replace(".", "/")
    return Request(path, method[1].decode() if method else "", ids, last)


def _send(connection: socket.socket, delivery: Delivery) -> bool:
    """Send it; tell whether the connection is kept."""
    for piece in delivery.pieces:
        if isinstance(piece, float):
            time.sleep(piece)
        else:
            connection.sendall(piece)
    if delivery.end is End.RESET:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    return delivery.end is End.KEEP


def main() -> None:
    """Serve until stdin ends."""
    remote = Remote()
    threading.Thread(target=remote.run, daemon=True).start()
    print(remote.port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
