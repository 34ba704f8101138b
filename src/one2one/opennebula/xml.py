"""Reading XML from outside, which is hostile until shown otherwise."""

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
        excerpt = document[:_EXCERPT].decode(errors="replace")
        raise ProtocolError(f"not XML ({error}): {excerpt!r}", remedy="") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise ProtocolError("XML with a DOCTYPE, which OpenNebula never sends", remedy="")
    return root


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
