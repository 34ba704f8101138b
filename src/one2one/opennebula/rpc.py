"""XML-RPC as OpenNebula speaks it: a call to bytes, and bytes to a result or a typed error.

A long answer is XML within XML, with an entity for every angle bracket. ``pieces`` reads it with
little more than bytes.replace, in a third of the standard parser's time and without a copy of the
whole. It does so only where the bytes have exactly the shape that oned gives them; whatever has
another goes to the standard parser, piece by piece or as a whole.

Pure: no connection is known here. An answer is an array: success, result or error text, error
code. Source: ``src/rm/Request.cc``; the codes and faults were measured on 5.10, 6.10 and 7.2.
"""

import re
import xmlrpc.client
from collections.abc import Iterator
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from one2one.opennebula import errors
from one2one.opennebula.errors import OneError, ProtocolError

Argument = str | int | bool
Body = bytes | bytearray

CODES: dict[int, type[OneError]] = {
    0x0100: errors.AuthenticationError,
    0x0200: errors.NotAuthorized,
    0x0400: errors.NotFound,
    0x0800: errors.WrongState,
    0x1000: errors.ProtocolError,
    0x2000: errors.Refused,
    0x4000: errors.Refused,
    0x8000: errors.Busy,
    0x10000: errors.Busy,
}
"""OpenNebula's ErrorCode, by what its receiver must do next."""

_NO_LEADER = tuple(
    (re.compile(words), sent)
    for words, sent in (
        (r"Cannot process request, (no leader found|oned cluster is |oned cluster in )", False),
        (r"libcurl failed .*([Cc]onnect to|resolve)", False),
        (r"libcurl failed |HTTP response code is |RPC call timed out and aborted", True),
        (r"(Error allocating a new .*\. )?Error inserting .* in DB\.", True),
    )
)
"""What an oned of an HA zone says while there is no leader, though its code is that of a refusal;
and whether the call may have had its effect all the same.

A candidate, one that replicates the log and a follower that knows no leader do nothing. A follower
sends calls that change anything on to the leader, and tells in the words of xmlrpc-c and libcurl
why no answer came; a leader that is deposed cannot write, but the next one may have its log.
Reading calls are answered all the time. Sources: ``Request::execute`` in ``src/rm/Request.cc``
(5.10, 6.10), ``RequestXRPC.cc`` and ``RequestGRPC.cc`` (7.2, 7.4); ``Client::call``, measured with
xmlrpc-c 1.33.14; ``LogDB::replicate``.
"""

_METHOD_NOT_FOUND = -506
_NOT_SENDABLE = "is not valid UTF-8"
"""What xmlrpc-c says instead of an answer with a character beyond U+FFFF: fault -500 from 5.10,
6.10 and 7.2 with xmlrpc-c 1.33.14."""
_BUFFER = 1 << 18
_PIECE = 1 << 17
_MOST_PARSED = 16 << 20
"""Bytes that the standard parser is given: what it makes of them may take ten times as many."""


def _compile_shape(pattern: bytes) -> re.Pattern[bytes]:
    """Return *pattern* with what XML takes for space: a regular expression's has more in it."""
    return re.compile(pattern.replace(b" ", rb"[ \t\r\n]*"))


_HEAD = _compile_shape(
    rb'<\?xml\x20version="1\.0"\x20encoding="UTF-8"\?> <methodResponse> <params> <param> <value>'
    rb" <array> <data> <value><boolean>1</boolean></value> <value><string>"
)
_TAIL = _compile_shape(
    rb"</string></value> (<value><i4>-?\d{1,9}</i4></value> )*"
    rb"</data> </array> </value> </param> </params> </methodResponse> "
)


def encode_call(method: str, session: str, arguments: tuple[Argument, ...]) -> bytes:
    """Return the body of a call. *session* is ``user:password`` or ``user:token``.

    Raises ProtocolError for what XML-RPC has no form of: a number beyond 32 bits, half a character.
    """
    try:
        return xmlrpc.client.dumps((session, *arguments), method).encode()
    except (OverflowError, UnicodeError) as error:
        cause = f"the call cannot be written as XML-RPC ({type(error).__name__}: {error})"
        raise ProtocolError(cause, remedy="Report it") from None


def decode_result(body: Body) -> str | int:
    """Return what a call answered, a text or a number; raises the typed error that it holds."""
    try:
        values = _parse_values(body)
    except xmlrpc.client.Fault as fault:
        cause = f"fault {fault.faultCode}: {fault.faultString}"
        if fault.faultCode == _METHOD_NOT_FOUND:
            raise errors.MethodNotFound(cause) from None
        if _NOT_SENDABLE in cause:
            raise errors.NotSendable(
                "its answer holds a character beyond U+FFFF, which its XML-RPC cannot send",
                sent=True,
            ) from None
        raise ProtocolError(cause, remedy="Report it") from None
    except (ExpatError, xmlrpc.client.Error, ValueError, TypeError, LookupError) as error:
        cause = f"not an XML-RPC answer ({error}): {_excerpt(body)}"
        raise ProtocolError(cause, sent=True) from None
    match values:
        case ([True, str() | int() as answer, *_],) if not isinstance(answer, bool):
            return answer
        case ([False, str() as cause, int() as code, *_],):
            raise _refusal(_drop_call_name(cause), code)
        case _:
            raise ProtocolError(f"not an OpenNebula answer: {_excerpt(body)}", sent=True)


def decode_in_pieces(body: Body) -> Iterator[bytes]:
    """Return the text that a call answered, in UTF-8, piece by piece; raises as ``result`` does.

    A ProtocolError may come with a later piece. The text is for an XML parser: characters that
    XML does not know are left for that to refuse.
    """
    head = _HEAD.match(body)
    end = body.find(b"<", head.end()) if head else -1
    if (
        head is None
        or not _TAIL.fullmatch(body, max(end, 0))
        or body.find(b">", head.end(), end) >= 0
    ):
        text = str(decode_result(body)).encode()
        return (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
    return _split_and_decode(body, head.end(), end)


def _split_and_decode(body: Body, start: int, end: int) -> Iterator[bytes]:
    """Yield what stands between, in pieces that end before an entity and so never within one."""
    while start < end:
        cut = _cut(body, start + _PIECE, end)
        yield _decode(bytes(body[start:cut]))
        start = cut


def _cut(body: Body, at: int, end: int) -> int:
    """Return where to cut at *at* or soon after: within no entity, character or line break."""
    most = min(at + _PIECE, end)
    found = body.find(b"&", min(at, end), most)
    if found >= 0 or most == end:
        return found if found >= 0 else end
    for cut in range(most, most - 4, -1):
        within_character = body[cut] & 0xC0 == 0x80
        if not within_character and body[cut - 1 : cut + 1] != b"\r\n":
            return cut
    return most  # no UTF-8: the parser will say so


def _decode(piece: bytes) -> bytes:
    """Return what *piece*, text without markup, stands for."""
    plain = piece.replace(b"&lt;", b"<").replace(b"&gt;", b">")
    if b"\r" not in plain:
        if b"&" not in plain:
            return plain
        if plain.count(b"&") == plain.count(b"&amp;"):
            return plain.replace(b"&amp;", b"&")
    texts: list[str] = []
    parser = ParserCreate("UTF-8")
    parser.CharacterDataHandler = texts.append
    try:
        parser.Parse(b"<string>%b</string>" % piece, True)
    except ExpatError as error:
        raise ProtocolError(f"not an XML-RPC answer ({error})") from None
    return "".join(texts).encode()


def _parse_values(body: Body) -> tuple[Any, ...]:
    """Return what ``xmlrpc.client.loads`` would: 5 times faster where the answer is one long text.

    Without a buffer expat delivers such a text in pieces of a few bytes each, because an answer
    of OpenNebula's is XML within XML, with an entity for every angle bracket.
    """
    if len(body) > _MOST_PARSED:
        raise ValueError(f"longer than {_MOST_PARSED >> 20} MB")
    unmarshaller = xmlrpc.client.Unmarshaller()
    unmarshaller.xml("", None)  # expat has decoded the text already
    parser = ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = _BUFFER
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = unmarshaller.start
    parser.CharacterDataHandler = unmarshaller.data
    parser.EndElementHandler = unmarshaller.end
    parser.Parse(body, True)
    return unmarshaller.close()


def _refuse_doctype(*_: object) -> None:
    raise ValueError("a DOCTYPE, which OpenNebula never sends")


def _excerpt(body: Body) -> str:
    return repr(body[:60].decode(errors="replace"))


def _refusal(cause: str, code: int) -> OneError:
    kind = CODES.get(code, errors.Refused)
    if kind is errors.Refused:
        for words, sent in _NO_LEADER:
            if words.match(cause):
                return errors.Busy(cause, sent=sent)
    return kind(cause)


def _drop_call_name(cause: str) -> str:
    """Drop the ``[one.vm.action]`` that oned puts first: our errors name the call themselves."""
    if cause.startswith("[one.") and "] " in cause:
        return cause.split("] ", 1)[1]
    return cause
