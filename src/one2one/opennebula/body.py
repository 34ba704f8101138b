"""The body of an HTTP answer, read by the framing in its headers (RFC 9112, sections 6 and 7).

A length consists of digits only, and the size of the body is limited.
"""

import io
import re
from collections.abc import Iterator

from one2one.opennebula.errors import ProtocolError, TooLong, Unreachable
from one2one.opennebula.head import Head

_PIECE = 1 << 18
_LONGEST_LINE = 4 << 10
_MOST_TRAILERS = 100
_MOST_CHUNKS = 1 << 17
"""Twice as many as the longest answer has in chunks of 4 KB."""
_EMPTY = (b"\r\n", b"\n")
_LENGTH = re.compile(r"[0-9]{1,15}")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?\r?\n")


def read_body(head: Head, reader: io.BufferedIOBase, limit: int) -> bytearray:
    """Return the body that follows *head*.

    Raises ProtocolError if it is longer than *limit* bytes or if its framing is not HTTP's, and
    Unreachable if it ends too early.
    """
    coding = head.get("content-encoding", "identity")
    transfer = head.get("transfer-encoding")
    length = head.get("content-length")
    if coding.lower() != "identity" or transfer.lower() not in ("", "chunked"):
        raise _framing_error(
            f"the answer has an encoding that was not asked for ({transfer or coding})"
        )
    if not transfer and length and not _LENGTH.fullmatch(length):
        raise _framing_error(f"the answer's Content-Length is {length[:40]!r}")
    if transfer:
        pieces = _read_chunked(reader)
    elif not length:
        pieces = iter(lambda: reader.read1(_PIECE), b"")
    elif int(length) > limit:
        raise too_long_error(limit)
    else:
        pieces = _read_counted(reader, int(length))
    return _join(pieces, limit)


def too_long_error(limit: int) -> TooLong:
    """Return the error for an answer of more than *limit* bytes."""
    return TooLong(f"the answer is longer than {limit >> 20} MB", sent=True)


def _join(pieces: Iterator[bytes], limit: int) -> bytearray:
    answer = bytearray()  # grows in place: joining pieces would need twice the memory
    try:
        for piece in pieces:
            answer += piece
            if len(answer) > limit:
                raise too_long_error(limit)
    except EOFError:
        cause = f"the answer broke off after {len(answer)} bytes"
        raise Unreachable(cause, sent=True) from None
    return answer


def _read_counted(reader: io.BufferedIOBase, length: int) -> Iterator[bytes]:
    """Yield the next *length* bytes; raises EOFError."""
    while length:
        piece = reader.read1(min(length, _PIECE))
        if not piece:
            raise EOFError
        length -= len(piece)
        yield piece


def _read_chunked(reader: io.BufferedIOBase) -> Iterator[bytes]:
    """Yield the content of the chunks; raises EOFError, and ProtocolError for wrong framing."""
    for _ in range(_MOST_CHUNKS):
        size = _CHUNK.fullmatch(line := _read_line(reader))
        if size is None:
            raise _framing_error(
                f"a chunk of the answer begins with {line[:40]!r} instead of its length"
            )
        if not int(size[1], 16):
            return _skip_trailers(reader)
        yield from _read_counted(reader, int(size[1], 16))
        if _read_line(reader) not in _EMPTY:
            raise _framing_error("a chunk of the answer is longer than it says")
    raise _framing_error(f"the answer has more than {_MOST_CHUNKS} chunks")


def _skip_trailers(reader: io.BufferedIOBase) -> None:
    for _ in range(_MOST_TRAILERS):
        if _read_line(reader) in _EMPTY:
            return
    raise _framing_error("the trailers of the answer have no end")


def _read_line(reader: io.BufferedIOBase) -> bytes:
    line = reader.readline(_LONGEST_LINE)
    if not line.endswith(b"\n") and len(line) < _LONGEST_LINE:
        raise EOFError
    return line


def _framing_error(cause: str) -> ProtocolError:
    return ProtocolError(cause, sent=True)
