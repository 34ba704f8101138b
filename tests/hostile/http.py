"""HTTP/1.1 answers, from RFC 9112 alone: their status line, headers and framing, right and odd."""

from dataclasses import dataclass, field, replace

from tests.hostile.chance import Chance, encode, words

_STATUSES = words("200 200 204 302 401 429 500 503 100 99 -1 2e2 0200 2000")
_VERSIONS = words("HTTP/1.1 HTTP/1.0 HTTP/0.9 HTTP/2 http/1.1 HTTP/1.1.1 ICY HTTP/")
_LENGTHS = ["", " ", *words("-1 +5 0 007 5,5 1e3 0x10 99999999999999 ٣ 1.0"), "9" * 5000]
_SIZES = ["", " 5", "5 ", *words("-5 -1 +5 0x5 ffffffffffffffff 7fffffff g 5;a=b"), "0" * 9000]
_ODD_HEADERS = [b"X: " + b"a" * 70_000]
_ODD_HEADERS += """\
Connection: close
Connection: keep-alive
Connection: \xff
Content-Encoding: gzip
Content-Encoding: identity
Content-Length: 7
Content-Type: text/xml; charset=utf-16
Date: Thu, 01 Jan 1970 00:00:00 GMT
Date: Tue, 99 Foo 99999999999
Date: \x1b[2J
Keep-Alive: timeout=0
Location: http://127.0.0.1:1/
Set-Cookie: a
Transfer-Encoding: gzip, chunked
Transfer-Encoding: identity
Upgrade: h2c
X\0: nul
X: \r y
\xff\xfe: \xff
Name : space
 folded
: no name
no colon

""".encode("latin-1").split(b"\n")


@dataclass(frozen=True)
class _Message:
    status: bytes = b"HTTP/1.1 200 OK"
    headers: list[bytes] = field(default_factory=lambda: [b"Content-Type: text/xml; charset=utf-8"])
    framing: bytes = b""
    """The header that tells where the body ends, if there is one."""
    body: bytes = b""

    def write(self) -> bytes:
        framing = [self.framing] if self.framing else []
        return b"\r\n".join([self.status, *self.headers, *framing, b"", self.body])


def right_message(body: bytes) -> bytes:
    """Return what carries *body* as it should."""
    return _with_length(body).write()


def odd_message(chance: Chance, body: bytes) -> bytes:
    """Return what carries it otherwise, or not."""
    message = _with_length(body)
    for _ in range(chance.choice((0, 1, 1, 2))):
        message = chance.choice(_ODDITIES)(chance, message)
    return message.write()


def _with_length(body: bytes) -> _Message:
    return _Message(framing=b"Content-Length: %d" % len(body), body=body)


def _odd_status(chance: Chance, message: _Message) -> _Message:
    reason = chance.choice(("OK", "", chance.text(), chance.text(), "x" * 70_000))
    line = f"{chance.choice(_VERSIONS)} {chance.choice(_STATUSES)} {reason}"
    return replace(
        message, status=encode(line) if chance.hit(0.8) else chance.mutate(message.status)
    )


def _odd_headers(chance: Chance, message: _Message) -> _Message:
    headers = [*message.headers, *chance.some(_ODD_HEADERS, 3)]
    if chance.hit(0.1):
        headers += [b"X-Many: y"] * 200
    chance.shuffle(headers)
    return replace(message, headers=headers)


def _odd_length(chance: Chance, message: _Message) -> _Message:
    lengths = (*_LENGTHS, f"{len(message.body) + chance.randint(-9, 9)}")
    return replace(message, framing=b"Content-Length: " + encode(chance.choice(lengths)))


def _in_chunks(chance: Chance, message: _Message) -> _Message:
    body, size = message.body, chance.choice((1 << 16, 1000, max(1, len(message.body) // 20)))
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    lines = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
    lines.append(chance.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0\r\n", b"")))
    if chance.hit(0.7):
        wrong = encode(chance.choice(_SIZES)) + b"\r\n" + chance.choice((b"", body[:99] + b"\r\n"))
        lines.insert(chance.randint(0, len(lines)), wrong)
    return replace(message, framing=b"Transfer-Encoding: chunked", body=b"".join(lines))


_ODDITIES = (_odd_status, _odd_headers, _odd_length, _in_chunks)
