"""Reading XML from outside, which is hostile until shown otherwise."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, cast

from lxml import etree

from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.ids import MAX_ID

Element = etree._Element  # noqa: SLF001 - lxml exports its element type under no other name

_MOST_ROWS = 1 << 18
"""Objects of a pool. With the next two it bounds what is made of an answer, whatever its bytes."""
_MOST_OF_OBJECT = 16 << 20
"""Bytes."""
_MOST_TAGS = 1 << 20
"""Of one object: libxml2 takes 120 bytes and more for an element, however short."""

_SAFE: Any = {
    "encoding": "utf-8",  # whatever the document says
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
}
_DOCTYPE = re.compile(rb"(?>\s*(?:<\?.*?\?>|<!--.*?-->))*+\s*<!DOCTYPE", re.DOTALL)
_EXCERPT = 60
_MOST_DIGITS = 20
_LARGEST = 2.0**53
_OPENING = re.compile(rb"<([A-Z_]+)>")
"""The root's start, as OpenNebula writes it: first of all, and without attributes."""


def parse(document: str | bytes) -> Element:
    """Return the root element of *document*.

    Entities are not expanded, nothing is fetched, and libxml2's own limits (10 MB for one text
    node, 256 levels) stay on. Raises ProtocolError for anything that is not well-formed XML, or
    that carries a DOCTYPE, which OpenNebula never sends.
    """
    try:
        data = document.encode() if isinstance(document, str) else document
        # What is shorter than that many bytes has no more tags: rows are not searched for them.
        _check_size(len(data), data.count(b"<") if len(data) > _MOST_TAGS else 0)
        if _DOCTYPE.match(data):
            raise _doctype()
        root = etree.fromstring(data, etree.XMLParser(**_SAFE))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _not_xml(document, error) from None
    return _check_root(root)


def parse_pieces(pieces: Iterable[bytes]) -> Element:
    """Return the root element of a document in pieces, as ``parse`` does."""
    document = bytearray()
    for piece in pieces:
        document += piece
        _check_size(len(document), 0)
    return parse(bytes(document))


def parse_pool(document: Iterable[bytes], tag: str) -> Iterator[Element]:
    """Yield the children of the root that are called *tag*, each one only until the next.

    For pools, in pieces: their tree as a whole would take ten times their text. Each piece is cut
    behind its last row and parsed by itself, which takes two thirds of the time that one parser
    takes that is fed with all. That one reads on from where no row ends, or where what looked
    like its end was none, so that the piece is not well-formed. Raises ProtocolError as ``parse``
    does, though only where the fault is.
    """
    for number, element in enumerate(_rows(document, tag)):
        if number == _MOST_ROWS:
            raise ProtocolError(f"more than {_MOST_ROWS} objects in a pool", remedy="")
        yield element


def _rows(document: Iterable[bytes], tag: str) -> Iterator[Element]:
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
        rows, found, rest = (rest + piece).rpartition(end)
        try:
            whole = parse(opening + rows + found + closing) if found else None
        except ProtocolError:
            whole = None
        if whole is None:
            yield from _feed(chain([opening, rows, found, rest], pieces), tag)
            return
        yield from whole.iterchildren(tag)
    yield from parse(opening + rest).iterchildren(tag)


def _feed(document: Iterable[bytes], tag: str) -> Iterator[Element]:
    """Yield the same, from one parser that is fed the pieces as they are."""
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
                    raise _doctype()
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
        raise _not_xml(first, error) from None


def _drop_before(element: Element, root: Element) -> None:
    """Remove what stands before *element*.

    It stays itself until the next one has come. The parser may still be at the text behind it, and
    libxml2 would write that into freed memory.
    """
    while (before := element.getprevious()) is not None:
        root.remove(before)


def _check_root(element: Element) -> Element:
    """Return the root of the document that *element* is in, which must have no DOCTYPE."""
    tree = element.getroottree()
    dtd: etree.DTD | None = tree.docinfo.internalDTD
    if dtd:
        raise _doctype()
    return tree.getroot()


def _doctype() -> ProtocolError:
    return ProtocolError("XML with a DOCTYPE, which OpenNebula never sends", remedy="")


def _check_size(size: int, tags: int) -> None:
    if size > _MOST_OF_OBJECT or tags > _MOST_TAGS:
        limits = f"{_MOST_OF_OBJECT >> 20} MB or {_MOST_TAGS} tags"
        raise ProtocolError(f"an object with more than {limits}", remedy="")


def _not_xml(document: str | bytes, error: Exception) -> ProtocolError:
    start = document[:_EXCERPT]
    excerpt = start.decode(errors="replace") if isinstance(start, bytes) else start
    return ProtocolError(f"not XML ({error}): {excerpt!r}", remedy="")


def read_text(element: Element, path: str, default: str = "") -> str:
    """Return the text at *path* below *element*, *default* where there is no such element."""
    return element.findtext(path) or default


def index_children(element: Element | None) -> dict[str, Element]:
    """Return the last child of each tag: for rows, where a search for each one takes longer."""
    return {} if element is None else {child.tag: child for child in element}


def text_of(element: Element | None) -> str:
    """Return the text in *element*, which need not be there."""
    return "" if element is None else element.text or ""


def read_integer(
    element: Element, path: str, default: int | None = None, *, most: int = MAX_ID
) -> int:
    """Return the whole number at *path*, at most *most* and at least as much below 0.

    Returns *default* where there is nothing; raises ProtocolError for anything else.
    """
    return integer_of(element.find(path), element.tag, path, default, most=most)


def integer_of(
    element: Element | None, tag: str, path: str, default: int | None = None, *, most: int = MAX_ID
) -> int:
    """Return the same of *element*, which is at *path* below one that is called *tag*."""
    value = text_of(element)
    if not value and default is not None:
        return default
    try:
        number = int(value[:_MOST_DIGITS])
    except ValueError:
        number = most + 1
    if -most <= number <= most and len(value) <= _MOST_DIGITS:
        return number
    raise ProtocolError(f"<{tag}> has no whole number at {path}: {value[:_EXCERPT]!r}", remedy="")


def read_number(element: Element, path: str) -> float:
    """Return the number at *path*, 0 where there is none from 0 to 2⁵³."""
    return number_of(element.find(path))


def number_of(element: Element | None) -> float:
    """Return the number in *element*, 0 where there is none from 0 to 2⁵³."""
    try:
        found = float(text_of(element) or 0)
    except ValueError:
        return 0.0
    return found if 0 <= found < _LARGEST else 0.0
