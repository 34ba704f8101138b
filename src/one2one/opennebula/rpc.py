"""OpenNebula's XML-RPC: encodes a call, and decodes an answer to a result or a typed error.

A long answer is XML within XML, with an entity for every angle bracket. ``decode_document`` leaves
it to ``Document`` to decode it, mostly with bytes.replace: in a third of the standard parser's time
and without a copy of the whole. A short answer is matched by one pattern. This is done only if the
bytes have exactly the form that oned writes. The standard parser reads all others, as a whole; it
is imported then (``standard_rpc``).

This module makes no connection. An answer is an array: success, result or error text, error code.
Source: ``src/rm/Request.cc``; the codes and faults were measured on 5.10, 6.10 and 7.2.
"""

import re
from typing import Any

from one2one.opennebula import errors
from one2one.opennebula.clean import excerpt
from one2one.opennebula.document import Body, Document
from one2one.opennebula.errors import OneError, ProtocolError

Argument = str | int | bool

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
"""The typed error for each ErrorCode of OpenNebula."""

_PASSING = tuple(
    (re.compile(words), sent)
    for words, sent in (
        (r"Cannot process request, (no leader found|oned cluster is |oned cluster in )", False),
        (r"libcurl failed .*([Cc]onnect to|resolve)", False),
        (r"libcurl failed |HTTP response code is |RPC call timed out and aborted", True),
        (r"(Error allocating a new .*\. )?Error inserting .* in DB\.", True),
        (r"Internal error\.?$", False),
    )
)
"""The errors of an oned without a leader or database; True if the call may have had its effect.

Their code is that of a refusal. A candidate, an oned that replicates the log and a follower without
a leader do nothing. A follower passes calls that change anything to the leader; if no answer comes,
it gives the reason in the words of xmlrpc-c and libcurl. A leader that is deposed cannot write, but
the next leader may have its log. Calls that read are always answered, but a pool is an internal
error while the database fails. Sources: ``Request::execute`` in ``src/rm/Request.cc`` (5.10, 6.10),
``RequestXRPC.cc`` and ``RequestGRPC.cc`` (7.2, 7.4); ``Client::call``, measured with xmlrpc-c
1.33.14; ``LogDB::replicate``; ``RequestManagerPoolInfoFilter::dump``, from 7.0
``PoolSharedAPI::dump``.
"""

_LARGEST = 2**31
_CALL = (
    "<?xml version='1.0'?>\n<methodCall>\n<methodName>{method}</methodName>\n"
    "<params>\n{values}</params>\n</methodCall>\n"
)


def _compile_shape(pattern: bytes) -> re.Pattern[bytes]:
    """Compile *pattern*; a blank in it matches any amount of XML's white space."""
    return re.compile(pattern.replace(b" ", rb"[ \t\r\n]*"))


_HEAD = _compile_shape(
    rb'<\?xml\x20version="1\.0"\x20encoding="UTF-8"\?> <methodResponse> <params> <param> <value>'
    rb" <array> <data> <value><boolean>1</boolean></value> <value><string>"
)
_PLAIN = rb"[\t\n\x20-%'-;=?-~]*"
"""ASCII text that is the same in XML: without ``&``, angle brackets and control characters."""
_SHORT = _compile_shape(
    rb'<\?xml\x20version="1\.0"\x20encoding="UTF-8"\?> <methodResponse> <params> <param> <value>'
    rb" <array> <data> <value><boolean>([01])</boolean></value>"
    rb" <value>(?:<string>(%b)</string>|<i4>(-?\d{1,9})</i4>)</value>"
    rb" <value><i4>(-?\d{1,9})</i4></value> (?:<value><i4>-?\d{1,9}</i4></value> )*"
    rb"</data> </array> </value> </param> </params> </methodResponse> " % _PLAIN
)
_TAIL = _compile_shape(
    rb"</string></value> (<value><i4>-?\d{1,9}</i4></value> )*"
    rb"</data> </array> </value> </param> </params> </methodResponse> "
)


def encode_call(method: str, session: str, arguments: tuple[Argument, ...]) -> bytes:
    """Return the body of a call. *session* is ``user:password`` or ``user:token``.

    Raises ProtocolError for arguments that XML-RPC cannot carry: a number beyond 32 bits, half a
    character.
    """
    try:
        values = "".join(map(_encode_value, (session, *arguments)))
        return _CALL.format(method=method, values=values).encode()
    except (OverflowError, UnicodeError) as error:
        cause = f"the call cannot be written as XML-RPC ({type(error).__name__}: {error})"
        raise ProtocolError(cause, remedy="Report it") from None


def _encode_value(value: Argument) -> str:
    if isinstance(value, str):
        text = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        typed = f"<string>{text}</string>"
    elif isinstance(value, bool):
        typed = f"<boolean>{value:d}</boolean>"
    elif -_LARGEST <= value < _LARGEST:
        typed = f"<int>{value}</int>"
    else:
        raise OverflowError("a number beyond 32 bits")
    return f"<param>\n<value>{typed}</value>\n</param>\n"


def decode_result(body: Body) -> str | int:
    """Return the result in an answer, a text or a number; raises the typed error in it."""
    match _decode_values(body):
        case ([True, str() | int() as answer, *_],) if not isinstance(answer, bool):
            return answer
        case ([False, str() as cause, int() as code, *_],):
            raise refusal_error(_drop_call_name(cause), code)
        case _:
            raise ProtocolError(f"not an OpenNebula answer: {excerpt(body)}", sent=True)


def _decode_values(body: Body) -> tuple[Any, ...]:
    short = _SHORT.fullmatch(body)
    if short is None:
        from one2one.opennebula.standard_rpc import parse_values  # rare, and slow to import

        return parse_values(body)
    success, text, number, code = short.groups()
    result = int(number) if text is None else text.decode("ascii")
    return ([success == b"1", result, int(code)],)


def decode_document(body: Body) -> Document:
    """Return the resulting text, not decoded yet; raises as ``decode_result`` does."""
    head = _HEAD.match(body)
    end = body.find(b"<", head.end()) if head else -1
    if (
        head is None
        or not _TAIL.fullmatch(body, max(end, 0))
        or body.find(b">", head.end(), end) >= 0
    ):
        return Document(str(decode_result(body)).encode())
    return Document(body, head.end(), end, escaped=True)


def refusal_error(cause: str, code: int) -> OneError:
    """Return the typed error for a refusal, by its text without the call's name, and its code."""
    kind = CODES.get(code, errors.Refused)
    if kind is errors.Refused:
        for words, sent in _PASSING:
            if words.match(cause):
                return errors.Busy(cause, sent=sent)
    return kind(cause)


def _drop_call_name(cause: str) -> str:
    """Drop the ``[one.vm.action]`` that oned puts first: our errors name the call themselves."""
    if cause.startswith("[one.") and "] " in cause:
        return cause.split("] ", 1)[1]
    return cause
