"""Pools, quotas and monitoring as real clouds of three series answered them."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from one2one.opennebula import rpc
from one2one.opennebula.document import Body
from one2one.opennebula.errors import OneError, ProtocolError
from one2one.opennebula.pools import Pools
from one2one.opennebula.quotas import Quota, VmQuotas
from one2one.opennebula.records import VmRow, VmSummary
from one2one.opennebula.states import RUNNING, State
from one2one.opennebula.xml import parse, parse_pool
from tests.opennebula.peer import always, answer, client, page, serving

DATA = Path(__file__).parent.parent / "data"
VERSIONS = ["5.10", "6.10", "7.2"]


def read_recording(version: str, method: str, note: str = "") -> list[Any]:
    """Return the results of a method that succeeded."""
    with gzip.open(DATA / f"api-{version}.jsonl.gz", "rt", encoding="utf-8") as lines:
        calls = [json.loads(line) for line in lines]
    return [
        call["result"][1]
        for call in calls
        if call["method"] == method
        and note in call["note"]
        and call["result"]
        and call["result"][0]
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_short_and_extended_rows_tell_the_same(version: str) -> None:
    short = read_recording(version, "one.vmpool.info")[0]
    extended = read_recording(version, "one.vmpool.infoextended")[0]

    summaries = [VmSummary.read(vm) for vm in parse_pool([short.encode()], "VM")]

    assert summaries == [VmSummary.read(vm) for vm in parse_pool([extended.encode()], "VM")]
    newest = summaries[0]
    assert newest.name == "remote-opennebula-41"
    assert newest.state == RUNNING
    assert (newest.cpu, newest.memory) == (0.1, 128)
    assert newest.host_name.startswith("hv")
    # the network of the 5.10 recording has no IP addresses
    assert len(newest.addresses) == (0 if version == "5.10" else 1)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_pool_read_piece_by_piece_is_the_pool_read_at_once(version: str) -> None:
    for document in read_recording(version, "one.vmpool.info"):
        whole = [VmRow.read(vm) for vm in parse(document).iterfind("VM")]
        assert [VmRow.read(vm) for vm in parse_pool([document.encode()], "VM")] == whole


def test_a_summary_has_the_newest_host_and_each_address_once() -> None:
    vm = parse(
        "<VM><ID>7</ID><STATE>8</STATE><LCM_STATE>0</LCM_STATE><TEMPLATE><CPU>x</CPU>"
        "<MEMORY>-5</MEMORY><NIC><IP>10.0.0.7</IP><IP6_GLOBAL>2001:db8::7</IP6_GLOBAL>"
        "<IP6_LINK>fe80::7</IP6_LINK></NIC><NIC_ALIAS><IP>10.0.0.7</IP></NIC_ALIAS></TEMPLATE>"
        "<HISTORY_RECORDS><HISTORY><HID>1</HID><HOSTNAME>a</HOSTNAME></HISTORY>"
        "<HISTORY><HID>2</HID><HOSTNAME>b</HOSTNAME></HISTORY></HISTORY_RECORDS></VM>"
    )

    summary = VmSummary.read(vm)

    assert summary.state == State(8)
    assert (summary.host_id, summary.host_name) == (2, "b")
    assert summary.addresses == ("10.0.0.7", "2001:db8::7")
    assert (summary.cpu, summary.memory) == (0, 0)


@pytest.mark.parametrize("document", ["<VM_POOL><VM></VM><VM>", "", "<html>", "VM"])
def test_half_a_pool_is_an_error(document: str) -> None:
    with pytest.raises(ProtocolError, match="not XML"):
        list(parse_pool([document.encode()], "VM"))


MARKUP = ["<P>", "</P>", "<VM>", "</VM>", "<VM/>", "<A>", "</A>", "<VM x='1'>", "<![CDATA[", "]]>"]
MARKUP += ["<!--", "-->", "a", "&lt;", " ", "<VM><ID>1</ID></VM>", "</P", ">"]
WELL_FORMED = ["<VM><VM/></VM>", "<VM><![CDATA[</VM><VM>]]></VM>", "<A><VM>b</VM></A>"]
WELL_FORMED += ["<VM><A>1</A></VM>", "<VM><A><VM>2</VM></A>3</VM>", "<![CDATA[<VM></VM>]]>"]
WELL_FORMED += ["<VM><!--</VM>--></VM>", "<!--</VM>-->", "<VM x='4'/>"]


@given(
    st.one_of(st.lists(st.sampled_from(MARKUP)), st.lists(st.sampled_from(WELL_FORMED))),
    st.booleans(),
    st.integers(1, 40),
)
def test_a_pool_is_the_same_however_it_is_cut(tokens: list[str], plain: bool, length: int) -> None:
    document = f"<P>{''.join(tokens)}</P>".encode()
    document = document if plain else b"<?xml version='1.0'?>" + document
    pieces = [document[at : at + length] for at in range(0, len(document), length)]
    try:
        whole = [etree.tostring(vm, with_tail=False) for vm in parse(document).iterchildren("VM")]
    except ProtocolError:
        with pytest.raises(ProtocolError):
            list(parse_pool(pieces, "VM"))
    else:
        assert [etree.tostring(vm, with_tail=False) for vm in parse_pool(pieces, "VM")] == whole


def test_a_pool_with_a_doctype_is_an_error() -> None:
    bomb = '<!DOCTYPE P [<!ENTITY a "aaaa">]><P><VM>&a;</VM></P>'
    with pytest.raises(ProtocolError, match="DOCTYPE"):
        list(parse_pool([bomb.encode()], "VM"))


def answer_of(text: bytes, head: bytes = b'<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    """Return an answer as xmlrpc-c writes it, around a text that is escaped already."""
    return (
        head + b"\r\n<methodResponse>\r\n<params>\r\n<param><value><array><data>\r\n"
        b"<value><boolean>1</boolean></value>\r\n<value><string>" + text + b"</string></value>"
        b"\r\n<value><i4>0</i4></value>\r\n</data></array></value></param>\r\n</params>\r\n"
        b"</methodResponse>\r\n"
    )


def standard(body: Body) -> str | None:
    """Return the text of an answer, its ends of lines as any XML parser leaves them."""
    try:
        return one_line_end(str(rpc.decode_result(body)))
    except OneError:
        return None


def in_pieces(body: Body) -> str | None:
    try:
        document = b"".join(rpc.decode_document(body))
        # The parser of the document refuses what is no XML.
        etree.fromstring(b"<t><![CDATA[%b]]></t>" % document.replace(b"]]>", b"]]"))
        return one_line_end(document.decode())
    except (OneError, etree.XMLSyntaxError, ValueError):
        return None


def one_line_end(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


TOKENS = ["&lt;", "&gt;", "&amp;", "&quot;", "&#x0d;", "&#13;", "&#0;", "&nope;", "&", ";", "amp;"]
TOKENS += ["<", ">", "]]>", "\r", "\n", "\r\n", "lt;", "é漢", "\ufffe", "\x01", "<b>", "</string>"]


@given(st.lists(st.one_of(st.sampled_from(TOKENS), st.text(max_size=3)), max_size=12))
def test_a_text_of_any_shape_is_read_as_the_standard_library_does(tokens: list[str]) -> None:
    body = answer_of("".join(tokens).encode(errors="replace"))
    assert in_pieces(body) == standard(body)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=200))
def test_any_text_arrives(text: str) -> None:
    body = answer_of(escape(text).encode())
    assume("\ufffe" not in text and "\uffff" not in text)
    assert in_pieces(body) == standard(body) == text


@given(st.binary(max_size=12))
def test_what_is_no_text_is_refused_as_the_standard_library_does(text: bytes) -> None:
    body = answer_of(text)
    assert in_pieces(body) == standard(body)


@given(st.integers(0, 400), st.integers(0, 255))
def test_an_answer_that_is_damaged_is_read_as_the_standard_library_does(at: int, to: int) -> None:
    body = bytearray(answer_of(b"&lt;VM_POOL/&gt;"))
    body[at % len(body)] = to
    assert in_pieces(body) == standard(body)


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.sampled_from(["&lt;", "&amp;", "é", "a" * 50, "&#x0d;"]), min_size=1, max_size=9)
)
def test_a_text_longer_than_a_piece_is_read_as_the_standard_library_does(part: list[str]) -> None:
    body = answer_of("".join(part * 5000).encode())
    assert in_pieces(body) == standard(body)


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_quotas(version: str) -> None:
    user = VmQuotas.read(parse(read_recording(version, "one.user.info")[0]))
    group = VmQuotas.read(parse(read_recording(version, "one.group.info")[0]))

    assert (user.cpu.limit, user.memory.limit, user.vms.limit) == (50, 65536, 1000)
    assert user.running_cpu.limit is None
    assert user.cpu.used == group.cpu.used > 0
    assert group.cpu.limit is None


def test_an_account_without_quotas_has_no_limits() -> None:
    oneadmin = VmQuotas.read(parse(read_recording("6.10", "one.user.info", "oneadmin self")[0]))
    assert oneadmin.cpu == oneadmin.vms == oneadmin.running_memory == Quota(None, 0)


def user_with(quota: str, default: str = "") -> VmQuotas:
    return VmQuotas.read(
        parse(
            f"<USER><NAME>burst</NAME><VM_QUOTA>{quota}</VM_QUOTA><DEFAULT_USER_QUOTAS>"
            f"<VM_QUOTA>{default}</VM_QUOTA></DEFAULT_USER_QUOTAS></USER>"
        )
    )


def test_minus_one_is_the_default_and_minus_two_none() -> None:
    default = "<VM><CPU>8</CPU><MEMORY>-2</MEMORY></VM>"
    quotas = user_with("<VM><CPU>-1</CPU><MEMORY>-1</MEMORY><VMS>-2</VMS></VM>", default)
    assert quotas.cpu.limit == 8
    assert quotas.memory.limit is None
    assert quotas.vms.limit is None
    assert quotas.running_vms.limit is None


def test_without_an_element_of_its_own_an_account_has_the_defaults() -> None:
    assert user_with("", "<VM><CPU>0</CPU></VM>").cpu == Quota(0, 0)


def test_quotas_for_some_clusters_do_not_count_for_all() -> None:
    quotas = user_with(
        "<VM><CLUSTER_IDS>0,100</CLUSTER_IDS><CPU>1</CPU><CPU_USED>1</CPU_USED></VM>"
        "<VM><CLUSTER_IDS></CLUSTER_IDS><CPU>9</CPU><CPU_USED>2.5</CPU_USED></VM>"
    )
    assert quotas.cpu == Quota(9, 2.5)


@pytest.mark.parametrize("value", ["many", "-3", "nan", "inf", "1,5"])
def test_what_is_not_a_quota_is_named(value: str) -> None:
    with pytest.raises(ProtocolError, match=r"quota CPU of user burst is '.*', not a number"):
        user_with(f"<VM><CPU>{value}</CPU></VM>")


def test_what_is_not_a_number_of_use_is_named_where_there_is_a_limit() -> None:
    use = "<CPU_USED>lots</CPU_USED>"
    with pytest.raises(ProtocolError, match="CPU_USED of user burst is 'lots', not a number"):
        user_with(f"<VM><CPU>1</CPU>{use}</VM>")
    for limit in (-1, -2):
        assert user_with(f"<VM><CPU>{limit}</CPU>{use}</VM>").cpu == Quota(None, 0)


def test_a_counter_below_0_counts_as_0() -> None:
    assert user_with("<VM><CPU>1</CPU><CPU_USED>-4</CPU_USED></VM>").cpu == Quota(1, 0)


def test_a_pool_that_is_no_xml_keeps_no_other_from_being_read() -> None:
    """The error lives on, and with it the frames that it came through."""
    broken, whole = answer_with("<P><VM><ID>1</ID></VM><oops"), answer_with("<P></P>")
    with serving(always(broken)) as port, client(port) as one:
        with pytest.raises(ProtocolError) as caught:
            Pools(one).read(VmRow.read, "one.vmpool.info")
        with (
            serving(always(whole)) as other,
            client(other) as two,
            ThreadPoolExecutor(1) as threads,
        ):
            reading = threads.submit(Pools(two).read, VmRow.read, "one.vmpool.info")
            assert reading.result(timeout=30) == []
        assert caught.value.call == "one.vmpool.info"


def answer_with(text: str) -> bytes:
    return page(answer("<boolean>1</boolean>", f"<string>{escape(text)}</string>", "<i4>0</i4>"))
