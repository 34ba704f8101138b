"""A number is what OpenNebula writes, and nothing else that Python reads."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.opennebula.numbers import parse_number, parse_whole

NO_NUMBERS = (
    *("", " 7", "7\n", "1_0", "１０", "٣", "²", "nan", "inf", "0x10", "1e", "."),
    *("1e999", "9" * 400, "1,5", "--1", "no"),
)


@pytest.mark.parametrize("text", [None, *NO_NUMBERS])
def test_what_is_no_number_is_none(text: str | None) -> None:
    assert parse_number(text) is None
    assert parse_whole(text) is None


@pytest.mark.parametrize("text", ["1.0", "1e3", ".5"])
def test_a_whole_number_has_digits_alone(text: str) -> None:
    assert parse_whole(text) is None


@given(st.integers(-(10**20) + 1, 10**20 - 1))
def test_every_whole_number_is_read(number: int) -> None:
    assert parse_whole(str(number)) == number
    assert parse_number(str(number)) == float(number)


@given(st.floats(1e-9, 1e15))
def test_what_oned_prints_is_read(number: float) -> None:
    assert parse_number(f"{number:g}") == float(f"{number:g}")


@given(st.text())
def test_any_text_is_a_finite_number_or_none(text: str) -> None:
    number = parse_number(text)
    assert number is None or math.isfinite(number)
