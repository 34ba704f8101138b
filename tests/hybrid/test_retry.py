"""Which calls may be repeated, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid.retry import LIMIT_S, PATIENCE, Attempts, back_off, is_repeatable
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
        ("ATTACHDISK", "one.vm.attach", False),
        ("ATTACHNIC", "one.vm.attachnic", False),
        ("ATTACHNIC", "one.vm.detachnic", True),
        ("DETACHDISK", "one.vm.detach", True),
        ("RESIZEDISK", "one.vm.diskresize", True),
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
    assert is_repeatable(action, Busy("not sent on", call=call, sent=True)) is without_answer
    assert is_repeatable(action, Unreachable("refused", call=call))
    assert is_repeatable(action, Busy("no leader", call=call))


@pytest.mark.parametrize("error", [NotFound, ProtocolError, WrongState])
def test_what_would_fail_again_is_not_repeated(error: type[OneError]) -> None:
    assert not is_repeatable("SHUTDOWN", error("no", call="one.vm.action"))


@pytest.mark.parametrize("kind", [Busy, AuthenticationError])
def test_an_election_and_a_database_are_waited_for_some_seconds(kind: type[OneError]) -> None:
    attempts = Attempts(retries=0)
    error = kind("not now", call="one.template.instantiate")
    pauses = [attempts.pause("DEPLOY", error, age=0, chance=1) for _ in range(PATIENCE + 1)]
    assert pauses.pop() is None
    assert sum(filter(None, pauses)) > 10


def test_what_oned_allows_is_left_when_an_election_is_over() -> None:
    attempts = Attempts(retries=2)
    for _ in range(3):
        assert attempts.pause("SAVE", Busy("no leader"), age=0, chance=0)
    gone = Unreachable("refused")
    assert attempts.pause("SAVE", gone, age=0, chance=0) == 1
    assert attempts.pause("SAVE", gone, age=LIMIT_S - 1, chance=0) is None
    assert attempts.pause("SAVE", gone, age=1, chance=0) is None


def test_a_question_about_a_state_is_answered_at_once() -> None:
    error = Busy("no leader", call="one.vmpool.info")
    assert Attempts(retries=3).pause("POLL", error, age=0, chance=0) is None


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_grow_to_a_minute_and_are_never_all_the_same(attempt: int, chance: float) -> None:
    longest = min(2 ** (attempt - 1), 60)
    assert longest / 2 <= back_off(attempt, chance) <= longest
