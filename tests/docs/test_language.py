"""The language of code and pages: plain words, and functions whose names are verbs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import PAGES, ROOT

BANNED = (
    *("whoever", "somebody", "somebodys", "anew", "of itself", "so long", "be rid of"),
    *("dear", "dearer", "as if he had"),
)
"""Words that many readers whose first language is not English have to look up, or read twice."""
_IRREGULAR = """been begun
bound bought broken brought built caught chosen done drawn driven fed felt
forgotten found given gone got grown heard held hidden kept known laid led left lent lost
made meant met paid proven said seen sent shown sold spent spoken stolen struck taken taught
thought thrown told understood unknown unseen won worn written"""
IRREGULAR = frozenset(_IRREGULAR.split())
"""Past participles without -ed. Those that are verbs too are not here: cut, put, read, run."""
VERBS = frozenset(("embed", "exceed", "feed", "need", "proceed", "seed", "shed", "succeed"))
NOUNS = frozenset({"oned"})
"""Names of OpenNebula's that end like a participle."""

_CODE = ("src", "bench", "tests")
_THIS = Path(__file__)


def list_code() -> Iterator[Path]:
    for folder in _CODE:
        yield from sorted((ROOT / folder).rglob("*.py"))


def list_texts() -> Iterator[Path]:
    """Yield all that people read: pages, code, and the files of the packages."""
    yield from (*PAGES, ROOT / "dev", *list_code())
    yield from sorted(path for path in (ROOT / "packaging").iterdir() if path.is_file())


def find_banned_words(text: str) -> list[str]:
    """Return the banned words of a text; a phrase may go on in the next line of a comment."""
    words = "|".join(re.escape(word).replace(r"\ ", r"[\s#]+") for word in BANNED)
    return re.findall(rf"(?<![a-z])(?:{words})(?![a-z])", text, re.IGNORECASE)


def is_participle(name: str) -> bool:
    """Tell whether the first word of a function's name is a past participle."""
    word = name.strip("_").partition("_")[0]
    return word in IRREGULAR or (word.endswith("ed") and word not in VERBS | NOUNS)


def find_participles(code: str) -> list[str]:
    """Return the functions named by a participle; properties, tests and ``…_error`` may be."""
    if not any(map(is_participle, re.findall(r"\bdef (\w+)", code))):
        return []
    return [
        node.name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and is_participle(node.name)
        and not node.name.endswith("_error")
        and not any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]


def test_code_and_pages_have_no_banned_words() -> None:
    found = {
        str(path.relative_to(ROOT)): words
        for path in list_texts()
        if path != _THIS and (words := find_banned_words(path.read_text()))
    }
    assert found == {}


def test_functions_are_named_by_verbs() -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for path in list_code()
        if (names := find_participles(path.read_text()))
    }
    assert found == {}


def test_a_wrong_word_is_found() -> None:
    assert find_banned_words("Whoever waits, waits so\n    # long") == ["Whoever", "so\n    # long"]
    assert find_banned_words("renewal, a linear scale, oh_dear()") == ["dear"]
    code = (
        "def _sent(): ...\nclass A:\n    @property\n    def kept(self): ...\n    def noted(self): 0"
    )
    assert find_participles(code) == ["_sent", "noted"]
    assert find_participles("def seed(): ...\ndef oned_conf(): ...\ndef refused_error(): ...") == []
