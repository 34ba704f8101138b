"""The heads of HTTP answers, compared with how ``http.client`` reads them."""

import http.client
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.opennebula.head import HeadError, read_head

STATUS = ["HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 503 Come later", "HTTP/1.1 200", "HTTP/2"]
STATUS += ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", "HTTP/1.1 2000 OK", "220 mail", "", "é"]
HEADERS = ["Content-Length: 7", "content-length:8", "Transfer-Encoding: chunked", "Date: today"]
HEADERS += ["Connection: close", "Connection: Keep-Alive", "Connection: a, close", "X: é\t ", "X:"]
ODD = [" folded", "no colon", ": no name", "a b: c", "X\x00: y", "Content-Length : 9", "\r"]
COUNTED = ("content-length", "transfer-encoding", "content-encoding", "date")


def standard(data: bytes) -> tuple[object, ...]:
    """Return what ``http.client`` finds in the head of an answer."""
    response: Any = http.client.HTTPResponse.__new__(http.client.HTTPResponse)
    response.__init__(_Socket(data), method="POST")
    response.begin()
    values = [response.getheader(name, "").strip() for name in COUNTED]
    return response.status, response.reason, *values, response.will_close


class _Socket:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def ours(data: bytes) -> tuple[object, ...]:
    head = read_head(io.BytesIO(data))
    return head.status, head.reason, *(head.get(name) for name in COUNTED), head.is_last


def lists(headers: list[str]) -> st.SearchStrategy[list[str]]:
    """Return some headers, each name once: ``http.client`` looks at the first Connection only."""
    return st.lists(st.sampled_from(headers), max_size=5, unique_by=lambda h: h.lower()[:8])


@given(st.sampled_from(STATUS[:4]), lists(HEADERS))
def test_a_good_head_is_read_as_the_standard_library_does(status: str, headers: list[str]) -> None:
    data = "\r\n".join([status, *headers, "", ""]).encode("latin-1")
    assert ours(data) == standard(data)


@given(
    st.sampled_from(STATUS),
    lists(HEADERS + ODD),
    st.integers(0, 60),
)
def test_any_other_is_read_as_the_standard_library_does_or_refused(
    status: str, headers: list[str], cut: int
) -> None:
    data = "\r\n".join([status, *headers, "", ""]).encode("latin-1")[: -cut or None]
    try:
        read = ours(data)
    except (HeadError, ConnectionError):
        return
    assert read == standard(data)


@pytest.mark.parametrize("line", [*ODD[:6], "X: " + "x" * 70_000])
def test_a_line_that_is_no_header_is_refused(line: str) -> None:
    with pytest.raises(HeadError):
        ours(f"HTTP/1.1 200 OK\r\n{line}\r\n\r\n".encode())


def test_the_end_within_a_head_is_no_answer() -> None:
    for cut in range(1, 20):
        with pytest.raises(ConnectionError):
            ours(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"[:-cut])


def test_headers_that_come_again_are_a_list() -> None:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: 7", b"content-length: 8"]
    lines += [b"Connection: keep-alive", b"Connection: close", b"", b""]
    head = read_head(io.BytesIO(b"\r\n".join(lines)))
    assert head.get("content-length") == "7, 8"
    assert head.is_last
