"""The variables in context values, expanded as oned does it, which knows no escape.

The whole CONTEXT is one string while it is parsed, its members joined by ``@^_^@``. A variable
is ``$NAME``, ``$NAME[MEMBER]`` or ``$NAME[MEMBER, KEY="value"]``; the character after it is eaten
by the lexer and given back. Values are not expanded again, and unknown ones vanish. Source:
``vm_var_parser.l``, ``vm_var_syntax.y``, ``VirtualMachineContext.cc`` (the same from 5.4 to 7.4).
"""

import re
from collections.abc import Generator, Iterator
from typing import Protocol

from one2one.opennebula.template import Vector
from opennebula_sandbox.cloud.refusal import Refusal, not_allocated

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


class Names(Protocol):
    """What variables stand for."""

    def single(self, name: str) -> str:
        """Return the value of ``$NAME``."""

    def member(self, name: str, member: str, key: str, value: str) -> str:
        """Return the value of ``$NAME[MEMBER, KEY=value]``; *key* may be empty."""


def expand_context(context: Vector, names: Names) -> Vector:
    """Return *context* with its variables expanded; raises Refusal for what is no variable."""
    joined = _SEPARATOR.join(f"{key}={context[key]}" for key in sorted(context))
    pairs = (pair.partition("=") for pair in expand(joined, names).split(_SEPARATOR))
    return {key: value for key, equal, value in pairs if key and equal}


def expand(text: str, names: Names) -> str:
    """Return *text* with its variables expanded."""
    parts: list[str] = []
    tokens = _tokens(text)

    def take(*expected: str) -> Token:
        token = next(tokens, _END)
        if token[0] not in expected:
            wanted = f", expecting {' or '.join(expected)}" if len(expected) < 3 else ""
            raise _error(text, f"syntax error, unexpected {token[0]}{wanted}")
        return token

    while (token := take("RSTRING", "VARIABLE", "$end")) != _END:
        if token[0] == "RSTRING":
            parts.append(token[1])
            continue
        name = token[1].upper()
        follower = take("OBRACKET", "EOA")
        if follower[0] == "EOA":
            parts += [names.single(name), follower[1]]
            continue
        member = take("VARIABLE")[1].upper()
        key = value = ""
        if take("COMMA", "CBRACKET")[0] == "COMMA":
            key = take("VARIABLE")[1].upper()
            take("EQUAL")
            value = take("STRING")[1]
            take("CBRACKET")
        parts += [names.member(name, member, key, value), take("EOA")[1]]
    return "".join(parts)


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        if text[at] == "$":
            at = yield from _variable(text, at + 1)
        elif plain := _PLAIN.match(text, at):
            yield "RSTRING", plain[0]
            at = plain.end()
        else:
            # a lone backslash at the very end: no rule takes it
            return


def _variable(text: str, at: int) -> Generator[Token, None, int]:
    """Yield the tokens from after a ``$`` to the end of the variable; return where that is."""
    while at < len(text):
        matches = [(kind, match) for kind, rule in _VARIABLE if (match := rule.match(text, at))]
        if not matches:
            # a newline: no rule takes it
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


def _error(text: str, words: str) -> Refusal:
    return not_allocated(f"Error parsing: {text}. {words} at line 1, columns 1:1")
