"""XML from outside does no harm."""

import pytest

from one2one.opennebula.errors import ProtocolError, TooLong
from one2one.opennebula.xml import parse, parse_pool, read_integer

BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;&b;&b;</x>'
)


@pytest.mark.parametrize(
    "document",
    [
        BOMB,
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        "<a>" * 300 + "</a>" * 300,
        f"<a>{'x' * 11_000_000}</a>",
        "<VM><ID>1</ID>",
        "<html><br></html>",
        "",
        "\x00\x01",
        f"<?a?> <!-- <b> --> {'<?a?>' * 5000}{BOMB}",
        f"<a b='{'x' * (17 << 20)}'/>",
        f"<a>{'<b/>' * (1 << 20)}</a>",
        "<a>half a \ud83d character</a>",
        "<?xml version='1.0' encoding='klingon'?><a>\x00</a>",
    ],
    ids=[
        *("bomb", "external", "deep", "long", "truncated", "html", "empty", "binary"),
        *("late bomb", "large", "many elements", "half a character", "an unknown encoding"),
    ],
)
def test_hostile_or_broken_xml_is_a_protocol_error(document: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(document)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("value", ["", "x", "1.5", "0x10"])
def test_a_number_that_is_none_is_named(value: str) -> None:
    with pytest.raises(ProtocolError, match="<VM> has no whole number at ID"):
        read_integer(parse(f"<VM><ID>{value}</ID></VM>"), "ID")


def test_xml_is_read_as_utf_8_whatever_it_says_of_itself() -> None:
    for encoding in ("UTF-16", "ISO-8859-1", "UTF-8"):
        document = f"<?xml version='1.0' encoding='{encoding}'?><a>ü</a>".encode()
        assert parse(document).text == "ü"


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([b"<P>", b"<a/>" * (1 << 18)] + [b"<a/>" * (1 << 18)] * 4, "an object with more than"),
        ([b"<P>", b"x" * (9 << 20), b"y" * (9 << 20)], "an object with more than"),
        ([b"<P>", *[b"<VM/>" * 50_000] * 6, b"</P>"], "more than 262144 objects"),
        ([b"<P><VM/>", b"<VM/></P><P/>"], "not XML"),
        ([b"<!-- -->" + BOMB.encode()], "DOCTYPE"),
        ([], "not XML"),
    ],
    ids=["endless junk", "endless text", "too many", "two roots", "a DOCTYPE", "nothing"],
)
def test_a_hostile_pool_is_a_protocol_error(pieces: list[bytes], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        for _ in parse_pool(iter(pieces), "VM"):
            pass


def test_a_pool_of_too_many_objects_is_too_long() -> None:
    pieces = [b"<P>", *[b"<VM/>" * 50_000] * 6, b"</P>"]
    with pytest.raises(TooLong, match="more than 262144 objects"):
        for _ in parse_pool(iter(pieces), "VM"):
            pass


def test_what_stands_between_the_objects_of_a_pool_is_dropped() -> None:
    junk = b"<a/><!-- b --><?c?>text"
    pool = [b"<P x=''>", *[junk + b"<VM><ID>1</ID></VM>" + junk] * 50, b"</P>"]
    found = [read_integer(vm, "ID") for vm in parse_pool(iter(pool), "VM")]
    assert found == [1] * 50
    assert len(list(parse_pool(iter(pool), "VM"))[-1].getroottree().getroot()) <= len(junk)


def test_text_that_goes_on_behind_an_object_is_written_into_no_freed_memory() -> None:
    """libxml2 appends to the text that it is at, which must not be removed under its hands."""
    start = b"<P>&amp;<VM/>" + b"t" * 10_000 + b"&amp;" + b"t" * 3000 + b"&amp;"
    pool = [start, *[b"t" * 3000 + b"&amp;"] * 100, b"<VM/></P>"]
    for _ in range(20):  # the process would be aborted
        assert [vm.tag for vm in parse_pool(iter(pool), "VM")] == ["VM", "VM"]
