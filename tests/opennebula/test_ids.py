"""An id is a whole number from 0 to 2³¹−1, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.opennebula.ids import MAX_ID, read_id


@given(st.integers(0, MAX_ID))
def test_every_id_is_read(number: int) -> None:
    assert read_id(str(number)) == number


NO_IDS = ("", " 7", "7\n", "-1", "+1", "07", "00", "1.0", "1e3", "0x10", "1_0", "٣", "²", "no")
TOO_LARGE = (str(MAX_ID + 1), "99999999999", "9" * 5000)


@pytest.mark.parametrize("text", [None, *NO_IDS, *TOO_LARGE])
def test_what_is_no_id_names_nothing(text: str | None) -> None:
    assert read_id(text) is None


@given(st.text())
def test_any_text_is_an_id_or_none(text: str) -> None:
    number = read_id(text)
    assert number is None or str(number) == text
