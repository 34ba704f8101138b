"""All text from a cloud becomes text that oned can keep and a terminal can show."""

import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from one2one.opennebula.clean import LIMIT, clean_json, clean_line
from one2one.opennebula.errors import OneError
from one2one.opennebula.template import check_value

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x00\x07\x1b\x7f\x85\x9b\u061c\u200e\u200f\u2028\u2029\u202e\u2066"),
        st.sampled_from("\ud800\udfff\ufdd0\ufffe\uffff\U0001f600\U0001ffff"),
        st.sampled_from("]>\\ \r\n\t"),
    )
)
BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(HOSTILE, st.integers(1, 30))
@example("]]>" * 9, 8)
@example("@^_^@^_^@", 30)
def test_a_clean_line_can_be_kept_and_shown(text: str, limit: int) -> None:
    line = clean_line(text, limit)
    assert len(line) <= limit
    assert clean_line(line, limit) == line
    assert len(f"{line}.".splitlines()) == 1
    for character in line:
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(character) not in BIDIRECTIONAL
        assert character not in "\u061c\u200e\u200f\ufffe\uffff"
        assert not "\ufdd0" <= character <= "\ufdef"
    check_value("ERROR", line)
    kept = etree.fromstring(f"<ERROR><![CDATA[{line}]]></ERROR>").text
    assert (kept or "") == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("no\x1b[31mreason\x07", r"no\x1b[31mreason\x07"),
        ("J\x00\x00\x005.7", r"J\x00\x00\x005.7"),
        ("a\x9b1mb\u202ec\u2028d", r"a\x9b1mb\u202ec\u2028d"),
        ("lone \ud800, smile \U0001f600", r"lone \ud800, smile \U0001f600"),
        ("ends]]>here", r"ends]]\x3ehere"),
        ("parts@^_^@here", r"parts@^_^\x40here"),
        ("  two\r\n\t lines ", "two lines"),
        ("as it is: é 漢 \\x1b … >", "as it is: é 漢 \\x1b … >"),
    ],
)
def test_what_is_replaced_can_be_read(text: str, line: str) -> None:
    assert clean_line(text) == line


@pytest.mark.parametrize("text", ["x" * (30 << 20), "\0" * LIMIT, " " * (30 << 20) + "x"])
def test_what_is_cut_says_so(text: str) -> None:
    line = clean_line(text)
    assert len(line) <= LIMIT
    assert line.endswith("…")


def test_the_cause_of_an_error_is_clean() -> None:
    error = OneError("HTTP 500 \x1b]0;owned\x07\r\n" + "x" * (31 << 20))
    assert error.cause.startswith(r"HTTP 500 \x1b]0;owned\x07 xxx")
    assert len(error.cause) == LIMIT


@given(HOSTILE)
def test_json_keeps_the_values(text: str) -> None:
    document = clean_json(json.dumps([{text: text}], indent=2, ensure_ascii=False))
    assert json.loads(document) == [{text: text}]
    for character in document.replace("\n", ""):
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(character) not in BIDIRECTIONAL
