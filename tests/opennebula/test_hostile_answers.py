"""Whatever bytes come as an answer: a typed error, soon, and the next call is as good as new."""

import socket
from collections.abc import Callable, Iterable

import pytest

from one2one.opennebula import errors
from one2one.opennebula.breaker import Breaker
from one2one.opennebula.client import Client
from one2one.opennebula.endpoint import Endpoint
from tests.opennebula.peer import OK, SESSION, answer, page, read_request, serving

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
DEEP = 50_000


def with_length(length: str, body: bytes = OK) -> bytes:
    return HEAD + b"Content-Length: " + length.encode() + b"\r\n\r\n" + body


def with_value(value: str) -> bytes:
    """Return an answer whose result is *value*, in XML-RPC."""
    return page(answer("<boolean>1</boolean>", value, "<i4>0</i4>"))


def with_encoding(encoding: str, body: bytes = OK) -> bytes:
    return page(body.replace(b"version='1.0'", f"version='1.0' encoding='{encoding}'".encode()))


LAUGHS = b"".join(
    b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10 if n else b"ha") for n in range(12)
)

ANSWERS: dict[str, bytes] = {
    # The status line.
    "nothing": b"",
    "an empty line": b"\r\n",
    "a database's greeting": b"J\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00mysql_native\x00",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "a status of letters": b"HTTP/1.1 OK\r\n\r\n",
    "a negative status": b"HTTP/1.1 -200 OK\r\n\r\n",
    "a status of five digits": b"HTTP/1.1 20000 OK\r\n\r\n",
    "an unknown version": b"HTTP/9.9 200 OK\r\n\r\n",
    "a status line of 70 KB": b"HTTP/1.1 200 " + b"O" * 70_000 + b"\r\n\r\n",
    "a status line without end": b"H" * 500_000,
    "NULs": b"\x00" * 4096,
    "a reason phrase that rings": b"HTTP/1.1 500 \x1b[31m\x07\r\n\r\n",
    "early hints": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "continue for ever": b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
    # Headers.
    "headers that break off": HEAD + b"Content-Le",
    "headers without a colon": HEAD + b"garbage\r\nmore garbage\r\n\r\n",
    "headers of NULs": HEAD + b"\x00: \x00\r\n\r\n",
    "a header of 1 MB": HEAD + b"X: " + b"x" * (1 << 20) + b"\r\n\r\n",
    "10,000 headers": HEAD + b"X: x\r\n" * 10_000 + b"\r\n",
    "long headers": HEAD + (b"X: " + b"x" * 60_000 + b"\r\n") * 20 + b"\r\n",
    # Framing.
    "a chunk of -5": CHUNKED + b"-5\r\n" + OK,
    "a chunk of -1": CHUNKED + b"-1\r\n" + OK,
    "a chunk of +5": CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n",
    "a chunk of 0x5": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk of 1_0": CHUNKED + b"1_0\r\nhello\r\n0\r\n\r\n",
    "a chunk of words": CHUNKED + b"many\r\nhello\r\n",
    "a chunk of 16 EB": CHUNKED + b"ffffffffffffffff\r\n" + OK,
    "a chunk of 1 TB": CHUNKED + b"ffffffffff\r\n" + OK,
    "a chunk longer than it says": CHUNKED + b"5\r\nhello world\r\n0\r\n\r\n",
    "a chunk that breaks off": CHUNKED + b"ff\r\nhello",
    "a chunk's length of 1 MB": CHUNKED + b"0" * (1 << 20),
    "trailers without end": CHUNKED + b"0\r\n" + b"X: x\r\n" * 10_000,
    "a length of -1": with_length("-1"),
    "a length of words": with_length("many"),
    "a length of 5,000 digits": with_length("9" * 5000),
    "a length of 1 TB": with_length(str(1 << 40)),
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\nhello",
    "a length that is too long": with_length(str(len(OK) + 1)),
    "a length that is too short": with_length(str(len(OK) - 20)),
    "compressed, unasked": page(b"\x1f\x8b\x08\x00", headers="Content-Encoding: gzip\r\n"),
    "compressed chunks": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + OK,
    # XML-RPC.
    "an empty body": page(b""),
    "a bigdecimal that is none": with_value("<bigdecimal>zz</bigdecimal>"),
    "a bigdecimal": with_value("<bigdecimal>1e999999999</bigdecimal>"),
    "a date that is none": with_value("<dateTime.iso8601>yesterday</dateTime.iso8601>"),
    "base64 that is none": with_value("<base64>?</base64>"),
    "nil": with_value("<nil/>"),
    "a boolean for a result": with_value("<boolean>1</boolean>"),
    "a boolean of 7": page(answer("<boolean>7</boolean>", "<i4>1</i4>", "<i4>0</i4>")),
    "a number of 5,000 digits": with_value(f"<i4>{'9' * 5000}</i4>"),
    "a number that is none": with_value("<i4>1e5</i4>"),
    "not a number": with_value("<double>nan</double>"),
    "arrays in arrays": with_value(
        "<array><data><value>" * DEEP + "</value></data></array>" * DEEP
    ),
    "arrays without end": page(b"<a>" * DEEP),
    "structs in structs": with_value(
        "<struct><member><name>a</name><value>" * DEEP + "</value></member></struct>" * DEEP
    ),
    "a struct without names": with_value("<struct><member><value>1</value></member></struct>"),
    "an unknown type": with_value("<colour>red</colour>"),
    "half a character": with_value("<string>&#xD800;</string>"),
    "a NUL in a text": page(OK.replace(b"6.10.0", b"6\x0010")),
    "bytes that are no UTF-8": page(OK.replace(b"6.10.0", b"\xff\xfe\xfd")),
    "UTF-16 that is none": with_encoding("UTF-16"),
    "an unknown encoding": with_encoding("klingon"),
    "an encoding of Python's": with_encoding("base64_codec"),
    "a DOCTYPE": page(b'<!DOCTYPE a [<!ENTITY b "6.10.0">]>' + OK.partition(b"?>")[2]),
    "a billion laughs": page(
        b"<!DOCTYPE l [" + LAUGHS + b"]><methodResponse><params><param><value>&l11;"
    ),
    "an external entity": page(
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><methodResponse><params><param>'
        b"<value><array><data><value><boolean>1</boolean></value><value><string>&b;</string>"
        b"</value></data></array></value></param></params></methodResponse>"
    ),
    "a fault without members": page(b"<methodResponse><fault><value/></fault></methodResponse>"),
    "a fault of odd members": page(
        b"<methodResponse><fault><value><struct><member><name>self</name><value>1</value></member>"
        b"</struct></value></fault></methodResponse>"
    ),
    "a call instead of an answer": page(
        b"<methodCall><methodName>one.vm.action</methodName><params/></methodCall>"
    ),
    "no parameters": page(b"<methodResponse><params/></methodResponse>"),
    "a lone element": page(b"<value/>"),
    "17 MB of text": page(OK.replace(b"6.10.0", b"x" * (17 << 20))),
}


def play(reply: bytes) -> Callable[[socket.socket, int], None]:
    """Return a peer that plays *reply* and hangs up, once, and is healthy from then on."""

    def behave(connection: socket.socket, number: int) -> None:
        if number == 0:
            read_request(connection)
            connection.sendall(reply)
            connection.shutdown(socket.SHUT_WR)
        while read_request(connection):
            connection.sendall(page(OK))

    return behave


@pytest.mark.parametrize("name", ANSWERS)
def test_a_call(name: str) -> None:
    with serving(play(ANSWERS[name])) as port:
        server = Endpoint(f"http://127.0.0.1:{port}/RPC2", read_timeout=20, max_connections=1)
        breaker = Breaker(failures=1)
        client = Client(server, SESSION, breaker)
        with pytest.raises(errors.OneError) as caught:
            client.call("one.vm.action", "terminate", 7)
        assert not isinstance(caught.value, errors.InternalError)
        assert caught.value.sent, "the VM may be terminated"
        text = str(caught.value)
        assert text.startswith(f"one.vm.action at {server.url}: ")
        assert text.isprintable()
        assert "geheim" not in text
        assert len(text) < 1200
        if isinstance(caught.value, errors.Unreachable):
            breaker.record_answer()  # one failure is enough for this breaker
        assert client.call("one.system.version") == "6.10.0"
        client.close()


HEALTHY: dict[str, bytes] = {
    "chunks": CHUNKED + b"%x;a=b\r\n%b\r\n0\r\nX: y\r\n\r\n" % (len(OK), OK),
    "chunks with bare line feeds": CHUNKED + b"%X\n%b\n0\n\n" % (len(OK), OK),
    "until the end": HEAD + b"\r\n" + OK,
    "after a 100": b"HTTP/1.1 100 Continue\r\n\r\n" + page(OK),
    "HTTP/1.0": page(OK).replace(b"1.1", b"1.0", 1),
    "identity": page(OK, headers="Content-Encoding: identity\r\n"),
    "no reason phrase": page(OK, status="200"),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_an_answer_that_is_unusual_but_right(name: str) -> None:
    with serving(play(HEALTHY[name])) as port:
        client = Client(Endpoint(f"http://127.0.0.1:{port}/RPC2"), SESSION)
        assert client.call("one.system.version") == "6.10.0"
        assert client.call("one.system.version") == "6.10.0"
        client.close()


@pytest.mark.parametrize("bug", [KeyError("row"), RecursionError("deep"), MemoryError()])
def test_whatever_reading_an_answer_fails_with_is_typed(bug: Exception) -> None:
    def fail(pieces: Iterable[bytes]) -> None:
        assert b"".join(pieces) == b"6.10.0"
        raise bug

    with serving(play(page(OK))) as port:
        client = Client(Endpoint(f"http://127.0.0.1:{port}/RPC2"), SESSION)
        with pytest.raises(errors.ProtocolError, match=f"cannot be read .{type(bug).__name__}"):
            client.read(fail, "one.vmpool.info")
        assert client.call("one.system.version") == "6.10.0"
        client.close()


@pytest.mark.parametrize(
    "argument", [2**31, -(2**40), "half a \ud83d character"], ids=["large", "small", "half"]
)
def test_what_cannot_be_written_is_not_sent(argument: str | int) -> None:
    client = Client(Endpoint("http://127.0.0.1:1/RPC2"), SESSION)
    with pytest.raises(errors.ProtocolError, match="cannot be written as XML-RPC") as caught:
        client.call("one.vm.info", argument)
    assert not caught.value.sent
    assert "geheim" not in str(caught.value)
