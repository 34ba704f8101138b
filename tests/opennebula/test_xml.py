"""XML from outside does no harm."""

import pytest

from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.xml import integer, parse

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
    ],
    ids=["bomb", "external", "deep", "long", "truncated", "html", "empty", "binary"],
)
def test_hostile_or_broken_xml_is_a_protocol_error(document: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(document)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("value", ["", "x", "1.5", "0x10"])
def test_a_number_that_is_none_is_named(value: str) -> None:
    with pytest.raises(ProtocolError, match="<VM> has no whole number at ID"):
        integer(parse(f"<VM><ID>{value}</ID></VM>"), "ID")
