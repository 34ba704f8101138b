"""Reads template text and XML as oned does, with its mistakes.

The product has another reader; the two check each other. The lexer follows
``template_parser.l`` (longest match; it skips text that no rule matches), the parser and its
errors follow ``template_syntax.y``, the XML rules ``Template::from_xml`` (all three are the same
from 5.4 to 7.4). Only 7.4 trims what was read: ``Template::trim_attributes``.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from one2one.opennebula.template import Template, Value, Vector
from one2one.opennebula.xml import Element
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal

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
_TRIMMED = " \f\n\r\t\v"


class Token(NamedTuple):
    """A token, its text, and its position as in oned's errors."""

    kind: str
    text: str
    place: str


def parse(source: str, *, trims: bool = False) -> Template:
    """Return the template in *source*: XML if it begins with ``<``, else text.

    With *trims* without the blanks and line breaks at both ends of its values. Raises Refusal
    where oned refuses the source.
    """
    if source.startswith("<"):
        template = parse_xml(source)
    else:
        template = Template(
            (_correct_name(name), value) for name, value in _Parser(source).read_attributes()
        )
    return Template((name, _trim(value)) for name, value in template) if trims else template


def _trim(value: Value) -> Value:
    if isinstance(value, str):
        return value.strip(_TRIMMED)
    return {member: text.strip(_TRIMMED) for member, text in value.items()}


def parse_xml(source: str) -> Template:
    """Return the template in *source*.

    oned reads only the first text node of an element, and skips an element without one. An
    empty CDATA section is a text node. oned loses a value that holds more than text.
    """
    try:
        root = etree.fromstring(source.encode(), etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError:
        raise Refusal(ErrorCode.INTERNAL, "Parse error: XML Template malformed.") from None
    template = Template()
    for child in root.iterchildren(tag=etree.Element):
        name = _correct_name(_local_name(child))
        if not len(child) and child.text is not None:
            template.add(name, child.text)
        elif members := list(child.iterchildren(etree.Element)):
            vector = {_local_name(one): one.text for one in members if one.text is not None}
            template.add(name, vector)
    return template


def _local_name(element: Element) -> str:
    return etree.QName(element).localname


def _correct_name(name: str) -> str:
    name = name.upper()
    return name if re.match(r"(?!XML)[A-Z_]", name) else f"ONE_{name}"


class _Parser:
    """A recursive-descent parser whose errors are those of yacc's parser."""

    def __init__(self, source: str) -> None:
        self._tokens = _read_tokens(source)
        self._token = next(self._tokens)

    def read_attributes(self) -> Iterator[tuple[str, Value]]:
        while self._token.kind != _END:
            name = self._take(_END, "VARIABLE").text
            if self._take("EQUAL", "EQUAL_EMPTY").kind == "EQUAL_EMPTY":
                yield name, ""
                continue
            value = self._take("OBRACKET", "CCDATA", "STRING")
            if value.kind == "CCDATA":
                raise Refusal(ErrorCode.INTERNAL, "Parse error.")
            yield name, self._read_vector() if value.kind == "OBRACKET" else _unescape(value)

    def _read_vector(self) -> Vector:
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
                ErrorCode.INTERNAL,
                f"Parse error: syntax error, unexpected {token.kind}, "
                f"expecting {' or '.join(expected)} at {token.place}",
            )
        if token.kind != _END:
            self._token = next(self._tokens)
        return token


def _read_tokens(source: str) -> Iterator[Token]:
    """Yield the tokens of *source*; repeat the last one for ever."""
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
