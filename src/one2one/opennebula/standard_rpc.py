"""XML-RPC as Python's library reads it: for all that has not exactly the form that oned writes.

``opennebula.rpc`` imports this when such an answer comes. ``xmlrpc.client`` imports the modules for
HTTP, e-mail and TLS, which take a fifth of the time in which a script starts.
"""

import xmlrpc.client
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from one2one.opennebula.clean import excerpt
from one2one.opennebula.errors import MethodNotFound, NotSendable, ProtocolError

_METHOD_NOT_FOUND = -506
_NOT_SENDABLE = "is not valid UTF-8"
"""The error of xmlrpc-c in place of an answer with a character beyond U+FFFF: fault -500 from
5.10, 6.10 and 7.2 with xmlrpc-c 1.33.14."""
_BUFFER = 1 << 18
_MOST_PARSED = 16 << 20
"""Bytes for the standard parser at most: its result may need ten times as much memory."""


def parse_values(body: bytes | bytearray) -> tuple[Any, ...]:
    """Return the values in an answer; raises the typed error for a fault, or for no answer."""
    try:
        return _parse(body)
    except xmlrpc.client.Fault as fault:
        cause = f"fault {fault.faultCode}: {fault.faultString}"
        if fault.faultCode == _METHOD_NOT_FOUND:
            raise MethodNotFound(cause) from None
        if _NOT_SENDABLE in cause:
            raise NotSendable(
                "its answer holds a character beyond U+FFFF, which its XML-RPC cannot send",
                sent=True,
            ) from None
        raise ProtocolError(cause, remedy="Report it") from None
    except (
        ExpatError,
        xmlrpc.client.Error,
        ArithmeticError,
        ValueError,
        TypeError,
        LookupError,
    ) as error:
        cause = f"not an XML-RPC answer ({error}): {excerpt(body)}"
        raise ProtocolError(cause, sent=True) from None


def parse_text(piece: bytes) -> bytes:
    """Return the characters of *piece*, which is text without markup; raises ProtocolError."""
    texts: list[str] = []
    parser = ParserCreate("UTF-8")
    parser.CharacterDataHandler = texts.append
    try:
        parser.Parse(b"<string>%b</string>" % piece, True)
    except ExpatError as error:
        raise ProtocolError(f"not an XML-RPC answer ({error})") from None
    return "".join(texts).encode()


def _parse(body: bytes | bytearray) -> tuple[Any, ...]:
    """Return the same as ``xmlrpc.client.loads``, 5 times faster for one long text.

    Without a buffer expat delivers such a text in pieces of a few bytes each, because an answer
    of OpenNebula is XML within XML, with an entity for every angle bracket.
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
