"""The messages that the pages quote are those that the code prints."""

import ast
import re
from functools import cache

import pytest

from tests.docs.pages import PAGES, ROOT, blocks, name

_MESSAGES = [page for page in PAGES if any(blocks(page, "text"))]
_SHORTEST = 4
"""Letters that a piece of text must have to count as a message of the code."""
_ANYTHING = r"(?:(?!\. ).)*?"
"""What a value in a message may be: anything but the beginning of the remedy."""


@pytest.mark.parametrize("page", _MESSAGES, ids=name)
def test_every_quoted_message_is_one_of_the_code(page: object) -> None:
    for block in blocks(page, "text"):  # type: ignore[arg-type]
        for line in block.splitlines():
            assert _is_said(line.rstrip(".")), f"nothing in the code says: {line}"


def test_messages_in_tables_are_those_of_the_code() -> None:
    """Those of a table whose first column is called *message* or PROBLEM."""
    text = (ROOT / "docs/operations.md").read_text()
    tables = re.findall(
        r"^\| (?:message|PROBLEM) \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE
    )
    rows = [row.split("|")[1].strip() for table in tables for row in table.splitlines()]
    quoted = [row.strip("`") for row in rows if row != "a message"]
    assert len(quoted) > 10
    for message in quoted:
        assert _is_said(message), f"nothing in the code says: {message}"


def test_what_nothing_says_is_found() -> None:
    assert not _is_said("remote VM 7 is on holiday. Wait until it is back")
    assert not _is_said("host burst1 has no ONE_ENDPOINT. Wait until it has one")


def _is_said(message: str) -> bool:
    """Tell whether a message is one that the code prints, or several of them in a row."""
    if any(pattern.fullmatch(message) for pattern in _patterns()):
        return True
    ends = [found.start() for found in re.finditer(r"\. ", message)]
    return any(_is_said(message[:end]) and _is_said(message[end + 2 :]) for end in ends)


@cache
def _patterns() -> list[re.Pattern[str]]:
    """Return what each text of the code becomes: anything may stand where it has a value."""
    patterns = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [_text(part) for part in parts]
            letters = sum(len(re.findall(r"[a-zA-Z]", text)) for text in texts if text)
            if letters >= _SHORTEST:
                patterns.add("".join(_ANYTHING if t is None else re.escape(t) for t in texts))
    return [re.compile(pattern.removesuffix(r"\.")) for pattern in patterns]


def _text(part: ast.AST) -> str | None:
    """Return what a part of a text says, None where a value will stand."""
    if isinstance(part, ast.Constant) and isinstance(part.value, str):
        return part.value
    return None
