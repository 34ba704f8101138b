"""XML-RPC as OpenNebula speaks it: a call to bytes, and bytes to a result or a typed error.

Pure: no connection is known here. An answer is an array: success, result or error text, error
code. Source: ``src/rm/Request.cc``; the codes and faults were measured on 5.10, 6.10 and 7.2.
"""

import xmlrpc.client
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from one2one.opennebula import errors
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
"""OpenNebula's ErrorCode, by what its receiver must do next."""

_METHOD_NOT_FOUND = -506
_BUFFER = 1 << 18


def request(method: str, session: str, arguments: tuple[Argument, ...]) -> bytes:
    """Return the body of a call. *session* is ``user:password`` or ``user:token``."""
    return xmlrpc.client.dumps((session, *arguments), method).encode()


def result(body: bytes) -> str | int:
    """Return what a call answered, a text or a number; raises the typed error that it holds."""
    try:
        values = _values(body)
    except xmlrpc.client.Fault as fault:
        cause = f"fault {fault.faultCode}: {fault.faultString}"
        if fault.faultCode == _METHOD_NOT_FOUND:
            raise errors.MethodNotFound(cause) from None
        raise ProtocolError(cause, remedy="Report it") from None
    except (ExpatError, xmlrpc.client.Error, ValueError, TypeError, LookupError) as error:
        excerpt = body[:60].decode(errors="replace")
        raise ProtocolError(f"not an XML-RPC answer ({error}): {excerpt!r}") from None
    match values:
        case ([True, str() | int() as answer, *_],):
            return answer
        case ([False, str() as cause, int() as code, *_],):
            raise CODES.get(code, errors.Refused)(_without_call(cause))
        case _:
            raise ProtocolError(f"not an OpenNebula answer: {str(values)[:60]!r}")


def _values(body: bytes) -> tuple[Any, ...]:
    """Return what ``xmlrpc.client.loads`` would: 5 times faster where the answer is one long text.

    Without a buffer expat delivers such a text in pieces of a few bytes each, because an answer
    of OpenNebula's is XML within XML, with an entity for every angle bracket.
    """
    unmarshaller = xmlrpc.client.Unmarshaller()
    unmarshaller.xml("", None)  # expat has decoded the text already
    parser = ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = _BUFFER
    parser.StartElementHandler = unmarshaller.start
    parser.CharacterDataHandler = unmarshaller.data
    parser.EndElementHandler = unmarshaller.end
    parser.Parse(body, True)
    return unmarshaller.close()


def _without_call(cause: str) -> str:
    """Drop the ``[one.vm.action]`` that oned puts first: our errors name the call themselves."""
    if cause.startswith("[one.") and "] " in cause:
        return cause.split("] ", 1)[1]
    return cause
