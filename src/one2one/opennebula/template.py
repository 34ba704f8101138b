r"""OpenNebula templates: attributes with a value or a vector of values, as text and as XML.

A template is an ordered list of attributes; a name may occur more than once. The text grammar
is that of ``template_parser.l`` (the same from 5.4 to 7.4): in quotes only ``\"`` is an escape,
and any other backslash is literal. So text cannot carry some values. XML can carry any value
(but see ``check_value``): use it where OpenNebula accepts both.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from lxml import etree

from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.xml import Element

Vector = dict[str, str]
Value = str | Vector

_NAME = re.compile(r"([A-Za-z0-9_]+)[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:\\"|[^"])*)"')
_PLAIN = re.compile(r"[^=#\s,\[\]\"]+")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_LETTER = re.compile(r"[A-Za-z_]")
_UNSAFE = re.compile("[\0-\x08\v\f\x0e-\x1f\ud800-\udfff\ufffe\uffff\U00010000-\U0010ffff]")


class Template:
    """An ordered list of ``(name, value)`` attributes; names are upper case."""

    def __init__(self, attributes: Iterable[tuple[str, Value]] = ()) -> None:
        self._attributes = [(name.upper(), value) for name, value in attributes]

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and self._attributes == other._attributes

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Return the names only, because values may be secrets."""
        return f"<Template {' '.join(name for name, _ in self._attributes)}>"

    def add(self, name: str, value: Value) -> None:
        """Append an attribute; others of the same name stay."""
        self._attributes.append((name.upper(), value))

    def text(self, name: str, default: str = "") -> str:
        """Return the first plain value called *name*, *default* if there is none."""
        for key, value in self._attributes:
            if key == name and isinstance(value, str):
                return value
        return default

    def vectors(self, name: str) -> list[Vector]:
        """Return every vector called *name*."""
        return [v for key, v in self._attributes if key == name and isinstance(v, dict)]

    def vector(self, name: str) -> Vector:
        """Return the first vector called *name*, an empty one if there is none."""
        return next(iter(self.vectors(name)), {})


def check_value(name: str, value: str) -> None:
    """Raise ValueError, naming the attribute, when OpenNebula cannot store *value*.

    ``]]>`` aborts its parser, ``@^_^@`` is its own separator of vector values, and XML cannot
    write most control characters (measured on 5.10, 6.10 and 7.2). oned stores a character
    beyond U+FFFF, but after that every call that shows the object fails: oned's xmlrpc-c takes
    the character for broken UTF-8 (measured on 6.10).
    """
    for forbidden in ("]]>", "@^_^@"):
        if forbidden in value:
            raise ValueError(f"{name} contains {forbidden}, which OpenNebula cannot store")
    if match := _UNSAFE.search(value):
        raise ValueError(f"{name} contains U+{ord(match[0]):04X}, which OpenNebula cannot store")


def from_xml(element: Element) -> Template:
    """Return the template in *element* (``<TEMPLATE>``, ``<USER_TEMPLATE>``, …)."""
    template = Template()
    for child in element.iterchildren(etree.Element):
        members: Vector = {}
        if len(child):
            members = {
                member.tag: member.text or "" for member in child.iterchildren(etree.Element)
            }
        template.add(child.tag, members or child.text or "")
    return template


def to_xml(template: Template, root: str = "TEMPLATE") -> str:
    """Return *template* as XML, for calls that take a template.

    OpenNebula reads only the first text node of a value, and ignores an element without one. So
    an empty value is an empty CDATA section. An empty vector removes an attribute where
    templates are merged (``Update.MERGE``): use it only there. Raises ValueError for a value
    that OpenNebula cannot store.
    """
    top = etree.Element(root)
    for name, value in template:
        child = etree.SubElement(top, name)
        if isinstance(value, str):
            _set_text(child, name, value)
            continue
        for member, text in value.items():
            _set_text(etree.SubElement(child, member), f"{name}/{member}", text)
        if not value:
            etree.SubElement(child, "EMPTY")
    return etree.tostring(top).decode("ascii")


def _set_text(element: Element, name: str, value: str) -> None:
    check_value(name, value)
    element.text = value or etree.CDATA("")


def to_text(attributes: Mapping[str, Value] | Template) -> str:
    """Return attributes in OpenNebula's text syntax, one on each line.

    Raises ValueError for a value that the syntax cannot write: one that ends in a backslash, or
    that contains a backslash before a quote.
    """
    pairs = attributes.items() if isinstance(attributes, Mapping) else attributes
    return "\n".join(f"{name} = {_write(name, value)}" for name, value in pairs)


def _write(name: str, value: Value) -> str:
    if isinstance(value, str):
        return _quote(name, value)
    inner = ", ".join(f"{key} = {_quote(f'{name}/{key}', v)}" for key, v in value.items())
    return f"[ {inner} ]" if inner else "[ ]"


def _quote(name: str, value: str) -> str:
    check_value(name, value)
    if value.endswith("\\") or '\\"' in value:
        raise ValueError(f"{name} has a backslash before a quote, which template text cannot carry")
    return '"' + value.replace('"', '\\"') + '"'


def parse_text(source: str) -> Template:
    """Return the template in *source*; raises ProtocolError for other text."""
    return Template(_Reader(source).read_attributes())


class _Reader:
    """A cursor over template text."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0

    def read_attributes(self) -> Iterator[tuple[str, Value]]:
        self._skip_space()
        while self._at < len(self._source):
            name = self._read_name()
            if not _LETTER.match(name) or name.startswith("XML"):
                name = f"ONE_{name}"
            yield name, self._read_value()
            self._skip_space()

    def _read_value(self) -> Value:
        if self._peek() == "[":
            return self._read_vector()
        if self._peek() in ("\n", "\r", ""):
            return ""
        return self._read_string()

    def _read_vector(self) -> Vector:
        self._expect("[")
        members: Vector = {}
        self._skip_space()
        if self._peek() == "]":
            self._at += 1
            return members
        while True:
            self._skip_space()
            name = self._read_name()
            members.setdefault(name, self._read_string())
            self._skip_space()
            if self._peek() == "]":
                self._at += 1
                return members
            self._expect(",")

    def _read_name(self) -> str:
        match = _NAME.match(self._source, self._at)
        if match is None:
            raise self._syntax_error("expecting an attribute name and '='")
        self._at = match.end()
        return match[1].upper()

    def _read_string(self) -> str:
        if quoted := _QUOTED.match(self._source, self._at):
            self._at = quoted.end()
            return quoted[1].replace('\\"', '"')
        if plain := _PLAIN.match(self._source, self._at):
            self._at = plain.end()
            return plain[0]
        raise self._syntax_error("expecting a value")

    def _skip_space(self) -> None:
        match = _SPACE.match(self._source, self._at)
        self._at = match.end() if match else self._at

    def _peek(self) -> str:
        return self._source[self._at : self._at + 1]

    def _expect(self, character: str) -> None:
        if self._peek() != character:
            raise self._syntax_error(f"expecting {character!r}")
        self._at += 1

    def _syntax_error(self, expectation: str) -> ProtocolError:
        line = self._source.count("\n", 0, self._at) + 1
        return ProtocolError(f"template text, line {line}: {expectation}", remedy="")
