"""Timer calls happen, even when another call fails."""

import queue

import pytest

from one2one.mad.timer import Timer
from one2one.opennebula.errors import Busy
from tests.threads import bugs, no_more_threads


def test_a_call_with_a_bug_takes_nothing_from_the_others() -> None:
    called: queue.SimpleQueue[str] = queue.SimpleQueue()

    def fail() -> None:
        raise KeyError("call")

    timer = Timer()
    with bugs() as found:
        timer.call_later(0.0, fail)
        timer.call_later(0.01, lambda: called.put("next"))
        assert called.get(timeout=30) == "next"
    assert found == ["KeyError('call')"]


def test_without_a_thread_nothing_is_due_until_there_is_one() -> None:
    called: queue.SimpleQueue[str] = queue.SimpleQueue()
    timer = Timer()
    with no_more_threads(), pytest.raises(Busy, match="no thread can be started"):
        timer.call_later(0.0, lambda: called.put("refused"))
    timer.call_later(0.0, lambda: called.put("called"))
    assert called.get(timeout=30) == "called"
