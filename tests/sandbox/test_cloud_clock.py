"""Time in the sandbox: a real clock, and a clock that only a test moves."""

import threading

import pytest

from opennebula_sandbox.cloud.clock import Clock


def test_virtual_time_passes_only_when_told() -> None:
    clock = Clock(virtual=True)
    happened: list[float] = []
    start = clock.now()
    clock.after(10, lambda: happened.append(clock.now() - start))
    clock.after(5, lambda: happened.append(clock.now() - start))
    clock.advance(4)
    assert not happened
    clock.advance(10)
    assert happened == pytest.approx([5, 10])
    assert clock.now() - start == pytest.approx(14)


def test_settling_runs_what_actions_bring_about() -> None:
    clock, happened = Clock(virtual=True), []
    clock.after(3600, lambda: clock.after(3600, lambda: happened.append("later")))
    clock.settle()
    assert happened == ["later"]


def test_cancelled_actions_do_not_happen() -> None:
    clock, happened = Clock(virtual=True), []
    clock.after(1, lambda: happened.append("no")).cancelled = True
    clock.settle()
    assert not happened


def test_a_jump_changes_the_time_and_nothing_else() -> None:
    clock, happened = Clock(virtual=True), []
    clock.after(10, lambda: happened.append("ten"))
    before = clock.now()
    clock.jump(-3600)
    clock.advance(9)
    assert not happened
    assert clock.now() == pytest.approx(before - 3600 + 9)


def test_real_time_runs_actions_in_order_and_ends() -> None:
    clock, happened = Clock(), []
    clock.start()
    clock.after(0.02, lambda: happened.append("second"))
    clock.after(0.01, lambda: happened.append("first"))
    clock.settle()
    assert happened == ["first", "second"]
    clock.after(3600, lambda: happened.append("never"))
    with pytest.raises(TimeoutError):
        clock.settle(timeout=0.01)
    clock.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "sandbox-clock"]
