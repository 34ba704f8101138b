"""Template text and XML, read as oned reads them, mistakes included.

This is a reader of its own, not the product's, so that each checks the other. The lexer follows
``template_parser.l`` (longest match; what no rule matches is skipped), the parser and its error
texts ``template_syntax.y``, and the XML rules ``Template::from_xml`` (the same from 5.4 to 7.4).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from one2one.opennebula.template import Template, Value, Vector
from one2one.opennebula.xml import Element
from opennebula_sandbox.cloud.refusal import Code, Refusal

Rule = tuple[str | None, re.Pattern[str]]

_OUTSIDE: tuple[Rule, ...] = (
    (None, re.compile(r"[ \t]*#[^\n]*\n")),
    (None, re.compile(r"[ \t\n]+")),
    ("VARIABLE", re.compile(r"[A-Za-z0-9_]+")),
    ("EQUAL", re.compile(r"[ \t]*=[ \t]*")),
    ("EQUAL_EMPTY", re.compile(r"[ \t]*=[ \t]*\n")),
    ("COMMA", re.compile(r"[ \t\n]*,[ \t\n]*")),
    ("CBRACKET", re.compile(r"[ \t\n]*\][ \t\n]*")),
)
_VALUE: tuple[Rule, ...] = (
    ("OBRACKET", re.compile(r"[ \t]*\[[ \t\n]*")),
    ("CCDATA", re.compile(r"[^\n]*\]\]>[^\n]*")),
    ("STRING", re.compile(r'"((?:\\"|[^"])*)"')),
    ("STRING", re.compile(r"[^=#\s,\[\]]+")),
)
_END = "$end"


class Token(NamedTuple):
    """A token, its text, and where it stands as oned's errors say it."""

    kind: str
    text: str
    place: str


def parse(source: str) -> Template:
    """Return the template in *source*, which is XML if it begins with ``<``, else text.

    Raises Refusal where oned does.
    """
    if source.startswith("<"):
        return parse_xml(source)
    return Template((_top_name(name), value) for name, value in _Parser(source).attributes())


def parse_xml(source: str) -> Template:
    """Return the template in *source*.

    Only first text nodes count, and elements without one do not; an empty CDATA section is one.
    A value with anything but text in it is lost.
    """
    try:
        root = etree.fromstring(source.encode(), etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError:
        raise Refusal(Code.INTERNAL, "Parse error: XML Template malformed.") from None
    template = Template()
    for child in root.iterchildren(tag=etree.Element):
        name = _top_name(_local(child))
        if not len(child) and child.text is not None:
            template.add(name, child.text)
        elif members := list(child.iterchildren(etree.Element)):
            vector = {_local(one): one.text for one in members if one.text is not None}
            template.add(name, vector)
    return template


def _local(element: Element) -> str:
    return etree.QName(element).localname


def _top_name(name: str) -> str:
    name = name.upper()
    return name if re.match(r"(?!XML)[A-Z_]", name) else f"ONE_{name}"


class _Parser:
    """A recursive-descent parser that expects what yacc's would."""

    def __init__(self, source: str) -> None:
        self._tokens = _tokens(source)
        self._token = next(self._tokens)

    def attributes(self) -> Iterator[tuple[str, Value]]:
        while self._token.kind != _END:
            name = self._take(_END, "VARIABLE").text
            if self._take("EQUAL", "EQUAL_EMPTY").kind == "EQUAL_EMPTY":
                yield name, ""
                continue
            value = self._take("OBRACKET", "CCDATA", "STRING")
            if value.kind == "CCDATA":
                raise Refusal(Code.INTERNAL, "Parse error.")
            yield name, self._vector() if value.kind == "OBRACKET" else _unescape(value)

    def _vector(self) -> Vector:
        members: Vector = {}
        token = self._take("CBRACKET", "VARIABLE")
        while token.kind != "CBRACKET":
            self._take("EQUAL")
            members.setdefault(token.text.upper(), _unescape(self._take("STRING")))
            token = self._take("COMMA", "CBRACKET")
            if token.kind == "COMMA":
                token = self._take("VARIABLE")
        return members

    def _take(self, *expected: str) -> Token:
        token = self._token
        if token.kind not in expected:
            raise Refusal(
                Code.INTERNAL,
                f"Parse error: syntax error, unexpected {token.kind}, "
                f"expecting {' or '.join(expected)} at {token.place}",
            )
        if token.kind != _END:
            self._token = next(self._tokens)
        return token


def _tokens(source: str) -> Iterator[Token]:
    """Yield the tokens of *source*, the last one again and again."""
    at, line, column, rules, place = 0, 0, 1, _OUTSIDE, ""
    while at < len(source):
        matches = [(kind, match) for kind, rule in rules if (match := rule.match(source, at))]
        if not matches:
            at += 1
            continue
        kind, match = max(matches, key=lambda item: item[1].end())
        at = match.end()
        line += match[0].count("\n")
        width = len(match[0].encode())
        place = f"line {line}, columns {column}:{column + width}"
        column += width
        if kind is None:
            continue
        rules = _VALUE if kind == "EQUAL" else _OUTSIDE
        yield Token(kind, match[match.lastindex or 0], place)
    while True:
        yield Token(_END, "", place)


def _unescape(token: Token) -> str:
    return token.text.replace('\\"', '"')
