"""The wire format of Protocol Buffers, as far as OpenNebula's messages need it. Does no I/O.

Its messages are flat: texts, 32-bit numbers and booleans. Google's runtime would need 25 ms and
3 MB to be imported, and copies an answer of up to 256 MB twice. It is the oracle of the tests.
Source: protobuf.dev, "Encoding".
"""

from collections.abc import Sequence

TEXT, INT, SINT, BOOL = "text", "int", "sint", "bool"
"""The types ``string``, ``int32``, ``sint32`` and ``bool`` of a field."""

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
"""Wire types."""
_INT32 = range(-(1 << 31), 1 << 31)
_UINT64 = (1 << 64) - 1
_LONGEST_VARINT = 10
_MOST_FIELDS = 100
"""Of a message; ours have three. An answer could have millions, each of which costs memory."""

Value = str | int | bool


def encode(types: Sequence[str], values: Sequence[Value]) -> bytes:
    """Return a message whose fields, numbered from 1, have these types and values.

    Fields without a value are left out. Raises ValueError for values of other types, for too many,
    and for text that UTF-8 cannot carry.
    """
    if len(values) > len(types):
        raise ValueError(f"{len(values)} values for {len(types)} fields")
    fields = zip(types, values, strict=False)
    return b"".join(_encode_field(number, *field) for number, field in enumerate(fields, 1))


def decode(message: bytes) -> dict[int, int | memoryview]:
    """Return the fields of a message by number, the last of each: a raw number or bytes.

    Raises ValueError for what is no message.
    """
    fields: dict[int, int | memoryview] = {}
    view = memoryview(message)
    at = count = 0
    while at < len(message):
        if (count := count + 1) > _MOST_FIELDS:
            raise ValueError(f"more than {_MOST_FIELDS} fields")
        tag, at = _read_varint(view, at)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise ValueError("a field has the number 0")
        if kind == _VARINT:
            fields[number], at = _read_varint(view, at)
            continue
        if kind == _LENGTH:
            length, at = _read_varint(view, at)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"field {number} has the wire type {kind}")
        if length > len(message) - at:
            raise ValueError(f"field {number} is longer than the message")
        fields[number] = view[at : at + length]
        at += length
    return fields


def to_int32(raw: int) -> int:
    """Return the ``int32`` in a raw number: its lowest 32 bits."""
    return (raw + (1 << 31)) % (1 << 32) - (1 << 31)


def to_sint32(raw: int) -> int:
    """Return the ``sint32`` in a raw number."""
    return to_int32((raw & 0xFFFFFFFF) >> 1 ^ -(raw & 1))


def _encode_field(number: int, kind: str, value: Value) -> bytes:
    if kind == TEXT and isinstance(value, str):
        data = value.encode()
        return _write_varint(number << 3 | _LENGTH) + _write_varint(len(data)) + data
    if isinstance(value, str) or isinstance(value, bool) != (kind == BOOL) or kind == TEXT:
        raise ValueError(f"field {number} is {kind}, not {type(value).__name__}")
    if value not in _INT32:
        raise ValueError(f"field {number} has more than 32 bits")
    raw = (value << 1 ^ value >> 31) & 0xFFFFFFFF if kind == SINT else value & _UINT64
    return _write_varint(number << 3 | _VARINT) + _write_varint(raw)


def _write_varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _read_varint(view: memoryview, at: int) -> tuple[int, int]:
    """Return the number at a place, and the place behind it."""
    number = 0
    for place, digit in enumerate(view[at : at + _LONGEST_VARINT]):
        number |= (digit & 0x7F) << 7 * place
        if digit < 0x80:
            return number & _UINT64, at + place + 1
    raise ValueError("a number has no end")
