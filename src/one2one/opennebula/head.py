"""The head of an HTTP answer: its status and headers (RFC 9112, sections 4 and 5).

``http.client`` reads it with the parser for e-mail. That takes a fifth of the CPU of a burst, and a
sixth of the time in which a script starts. This one takes what an HTTP server sends, and refuses
what a reader could understand in two ways: folded headers, headers without a name.
"""

import io
import re

from one2one.opennebula.clean import excerpt

OK = 200
MULTIPLE_CHOICES = 300
BAD_REQUEST = 400
INTERNAL_SERVER_ERROR = 500
_SWITCHING = 101
_LONGEST_LINE = 64 << 10
_MOST_HEADERS = 100
_STATUS = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: ([^\r\n]*))?\r?\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n]*)\r?\n")
_EMPTY = (b"\r\n", b"\n")


class HeadError(Exception):
    """Raised for bytes that are not the head of an HTTP answer."""


class Head:
    """The status of an answer, and its headers."""

    def __init__(self, status: int, reason: str, *, keeps: bool) -> None:
        """Take the first line; *keeps* tells that its version keeps the connection open."""
        self.status = status
        self.reason = reason
        self._keeps = keeps
        self._headers: dict[str, str] = {}

    def add(self, name: str, value: str) -> None:
        """Add a header; one that comes again is a list, as HTTP says."""
        name = name.lower()
        self._headers[name] = f"{self._headers[name]}, {value}" if name in self._headers else value

    def get(self, name: str, default: str = "") -> str:
        """Return the value of the header with the lower-case *name*."""
        return self._headers.get(name, default)

    @property
    def is_last(self) -> bool:
        """Whether the server closes the connection after this answer."""
        wishes = [wish.strip() for wish in self.get("connection").lower().split(",")]
        if "close" in wishes or not (self.get("content-length") or self.get("transfer-encoding")):
            return True
        return not (self._keeps or "keep-alive" in wishes)


def read_head(reader: io.BufferedIOBase) -> Head:
    """Return the head of the next answer; interim ones (100 Continue) are passed over.

    Raises HeadError, and ConnectionError if the stream ends within a head.
    """
    while True:
        head = _read_one(reader)
        if head.status >= OK or head.status == _SWITCHING:
            return head


def _read_one(reader: io.BufferedIOBase) -> Head:
    line = _read_line(reader)
    status = _STATUS.fullmatch(line)
    if status is None:
        if not line or line.startswith(b"HTTP/"):
            _check_end(line)
        raise HeadError(f"it begins with {excerpt(line)}")
    head = Head(int(status[2]), _decode(status[3] or b""), keeps=status[1] != b"0")
    for _ in range(_MOST_HEADERS + 1):
        line = _check_end(_read_line(reader))
        if line in _EMPTY:
            return head
        header = _HEADER.fullmatch(line)
        if header is None:
            raise HeadError(f"{excerpt(line)} is no header")
        head.add(_decode(header[1]), _decode(header[2]))
    raise HeadError(f"it has more than {_MOST_HEADERS} headers")


def _read_line(reader: io.BufferedIOBase) -> bytes:
    line = reader.readline(_LONGEST_LINE)
    if len(line) == _LONGEST_LINE:
        raise HeadError(f"a line of it is longer than {_LONGEST_LINE >> 10} KB")
    return line


def _check_end(line: bytes) -> bytes:
    """Return *line*; raises ConnectionError where the stream ended before its end."""
    if not line.endswith(b"\n"):
        raise ConnectionError("the end came within its head" if line else "no answer")
    return line


def _decode(field: bytes) -> str:
    return field.decode("latin-1").strip(" \t")
