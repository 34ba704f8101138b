"""What may be made again, and how soon."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid.retry import back_off, is_repeatable
from one2one.opennebula.errors import (
    AuthenticationError,
    Busy,
    NotFound,
    OneError,
    ProtocolError,
    Unreachable,
    WrongState,
)


@pytest.mark.parametrize(
    ("action", "call", "without_answer"),
    [
        ("DEPLOY", "one.template.instantiate", False),
        ("REBOOT", "one.vm.action", False),
        ("RESET", "one.vm.action", False),
        ("DEPLOY", "one.vmpool.info", True),
        ("DEPLOY", "one.vm.action", True),
        ("SHUTDOWN", "one.vm.action", True),
        ("SAVE", "one.vmpool.infoset", True),
        ("CLEANUP", "one.vm.info", True),
    ],
)
def test_only_what_cannot_take_effect_twice_is_repeated(
    action: str, call: str, without_answer: bool
) -> None:
    assert is_repeatable(action, Unreachable("closed", call=call, sent=True)) is without_answer
    assert is_repeatable(action, Unreachable("refused", call=call))
    assert is_repeatable(action, Busy("locked", call=call))


@pytest.mark.parametrize("error", [AuthenticationError, NotFound, ProtocolError, WrongState])
def test_what_would_fail_again_is_not_repeated(error: type[OneError]) -> None:
    assert not is_repeatable("SHUTDOWN", error("no", call="one.vm.action"))


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_grow_to_a_minute_and_are_never_all_the_same(attempt: int, chance: float) -> None:
    longest = min(2 ** (attempt - 1), 60)
    assert longest / 2 <= back_off(attempt, chance) <= longest
