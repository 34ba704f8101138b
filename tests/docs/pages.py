"""The Markdown pages: their headings, links, code and quotations."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> Iterator[str]:
    """Yield the fenced blocks of that language."""
    return (block for found, block in _FENCED.findall(page.read_text()) if found == language)


def commands(page: Path) -> Iterator[str]:
    """Yield every line of indented code, and every piece of code within a line."""
    text = _FENCED.sub("", page.read_text())
    for line in text.splitlines():
        if re.match(r" {4,}\S", line):
            yield line.strip()
    yield from (" ".join(code.split()) for code in _INLINE.findall(text))


def links(page: Path) -> list[str]:
    return _LINK.findall(_FENCED.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, made as GitHub makes them."""
    headings = _HEADING.findall(_FENCED.sub("", page.read_text()))
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}
