"""Calls for one object: its id is answered, or the object itself, which must be the right one."""

from collections.abc import Callable
from typing import TypeVar

from one2one.opennebula.client import Caller
from one2one.opennebula.document import Document
from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.ids import read_id
from one2one.opennebula.xml import Element, parse_pieces, read_text

Value = TypeVar("Value")


def call_for_id(client: Caller, method: str, *arguments: str | int | bool) -> int:
    """Do a call that answers with an id.

    Raises ProtocolError if it answers with anything else, and the errors of a call.
    """
    answer = client.call(method, *arguments)
    number = read_id(str(answer))
    if number is None:
        cause = f"answered {answer!r} instead of an id"
        error = ProtocolError(cause, call=method, endpoint=client.url, sent=True)
        client.hide_password(error)
        raise error
    return number


def fetch(
    client: Caller,
    read: Callable[[Element], Value],
    tag: str,
    method: str,
    object_id: int,
    *,
    decrypt: bool = False,
) -> Value:
    """Return what *read* makes of one object; an id below 0 is the caller's own.

    Raises ProtocolError if the cloud answers with another object, and the errors of a call.
    """

    def parse(answer: Document) -> Value:
        element = parse_pieces(answer)
        number = read_id(read_text(element, "ID"))
        if element.tag != tag or number is None or (number != object_id and object_id >= 0):
            raise ProtocolError(f"answered with {element.tag} {number}, not {tag} {object_id}")
        return read(element)

    return client.read(parse, method, object_id, *([True] if decrypt else []))


def keep_element(element: Element) -> Element:
    """Return *element* as it is, for an object that has no record type."""
    return element
