"""Calls and short answers, compared with Python's own library."""

import xmlrpc.client

from hypothesis import given
from hypothesis import strategies as st

from one2one.opennebula import rpc
from one2one.opennebula.errors import OneError

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\r\n'


@given(TEXTS, st.lists(st.one_of(TEXTS, st.booleans(), st.integers(-(2**31), 2**31 - 1))))
def test_a_call_is_written_as_the_standard_library_writes_it(
    session: str, arguments: list[rpc.Argument]
) -> None:
    call = rpc.encode_call("one.vm.info", session, tuple(arguments))
    assert call == xmlrpc.client.dumps((session, *arguments), "one.vm.info").encode()


def answer_of(success: int, value: str, code: int) -> bytes:
    return HEAD + (
        "<methodResponse>\r\n<params>\r\n<param><value><array><data>\r\n"
        f"<value><boolean>{success}</boolean></value>\r\n<value>{value}</value>\r\n"
        f"<value><i4>{code}</i4></value>\r\n</data></array></value></param>\r\n</params>\r\n"
        "</methodResponse>\r\n"
    ).encode(errors="replace")


def decode(body: bytes) -> tuple[object, ...]:
    try:
        return (rpc.decode_result(body),)
    except OneError as error:
        return type(error), error.sent


def check(body: bytes) -> None:
    """See that the answer means the same with a comment, which only the library reads."""
    assert decode(body) == decode(body.replace(b"<methodResponse>", b"<!---->\n<methodResponse>"))


VALUES = st.one_of(
    st.text(st.sampled_from("ab <>&;]\r\n\t\x00\x01\x7fé\ufffe"), max_size=9).map(
        "<string>{}</string>".format
    ),
    st.integers(-(10**11), 10**11).map("<i4>{}</i4>".format),
    st.sampled_from(["<i4></i4>", "<i4>-</i4>", "<string/>", "<int>7</int>", "text", "<nil/>"]),
)


@given(st.integers(0, 2), VALUES, st.integers(-(10**11), 10**11))
def test_a_short_answer_is_read_as_the_standard_library_does(
    success: int, value: str, code: int
) -> None:
    check(answer_of(success, value, code))


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_one_is_read_as_the_standard_library_does(at: int, to: int) -> None:
    body = bytearray(answer_of(1, "<i4>7</i4>", 0))
    body[at % len(body)] = to
    check(bytes(body))
