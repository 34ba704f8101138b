"""No answer takes more memory than two answers may, and none is kept."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator

from tests.opennebula.peer import read_request, serving

LIMIT_MB = 256
MB = 1 << 20
HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
OPEN = (
    b'<?xml version="1.0" encoding="UTF-8"?><methodResponse><params><param><value><array><data>'
    b"<value><boolean>1</boolean></value><value><string>"
)
CLOSE = (
    b"</string></value><value><i4>0</i4></value></data></array></value></param></params>"
    b"</methodResponse>"
)
ROW = b"&lt;VM&gt;&lt;ID&gt;1&lt;/ID&gt;&lt;STATE&gt;1&lt;/STATE&gt;&lt;/VM&gt;"


def much(piece: bytes, megabytes: int) -> Iterator[bytes]:
    """Yield *piece* again and again, so many megabytes in all."""
    block = piece * (MB // len(piece))
    for _ in range(megabytes):
        yield block


def within(megabytes: int, piece: bytes, start: bytes = b"", end: bytes = b"") -> Iterator[bytes]:
    """Yield an answer of oned's with a text of so many megabytes."""
    yield HEAD + OPEN + start
    yield from much(piece, megabytes)
    yield end + CLOSE


def endless() -> Iterator[bytes]:
    yield HEAD
    yield from much(b"x", 2 * LIMIT_MB)


def chunks(size: bytes, piece: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield from much(size + b"\r\n" + piece + b"\r\n", 2 * LIMIT_MB)


def arrays() -> Iterator[bytes]:
    yield HEAD + OPEN.partition(b"<value><boolean>")[0]
    yield from much(b"<array/>", 15)


ANSWERS = {
    "endless": (endless, "longer than 256 MB"),
    "chunks": (lambda: chunks(b"fff0", b"x" * 0xFFF0), "longer than 256 MB"),
    "chunks of one byte": (lambda: chunks(b"1", b"x"), "more than 131072 chunks"),
    "a chunk of -1": (lambda: chunks(b"-1", b"x"), "instead of its length"),
    "text without markup": (lambda: within(200, b"x"), "not XML"),
    "text in a row": (lambda: within(200, b"x", b"&lt;VM_POOL&gt;"), "not XML"),
    "text in Chinese": (lambda: within(200, "中".encode(), b"&lt;P&gt;"), "not XML"),
    "short elements": (lambda: within(64, b"&lt;a/&gt;", b"&lt;P&gt;"), "an object with more than"),
    "short rows": (lambda: within(32, ROW, b"&lt;P&gt;", b"&lt;/P&gt;"), "262144 objects"),
    "short arrays": (arrays, "not an XML-RPC answer"),
    "a long result": (lambda: within(200, b"x", b"&amp;"), "not XML"),
}
"""What is sent, and what the error says. An answer is not longer than LIMIT_MB, or cut there."""

CHILD = """
import gc
import sys
from pathlib import Path
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import OneError

def memory(which):
    status = Path("/proc/self/status").read_text()
    return int(status.partition(which)[2].split()[0]) >> 10

gc.disable()  # it may come late
cloud = Cloud([Endpoint(sys.argv[1])], "burst:geheim")
before = memory("VmRSS:")
for name in sys.argv[2:]:
    Path("/proc/self/clear_refs").write_text("5")
    try:
        result = cloud.list_summaries()
    except OneError as error:
        result = str(error)
    print(f"{memory('VmHWM:') - before} {name}: {result}")
"""


def test_no_answer_takes_more_than_twice_the_limit() -> None:
    names = list(ANSWERS)

    def play(connection: socket.socket, number: int) -> None:
        read_request(connection)
        for data in ANSWERS[names[number]][0]():
            connection.sendall(data)

    with serving(play) as port:
        url = f"http://127.0.0.1:{port}/RPC2"
        command = [sys.executable, "-c", CHILD, url, *names]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    for name, line in zip(names, lines, strict=True):
        found = re.fullmatch(rf"(-?\d+) {name}: (.*)", line)
        assert found, line
        assert ANSWERS[name][1] in found[2]
        assert int(found[1]) < 2 * LIMIT_MB, line
