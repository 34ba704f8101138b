"""When calls to a cloud that does not answer stop, and for how long."""

import pytest

from one2one.opennebula.breaker import FAILURES, OPEN_S, Breaker
from one2one.opennebula.errors import Unreachable


def open_breaker(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        assert not breaker.admit(now)
        breaker.record_failure(Unreachable("no route", remedy="Repair it", sent=True), now)
    return breaker


def test_calls_after_a_row_of_failures_fail_with_the_last_reason() -> None:
    with pytest.raises(Unreachable) as caught:
        open_breaker().admit(OPEN_S / 2)
    assert (caught.value.cause, caught.value.remedy) == ("no route", "Repair it")
    assert not caught.value.sent


def test_one_call_in_a_while_is_let_through() -> None:
    breaker = open_breaker()
    for now in (OPEN_S, 2 * OPEN_S, 3 * OPEN_S):
        assert breaker.admit(now)
        with pytest.raises(Unreachable):
            breaker.admit(now)


def test_an_answer_ends_it() -> None:
    breaker = open_breaker()
    assert breaker.admit(OPEN_S)
    breaker.record_answer()
    assert not breaker.admit(OPEN_S)


def test_an_answer_breaks_the_row() -> None:
    breaker = Breaker()
    for _ in range(2 * FAILURES):
        assert not breaker.admit(0.0)
        breaker.record_failure(Unreachable("no route"), 0.0)
        breaker.record_answer()
