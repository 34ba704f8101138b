"""Reading XML from outside, which is hostile until shown otherwise."""

import io
from collections.abc import Iterator

from lxml import etree

from one2one.opennebula.errors import ProtocolError

Element = etree._Element  # noqa: SLF001 - lxml exports its element type under no other name

_EXCERPT = 60


def parse(document: str | bytes) -> Element:
    """Return the root element of *document*.

    Entities are not expanded, nothing is fetched, and libxml2's own limits (10 MB for one text
    node, 256 levels) stay on. Raises ProtocolError for anything that is not well-formed XML, or
    that carries a DOCTYPE, which OpenNebula never sends.
    """
    if isinstance(document, str):
        document = document.encode()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _not_xml(document, error) from None
    _refuse_doctype(root)
    return root


def each(document: str, tag: str) -> Iterator[Element]:
    """Yield the children of the root that are called *tag*, each one only until the next.

    For pools, whose tree as a whole would take ten times their text. Raises ProtocolError as
    ``parse`` does, though only where the fault is.
    """
    data = document.encode()
    parser = etree.iterparse(
        io.BytesIO(data), tag=tag, resolve_entities=False, no_network=True, load_dtd=False
    )
    try:
        for _, element in parser:
            parent = element.getparent()
            if parent is not None and parent.getparent() is None:
                _refuse_doctype(parent)
                yield element
                parent.remove(element)
    except etree.XMLSyntaxError as error:
        raise _not_xml(data, error) from None


def _not_xml(document: bytes, error: Exception) -> ProtocolError:
    excerpt = document[:_EXCERPT].decode(errors="replace")
    return ProtocolError(f"not XML ({error}): {excerpt!r}", remedy="")


def _refuse_doctype(root: Element) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise ProtocolError("XML with a DOCTYPE, which OpenNebula never sends", remedy="")


def text(element: Element, path: str, default: str = "") -> str:
    """Return the text at *path* below *element*, *default* where there is no such element."""
    return element.findtext(path) or default


def integer(element: Element, path: str, default: int | None = None) -> int:
    """Return the whole number at *path*, else *default*; without one, raise ProtocolError."""
    value = element.findtext(path)
    try:
        return int(value or "")
    except ValueError:
        if default is not None:
            return default
        raise ProtocolError(f"<{element.tag}> has no whole number at {path}: {value!r}") from None


def number(element: Element, path: str) -> float:
    """Return the number at *path*, 0 where there is none that is finite and not negative."""
    try:
        value = float(element.findtext(path) or 0)
    except ValueError:
        return 0.0
    return value if 0 <= value < float("inf") else 0.0
