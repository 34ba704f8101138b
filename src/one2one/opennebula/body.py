"""The body of an HTTP answer, by the framing that its headers tell of (RFC 9112, sections 6 and 7).

``http.client`` would take a negative length of a chunk for all that comes. Here a length is a
number of digits, and no more is kept than may come.
"""

import http.client
import io
import re
from collections.abc import Iterator

from one2one.opennebula.errors import ProtocolError, Unreachable

_PIECE = 1 << 18
_LONGEST_LINE = 4 << 10
_MOST_TRAILERS = 100
_MOST_CHUNKS = 1 << 17
"""Twice as many as the longest answer has in chunks of 4 KB."""
_EMPTY = (b"\r\n", b"\n")
_LENGTH = re.compile(r"[0-9]{1,15}")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?\r?\n")


def read_body(response: http.client.HTTPResponse, limit: int) -> bytearray:
    """Return the body of *response*, whose headers have been read.

    Raises ProtocolError where it is longer than *limit* bytes, or not framed as HTTP is, and
    Unreachable where it ends too early.
    """
    coding = response.getheader("Content-Encoding", "identity")
    transfer = response.getheader("Transfer-Encoding", "")
    length = response.getheader("Content-Length", "")
    if coding.lower() != "identity" or transfer.lower() not in ("", "chunked"):
        raise _wrong(f"the answer has an encoding that was not asked for ({transfer or coding})")
    if not transfer and length and not _LENGTH.fullmatch(length):
        raise _wrong(f"the answer's Content-Length is {length[:40]!r}")
    reader = response.fp
    if transfer:
        pieces = _chunked(reader)
    elif not length:
        pieces = iter(lambda: reader.read1(_PIECE), b"")
    elif int(length) > limit:
        raise too_long(limit)
    else:
        pieces = _counted(reader, int(length))
    return _join(pieces, limit)


def too_long(limit: int) -> ProtocolError:
    """Return what to raise for an answer of more than *limit* bytes."""
    return _wrong(f"the answer is longer than {limit >> 20} MB")


def _join(pieces: Iterator[bytes], limit: int) -> bytearray:
    answer = bytearray()  # grows in place, where joined pieces would need twice its size
    try:
        for piece in pieces:
            answer += piece
            if len(answer) > limit:
                raise too_long(limit)
    except EOFError:
        cause = f"the answer broke off after {len(answer)} bytes"
        raise Unreachable(cause, sent=True) from None
    return answer


def _counted(reader: io.BufferedIOBase, length: int) -> Iterator[bytes]:
    """Yield the next *length* bytes; raises EOFError."""
    while length:
        piece = reader.read1(min(length, _PIECE))
        if not piece:
            raise EOFError
        length -= len(piece)
        yield piece


def _chunked(reader: io.BufferedIOBase) -> Iterator[bytes]:
    """Yield the content of the chunks; raises EOFError, and ProtocolError for what is none."""
    for _ in range(_MOST_CHUNKS):
        size = _CHUNK.fullmatch(line := _line(reader))
        if size is None:
            raise _wrong(f"a chunk of the answer begins with {line[:40]!r} instead of its length")
        if not int(size[1], 16):
            return _skip_trailers(reader)
        yield from _counted(reader, int(size[1], 16))
        if _line(reader) not in _EMPTY:
            raise _wrong("a chunk of the answer is longer than it says")
    raise _wrong(f"the answer has more than {_MOST_CHUNKS} chunks")


def _skip_trailers(reader: io.BufferedIOBase) -> None:
    for _ in range(_MOST_TRAILERS):
        if _line(reader) in _EMPTY:
            return
    raise _wrong("the trailers of the answer have no end")


def _line(reader: io.BufferedIOBase) -> bytes:
    line = reader.readline(_LONGEST_LINE)
    if not line.endswith(b"\n") and len(line) < _LONGEST_LINE:
        raise EOFError
    return line


def _wrong(cause: str) -> ProtocolError:
    return ProtocolError(cause, sent=True)
