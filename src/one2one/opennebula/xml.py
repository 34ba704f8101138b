"""Reads XML from outside, which may be hostile."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, cast

from lxml import etree

from one2one.opennebula.errors import ProtocolError, TooLong
from one2one.opennebula.ids import MAX_ID
from one2one.opennebula.numbers import parse_number, parse_whole

Element = etree._Element  # noqa: SLF001 - lxml exports its element type under no other name

MOST_ROWS = 1 << 18
"""Objects of a pool. With the next two limits it bounds the memory for any answer."""
_MOST_OF_OBJECT = 16 << 20
"""Bytes."""
_MOST_TAGS = 1 << 20
"""Of one object: libxml2 needs 120 bytes or more for each element, even a short one."""

_SAFE: Any = {
    "encoding": "utf-8",  # even if the document names another
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
}
_DOCTYPE = re.compile(rb"(?>\s*(?:<\?.*?\?>|<!--.*?-->))*+\s*<!DOCTYPE", re.DOTALL)
_EXCERPT = 60
_LARGEST = 2.0**53
_OPENING = re.compile(rb"<([A-Z_]+)>")
"""The root's start tag as OpenNebula writes it: at the beginning, without attributes."""


def parse(document: str | bytes) -> Element:
    """Return the root element of *document*.

    Entities are not expanded, nothing is fetched, and libxml2's own limits (10 MB for one text
    node, 256 levels) stay on. Raises ProtocolError for XML that is not well-formed, or that has
    a DOCTYPE, which OpenNebula never sends.
    """
    try:
        data = document.encode() if isinstance(document, str) else document
        # A document cannot have more tags than bytes: short rows need no count.
        _check_size(len(data), data.count(b"<") if len(data) > _MOST_TAGS else 0)
        if _DOCTYPE.match(data):
            raise _doctype_error()
        root = etree.fromstring(data, etree.XMLParser(**_SAFE))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _not_xml_error(document, error) from None
    return _check_root(root)


def parse_pieces(pieces: Iterable[bytes]) -> Element:
    """Return the root element of a document in pieces, as ``parse`` does."""
    document = bytearray()
    for piece in pieces:
        document += piece
        _check_size(len(document), 0)
    return parse(bytes(document))


def parse_pool(document: Iterable[bytes], tag: str) -> Iterator[Element]:
    """Yield the children of the root with the tag *tag*; each is valid only until the next.

    This is for pools, in pieces: the tree of a whole pool would need ten times the memory of its
    text. Each piece is cut after its last row and parsed alone. This takes two thirds of the time
    of one parser that is fed with all pieces. Such a parser reads the rest when a piece has no
    end of a row, or is not well-formed because its apparent end was not one. Raises
    ProtocolError as ``parse`` does, but only when it comes to the fault.
    """
    for number, element in enumerate(_iterate_rows(document, tag)):
        if number == MOST_ROWS:
            raise TooLong(f"more than {MOST_ROWS} objects in a pool", remedy="")
        yield element


def _iterate_rows(document: Iterable[bytes], tag: str) -> Iterator[Element]:
    pieces = iter(document)
    rest = next(pieces, b"")
    head = _OPENING.match(rest)
    if head is None:
        yield from _feed(chain([rest], pieces), tag)
        return
    opening, end = head[0], b"</%b>" % tag.encode()
    closing = b"</%b>" % head[1]
    rest = rest[head.end() :]
    for piece in pieces:
        rows, last_end, rest = (rest + piece).rpartition(end)
        try:
            whole = parse(opening + rows + last_end + closing) if last_end else None
        except ProtocolError:
            whole = None
        if whole is None:
            yield from _feed(chain([opening, rows, last_end, rest], pieces), tag)
            return
        yield from whole.iterchildren(tag)
    yield from parse(opening + rest).iterchildren(tag)


def _feed(document: Iterable[bytes], tag: str) -> Iterator[Element]:
    """Yield the same, with one parser that is fed with all pieces."""
    parser = etree.XMLPullParser(("end",), tag=tag, **_SAFE)
    events = cast(Iterator[tuple[str, Element]], parser.read_events())
    root: Element | None = None
    first, held, tags = b"", 0, 0
    try:
        for piece in chain(document, (None,)):
            if piece is None:
                parser.close()
            else:
                if not first and _DOCTYPE.match(piece):
                    raise _doctype_error()
                first = first or piece
                held, tags = held + len(piece), tags + piece.count(b"<")
                _check_size(held, tags)
                parser.feed(piece)
            for _, element in events:
                if root is None:
                    root = _check_root(element)
                if element.getparent() is root:
                    yield element
                    _drop_before(element, root)
                    held = tags = 0
    except etree.XMLSyntaxError as error:
        raise _not_xml_error(first, error) from None


def _drop_before(element: Element, root: Element) -> None:
    """Remove all elements before *element*.

    *element* itself stays until the next one has come. The parser may still read the text after
    it, and libxml2 would write that text into freed memory.
    """
    while (before := element.getprevious()) is not None:
        root.remove(before)


def _check_root(element: Element) -> Element:
    """Return the root of *element*'s document; raises ProtocolError if it has a DOCTYPE."""
    tree = element.getroottree()
    dtd: etree.DTD | None = tree.docinfo.internalDTD
    if dtd:
        raise _doctype_error()
    return tree.getroot()


def _doctype_error() -> ProtocolError:
    return ProtocolError("XML with a DOCTYPE, which OpenNebula never sends", remedy="")


def _check_size(size: int, tags: int) -> None:
    if size > _MOST_OF_OBJECT or tags > _MOST_TAGS:
        limits = f"{_MOST_OF_OBJECT >> 20} MB or {_MOST_TAGS} tags"
        raise ProtocolError(f"an object with more than {limits}", remedy="")


def _not_xml_error(document: str | bytes, error: Exception) -> ProtocolError:
    start = document[:_EXCERPT]
    excerpt = start.decode(errors="replace") if isinstance(start, bytes) else start
    return ProtocolError(f"not XML ({error}): {excerpt!r}", remedy="")


def read_text(element: Element, path: str, default: str = "") -> str:
    """Return the text at *path* below *element*, *default* if there is no such element."""
    return element.findtext(path) or default


def index_children(element: Element | None) -> dict[str, Element]:
    """Return the last child of each tag. For rows this is faster than a search for each child."""
    return {} if element is None else {child.tag: child for child in element}


def read_texts(element: Element) -> dict[str, str]:
    """Return the text in each child by its tag, the first one where a tag occurs again.

    Children with elements of their own are left out.
    """
    children = element.iterchildren(etree.Element, reversed=True)
    return {child.tag: child.text or "" for child in children if not len(child)}


def text_of(element: Element | None) -> str:
    """Return the text in *element*, an empty one for None."""
    return "" if element is None else element.text or ""


def read_integer(
    element: Element, path: str, default: int | None = None, *, most: int = MAX_ID
) -> int:
    """Return the whole number at *path*, from −*most* to *most*.

    Returns *default* if there is no text; raises ProtocolError for any other text.
    """
    return integer_of(element.find(path), element.tag, path, default, most=most)


def integer_of(
    element: Element | None, tag: str, path: str, default: int | None = None, *, most: int = MAX_ID
) -> int:
    """Return the whole number in *element*; errors name it as *path* below *tag*."""
    value = text_of(element)
    if not value and default is not None:
        return default
    number = parse_whole(value)
    if number is not None and -most <= number <= most:
        return number
    raise ProtocolError(f"<{tag}> has no whole number at {path}: {value[:_EXCERPT]!r}", remedy="")


def read_number(element: Element, path: str) -> float:
    """Return the number at *path*, 0 for any text that is not a number from 0 to 2⁵³."""
    return number_of(element.find(path))


def number_of(element: Element | None) -> float:
    """Return the number in *element*, 0 for any text that is not a number from 0 to 2⁵³."""
    number = parse_number(text_of(element)) or 0.0
    return number if 0 <= number < _LARGEST else 0.0
