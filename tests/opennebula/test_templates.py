"""Templates survive text and XML, and what OpenNebula cannot store is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.template import Template, Value, from_xml, parse_text, to_text, to_xml
from one2one.opennebula.xml import parse

names = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: not name.startswith("XML")
)


def storable(value: str) -> bool:
    return "]]>" not in value and "@^_^@" not in value


def writable(value: str) -> bool:
    return storable(value) and not value.endswith("\\") and '\\"' not in value


xml_text = st.text(
    st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFD).filter(
        lambda c: c >= " " or c in "\t\n\r"
    )
)


def templates(values: st.SearchStrategy[str]) -> st.SearchStrategy[Template]:
    either: st.SearchStrategy[Value] = st.one_of(values, st.dictionaries(names, values, min_size=1))
    return st.lists(st.tuples(names, either), max_size=6).map(Template)


@given(templates(xml_text.filter(storable)))
def test_xml_brings_every_storable_value_back(template: Template) -> None:
    assert from_xml(parse(to_xml(template))) == template


@given(templates(xml_text.filter(writable)))
def test_text_brings_every_writable_value_back(template: Template) -> None:
    assert parse_text(to_text(template)) == template


@given(st.text())
def test_any_text_is_a_template_or_a_protocol_error(source: str) -> None:
    try:
        parse_text(source)
    except ProtocolError as error:
        assert "line" in str(error)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("cpu=1", [("CPU", "1")]),
        ("A=1\nA = 2 # twice", [("A", "1"), ("A", "2")]),
        ("A=\nB=2", [("A", ""), ("B", "2")]),
        ('A="say \\"hi\\" \\ \\\\"', [("A", 'say "hi" \\ \\\\')]),
        ('A="two\nlines"', [("A", "two\nlines")]),
        ('C = [ a = "1",\n b=x ]', [("C", {"A": "1", "B": "x"})]),
        ("C=[A=1, A=2]", [("C", {"A": "1"})]),
        ("C=[]", [("C", {})]),
        ("9A=1\nXMLX=2", [("ONE_9A", "1"), ("ONE_XMLX", "2")]),
        ("# only a comment", []),
    ],
)
def test_text_reads_as_oned_reads_it(source: str, expected: list[tuple[str, Value]]) -> None:
    assert parse_text(source) == Template(expected)


@pytest.mark.parametrize("source", ["A", "A=[B=1", 'A="x', "=1", "C=[A=1 B=2]", "A=]"])
def test_what_is_no_template_is_refused(source: str) -> None:
    with pytest.raises(ProtocolError):
        parse_text(source)


@pytest.mark.parametrize("value", ["a]]>b", "a@^_^@b", "a\x00b", "a\ufffeb", "a\x1bb", "a😀b"])
def test_what_opennebula_cannot_store_is_named(value: str) -> None:
    with pytest.raises(ValueError, match="CONTEXT/KEY contains"):
        to_xml(Template([("CONTEXT", {"KEY": value})]))


def test_a_representation_shows_no_values() -> None:
    assert "geheim" not in repr(Template([("ONE_PASSWORD", "geheim")]))


def test_an_empty_value_is_one_that_oned_reads() -> None:
    xml = to_xml(Template([("A", ""), ("CONTEXT", {"A": "", "B": "1"})]))
    assert xml.count("<A><![CDATA[]]></A>") == 2


def test_an_empty_vector_has_a_member_that_oned_does_not_read() -> None:
    xml = to_xml(Template([("VCPU", {})]))
    assert from_xml(parse(xml)) == Template([("VCPU", {"EMPTY": ""})])
    assert "CDATA" not in xml


def test_comments_are_no_members() -> None:
    xml = "<T><A><!-- one --><B>2<!-- three --></B></A><C><!-- four --></C></T>"
    assert from_xml(parse(xml)) == Template([("A", {"B": "2"}), ("C", "")])
