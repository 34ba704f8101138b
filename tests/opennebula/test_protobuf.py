"""Messages of Protocol Buffers, against Google's own runtime."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.opennebula.protobuf import (
    BOOL,
    INT,
    SINT,
    TEXT,
    Value,
    decode,
    encode,
    to_int32,
    to_sint32,
)

pytest.importorskip("google.protobuf")

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

TYPES = {TEXT: "TYPE_STRING", INT: "TYPE_INT32", SINT: "TYPE_SINT32", BOOL: "TYPE_BOOL"}
NUMBERS = st.integers(-(1 << 31), (1 << 31) - 1)
VALUES: dict[str, st.SearchStrategy[Value]] = {
    TEXT: st.text(st.characters(exclude_categories=["Cs"])),
    INT: NUMBERS,
    SINT: NUMBERS,
    BOOL: st.booleans(),
}


def build_class(types: list[str]) -> Any:
    """Return Google's class for a message with fields of these types, numbered from 1."""
    file = descriptor_pb2.FileDescriptorProto(name="test.proto", syntax="proto3")
    message = file.message_type.add(name="Test")
    for number, kind in enumerate(types, 1):
        field = message.field.add(name=f"f{number}", number=number)
        field.type = getattr(field, TYPES[kind])
        field.label = field.LABEL_OPTIONAL
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Test"))


def draw_message(draw: Callable[..., Any]) -> tuple[list[str], list[Value]]:
    types = draw(st.lists(st.sampled_from(sorted(TYPES)), max_size=20))
    return types, [draw(VALUES[kind]) for kind in types]


MESSAGES = st.composite(draw_message)()


@given(MESSAGES)
def test_google_reads_what_is_written(message: tuple[list[str], list[Value]]) -> None:
    types, values = message
    read = build_class(types).FromString(encode(types, values))
    assert [getattr(read, f"f{number}") for number in range(1, len(types) + 1)] == values


@given(MESSAGES)
def test_what_google_writes_is_read(message: tuple[list[str], list[Value]]) -> None:
    types, values = message
    names = {f"f{number}": value for number, value in enumerate(values, 1)}
    fields = decode(build_class(types)(**names).SerializeToString())
    for number, (kind, value) in enumerate(zip(types, values, strict=True), 1):
        raw = fields.get(number, b"" if kind == TEXT else 0)
        if isinstance(raw, int):
            assert (to_sint32(raw) if kind == SINT else to_int32(raw)) == value
        else:
            assert str(raw, "utf-8") == value


def test_a_message_of_very_many_fields_is_none() -> None:
    types = [TEXT] * 101
    assert len(decode(encode(types[:100], ["x"] * 100))) == 100
    with pytest.raises(ValueError, match="more than 100 fields"):
        decode(encode(types, ["x"] * 101))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_none(data: bytes) -> None:
    known = build_class([TEXT, SINT])
    try:
        decode(data)
    except ValueError:
        return
    # Google also refuses numbers of fields beyond 29 bits, and text that is not UTF-8.
    text = decode(data).get(1, b"")
    if isinstance(text, memoryview) and bytes(text).isascii() and max(decode(data)) < 1 << 29:
        assert known.FromString(data).f1.encode() == text


@pytest.mark.parametrize(
    ("types", "values"),
    [
        ([TEXT], [7]),
        ([INT], ["7"]),
        ([INT], [True]),
        ([BOOL], [1]),
        ([INT], [1 << 31]),
        ([SINT], [-(1 << 31) - 1]),
        ([TEXT], ["\ud800"]),
        ([], ["x"]),
    ],
)
def test_a_value_that_a_field_cannot_have_is_refused(types: list[str], values: list[Value]) -> None:
    with pytest.raises(ValueError, match=r"field|surrogates"):
        encode(types, values)
