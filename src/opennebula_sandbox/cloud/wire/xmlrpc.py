"""Reads and writes XML-RPC and HTTP as oned does. Does no I/O."""

import re
import xmlrpc.client
from collections.abc import Callable, Sequence
from typing import NamedTuple
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

Value = bool | int | str | bytes
"""A value of an answer; bytes are UTF-8 text with XML escapes."""

_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\r\n<methodResponse>\r\n'
_LINE_LIMIT = 16 << 10
_REPLICATION_INDEX = 4
_BEYOND_BMP = re.compile(b"[\xf0-\xf4]")
_NOT_UTF8 = (
    "{}-byte supposed UTF-8 string is not valid UTF-8.  UTF-8 string contains a character not in "
    "the Basic Multilingual Plane (first byte 0xffffff{:x})"
)


class Fault(Exception):
    """xmlrpc-c refuses a call before OpenNebula reads it: unknown method, wrong type."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class HttpRequest(NamedTuple):
    """The parts of an HTTP request that an XML-RPC server reads."""

    method: str
    path: str
    keep: bool
    """Whether the client wants to keep the connection open."""
    body: bytes


def read_call(body: bytes) -> tuple[str, tuple[object, ...]]:
    """Return the method and the arguments of a call; raises Fault for a body that is no call."""
    try:
        arguments, method = xmlrpc.client.loads(body)
    except (ExpatError, xmlrpc.client.Error, ValueError, TypeError, LookupError) as error:
        raise Fault(-503, f"Call XML not a proper XML-RPC call.  {error}") from None
    if method is None:
        raise Fault(-503, "Call XML not a proper XML-RPC call.  Not a <methodCall>")
    return method, arguments


def write_answer(values: Sequence[Value]) -> bytes:
    """Return the body that answers a call with the array *values*.

    Raises Fault for characters above U+FFFF, which xmlrpc-c cannot send.
    """
    parts = [_HEAD, b"<params>\r\n<param><value><array><data>\r\n"]
    for index, value in enumerate(values):
        parts += [b"<value>", _write(value, index), b"</value>\r\n"]
    parts.append(b"</data></array></value></param>\r\n</params>\r\n</methodResponse>\r\n")
    return b"".join(parts)


def write_fault(fault: Fault) -> bytes:
    """Return the body that answers a call with *fault*."""
    return (
        _HEAD
        + (
            "<fault>\r\n<value><struct>\r\n<member><name>faultCode</name>\r\n"
            f"<value><i4>{fault.code}</i4></value></member>\r\n<member><name>faultString</name>\r\n"
            f"<value><string>{escape(fault.text)}</string></value></member>\r\n"
            "</struct></value>\r\n</fault>\r\n</methodResponse>\r\n"
        ).encode()
    )


def format_http_answer(
    body: bytes, status: str = "200 OK", *, keep: bool = True, header: str = ""
) -> bytes:
    """Return an HTTP answer; *header* is one more header line with its line end."""
    connection = "Keep-Alive" if keep else "close"
    head = (
        f"HTTP/1.1 {status}\r\nConnection: {connection}\r\nServer: Xmlrpc-c_Abyss\r\n{header}"
        f"Content-Type: text/xml; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def read_http(read_line: Callable[[int], bytes], read: Callable[[int], bytes]) -> HttpRequest:
    """Return the next request of a connection; raises EOFError at its end or for other bytes."""
    method, path, version = _split_first_line(read_line(_LINE_LIMIT))
    length, keep = 0, version == b"HTTP/1.1"
    while (line := read_line(_LINE_LIMIT)) != b"\r\n":
        name, separator, value = line.partition(b":")
        if not separator:
            raise EOFError
        match name.lower():
            case b"content-length":
                length = _read_number(value)
            case b"connection":
                keep = value.strip().lower() != b"close"
    body = read(length)
    if len(body) < length:
        raise EOFError
    return HttpRequest(method.decode(errors="replace"), path.decode(errors="replace"), keep, body)


def _read_number(value: bytes) -> int:
    if not value.strip().isdigit():
        raise EOFError
    return int(value)


def _split_first_line(line: bytes) -> list[bytes]:
    words = line.split()
    if len(words) != 3:
        raise EOFError
    return words


def _write(value: Value, index: int) -> bytes:
    match value:
        case bool():
            return b"<boolean>%d</boolean>" % value
        case int() if index == _REPLICATION_INDEX:
            return b"<i8>%d</i8>" % value
        case int():
            return b"<i4>%d</i4>" % value
        case str():
            return _write(escape(value).encode(), index)
        case bytes():
            if not value.isascii() and (beyond := _BEYOND_BMP.search(value)):
                raise Fault(-510, _NOT_UTF8.format(len(value), beyond[0][0]))
            return b"<string>%s</string>" % value
