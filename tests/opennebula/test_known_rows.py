"""Pools read again: whatever comes, the rows are those of a reading that remembers nothing."""

from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from one2one.opennebula.document import Document
from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.known_rows import KnownRows
from one2one.opennebula.xml import Element, parse_pool

PLAIN = [f"<VM><ID>{n}</ID><NAME>web-{n}</NAME></VM>" for n in range(4)]
LONG = [f"<VM><ID>{n}</ID><NAME>{'é&amp;' * 20_000}</NAME></VM>" for n in range(3)]
ODD = [
    "<VM/>",
    "<VM><ID>5</ID></VM >",
    "<VM><T><VM><ID>6</ID></VM></T></VM>",
    "<VM><N><![CDATA[</VM><VM>]]></N></VM>",
    "<VM><N><![CDATA[</VM>",
    "]]></VM ><VM></VM>",
    "]]></N></VM>",
    "<VM><!--</VM>",
    "--></VM>",
    "<!-- a -->",
    "<?a b?>",
    "text",
    "&#13;\r\n",
    "&lt;/VM&gt;",
    "<OTHER><ID>7</ID></OTHER>",
    "<one2one-end-of-row/>",
    "<VM><N>one2one-end-of-row</N></VM>",
    "<VM xml:id='a'><ID>8</ID></VM>",
    "<x:VM><ID>9</ID></x:VM>",
    "<VM><N>\x01</N></VM>",
    "<VM><N>\ufffe&nope;</N></VM>",
    "</VM>",
    "</VM_POOL><VM_POOL>",
    "<VM>",
    "<NONE/>",
]
POOLS = st.lists(st.sampled_from(PLAIN * 4 + ODD), max_size=8)


def read(element: Element) -> bytes | None:
    return None if element.find("NONE") is not None else etree.tostring(element, with_tail=False)


def carry(rows: list[str], *, escaped: bool, end: str = "</VM_POOL>") -> Document:
    text = f"<VM_POOL>{''.join(rows)}{end}"
    return Document((escape(text) if escaped else text).encode(), escaped=escaped)


def read_plainly(document: Document) -> list[bytes] | None:
    try:
        return [row for row in map(read, parse_pool(document, "VM")) if row is not None]
    except ProtocolError:
        return None


def check(known: KnownRows[bytes], document: Document) -> bool:
    """Check what is read with the memory of earlier readings; tell whether that was of use."""
    known.begin_reading()
    rows = known.read(document, "VM", read)
    if rows is not None:
        assert rows == read_plainly(document)
    return rows is not None


@settings(deadline=None, max_examples=400)
@given(
    st.lists(st.tuples(POOLS, st.booleans()), min_size=1, max_size=5),
    st.sampled_from(["</VM_POOL>", "</VM_POOL>\n", "", "</VM_POO", "</VM_POOL><a/>"]),
)
def test_any_pools_one_after_the_other(pools: list[tuple[list[str], bool]], end: str) -> None:
    known: KnownRows[bytes] = KnownRows()
    for rows, escaped in pools:
        check(known, carry(rows, escaped=escaped, end=end))


@settings(deadline=None)
@given(st.data())
def test_a_pool_whose_bytes_change_at_any_place(data: st.DataObject) -> None:
    known: KnownRows[bytes] = KnownRows()
    body = bytearray(escape(f"<VM_POOL>{''.join(PLAIN)}</VM_POOL>").encode())
    for _ in range(6):
        check(known, Document(bytes(body), escaped=True))
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))


@given(st.permutations(PLAIN), st.integers(0, 3), st.booleans())
def test_only_what_changed_is_read(order: list[str], at: int, escaped: bool) -> None:
    known: KnownRows[bytes] = KnownRows()
    assert check(known, carry(PLAIN, escaped=escaped))
    changed = [*order[:at], order[at].replace("web", "db"), *order[at + 1 :]]
    parsed = []

    def record(element: Element) -> bytes | None:
        parsed.append(element.findtext("NAME"))
        return read(element)

    known.begin_reading()
    document = carry(changed, escaped=escaped)
    assert known.read(document, "VM", record) == read_plainly(document)
    assert parsed == [etree.fromstring(changed[at]).findtext("NAME")]


def test_long_rows_are_read_in_several_documents() -> None:
    known: KnownRows[bytes] = KnownRows()
    for _ in range(2):
        assert check(known, carry(LONG + PLAIN, escaped=True))


def test_a_part_that_is_no_row_by_itself_is_never_remembered() -> None:
    """The two parts make two rows together, in a section that begins in one and ends in the other.

    The first part alone, before another second one, is no row.
    """
    known: KnownRows[bytes] = KnownRows()
    assert not check(known, carry(["<VM><![CDATA[</VM>", "]]></VM ><VM></VM>"], escaped=True))
    assert not check(known, carry(["<VM><![CDATA[</VM>", "]]></VM>"], escaped=True))


def count_parsed(known: KnownRows[bytes]) -> int:
    """Read a pool, and return how many of its rows were parsed."""
    parsed = []

    def record(element: Element) -> bytes | None:
        parsed.append(element)
        return read(element)

    known.begin_reading()
    known.read(carry(PLAIN, escaped=True), "VM", record)
    return len(parsed)


def test_a_row_that_is_gone_is_forgotten() -> None:
    known: KnownRows[bytes] = KnownRows()
    for rows in (PLAIN, PLAIN[:1]):
        check(known, carry(rows, escaped=True))
    parsed = count_parsed(known)
    assert parsed == len(PLAIN) - 1


@pytest.mark.parametrize("current", [True, False])
def test_what_no_longer_counts_is_read_again(current: bool) -> None:
    known: KnownRows[bytes] = KnownRows(lambda _: current)
    check(known, carry(PLAIN, escaped=True))
    assert count_parsed(known) == (0 if current else len(PLAIN))


def test_rows_that_always_change_are_soon_read_plainly_and_those_that_stay_are_remembered() -> None:
    known: KnownRows[bytes] = KnownRows()
    changing = [[f"<VM><ID>{number}</ID></VM>"] * 3 for number in range(4)]
    remembered = [check(known, carry(rows, escaped=True)) for rows in changing]
    assert remembered == [True, True, False, False]
    for _ in range(20):
        check(known, carry(PLAIN, escaped=True))
    assert count_parsed(known) == 0


def test_a_few_rows_that_stay_are_worth_it() -> None:
    known: KnownRows[bytes] = KnownRows()
    for number in range(5):
        changing = [f"<VM><ID>{number}{row}</ID></VM>" for row in range(4)]
        assert check(known, carry([*changing, *PLAIN], escaped=True))
