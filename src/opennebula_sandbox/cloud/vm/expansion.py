"""Expands the variables in context values as oned does; no character escapes a ``$``.

oned joins all members of CONTEXT with ``@^_^@`` and parses this one string. A variable is
``$NAME``, ``$NAME[MEMBER]`` or ``$NAME[MEMBER, KEY="value"]``; the lexer reads the character
after it and puts it back. oned does not expand values again, and removes unknown variables. Source:
``vm_var_parser.l``, ``vm_var_syntax.y``, ``VirtualMachineContext.cc`` (the same from 5.4 to 7.4).
"""

import re
from collections.abc import Generator, Iterator
from typing import Protocol

from one2one.opennebula.template import Vector
from opennebula_sandbox.cloud.refusal import Refusal, not_allocated_error

_SEPARATOR = "@^_^@"
_PLAIN = re.compile(r"(?:[^$\\]|\\\$|\\[^$])+")
_VARIABLE = (
    ("EQUAL", re.compile(r"[ \t]*=[ \t]*")),
    ("COMMA", re.compile(r"[ \t]*,[ \t]*")),
    ("OBRACKET", re.compile(r"\[[ \t]*")),
    ("CBRACKET", re.compile(r"[ \t]*\]")),
    ("VARIABLE", re.compile(r"[A-Za-z0-9_]+")),
    ("EOA", re.compile(r".")),
)
_VALUE = re.compile(r'"([^"]*)"|([A-Za-z0-9]+)')
_END = ("$end", "")

Token = tuple[str, str]


class Variables(Protocol):
    """The values of variables."""

    def read_attribute(self, name: str) -> str:
        """Return the value of ``$NAME``."""

    def read_member(self, name: str, member: str, key: str, value: str) -> str:
        """Return the value of ``$NAME[MEMBER, KEY=value]``; *key* may be empty."""


def expand_context(context: Vector, names: Variables) -> Vector:
    """Return *context* with its variables expanded; raises Refusal for wrong syntax."""
    joined = _SEPARATOR.join(f"{key}={context[key]}" for key in sorted(context))
    pairs = (pair.partition("=") for pair in expand(joined, names).split(_SEPARATOR))
    return {key: value for key, equal, value in pairs if key and equal}


def expand(text: str, names: Variables) -> str:
    """Return *text* with its variables expanded."""
    parts: list[str] = []
    tokens = _read_tokens(text)

    def take(*expected: str) -> Token:
        token = next(tokens, _END)
        if token[0] not in expected:
            wanted = f", expecting {' or '.join(expected)}" if len(expected) < 3 else ""
            raise _syntax_error(text, f"syntax error, unexpected {token[0]}{wanted}")
        return token

    while (token := take("RSTRING", "VARIABLE", "$end")) != _END:
        if token[0] == "RSTRING":
            parts.append(token[1])
            continue
        name = token[1].upper()
        follower = take("OBRACKET", "EOA")
        if follower[0] == "EOA":
            parts += [names.read_attribute(name), follower[1]]
            continue
        member = take("VARIABLE")[1].upper()
        key = value = ""
        if take("COMMA", "CBRACKET")[0] == "COMMA":
            key = take("VARIABLE")[1].upper()
            take("EQUAL")
            value = take("STRING")[1]
            take("CBRACKET")
        parts += [names.read_member(name, member, key, value), take("EOA")[1]]
    return "".join(parts)


def _read_tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        if text[at] == "$":
            at = yield from _read_variable(text, at + 1)
        elif plain := _PLAIN.match(text, at):
            yield "RSTRING", plain[0]
            at = plain.end()
        else:
            # No lexer rule matches a single backslash at the end.
            return


def _read_variable(text: str, at: int) -> Generator[Token, None, int]:
    """Yield the tokens of a variable after its ``$``; return the position of its end."""
    while at < len(text):
        matches = [(kind, match) for kind, rule in _VARIABLE if (match := rule.match(text, at))]
        if not matches:
            # No lexer rule matches a newline.
            at += 1
            continue
        kind, match = max(matches, key=lambda item: item[1].end())
        at = match.end()
        if match[0] == "$":
            yield "EOA", ""
            continue
        yield kind, match[0]
        if kind == "EOA":
            return at
        if kind == "EQUAL" and (value := _VALUE.search(text, at)):
            at = value.end()
            yield "STRING", value[1] or value[2] or ""
    yield "EOA", ""
    return at


def _syntax_error(text: str, words: str) -> Refusal:
    return not_allocated_error(f"Error parsing: {text}. {words} at line 1, columns 1:1")
