"""Those that wait are called back, whatever becomes of a reading or of another's callback."""

import queue
import time
from collections.abc import Iterable

import pytest

from one2one.driver.watch import StateWait, Watch
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.connection import Endpoint
from one2one.opennebula.errors import Busy, InternalError, OneError
from one2one.opennebula.records import VmRow
from one2one.opennebula.states import RUNNING, State, VmState
from tests.threads import bugs, no_more_threads

OFF = State(VmState.POWEROFF)


class Remote(Cloud):
    """A cloud whose VMs are off; the first readings may end in a bug."""

    def __init__(self, *bugs: Exception) -> None:
        super().__init__(Endpoint("http://127.0.0.1:1/RPC2"), "burst:geheim")
        self._bugs = list(bugs)

    def list_vms_by_id(self, vm_ids: Iterable[int]) -> list[VmRow]:
        if self._bugs:
            raise self._bugs.pop()
        return [VmRow(vm_id, f"one-{vm_id}", OFF, "", 0) for vm_id in vm_ids]


class Waiter:
    """Waits for a VM that runs to be anything else."""

    def __init__(self, watch: Watch, vm_id: int) -> None:
        self._answers: queue.SimpleQueue[State | OneError] = queue.SimpleQueue()
        watch.wait(StateWait(vm_id, RUNNING, time.monotonic() + 60), self._answers.put)

    def answer(self) -> State | OneError:
        return self._answers.get(timeout=30)


@pytest.mark.parametrize(
    "bug", [ValueError("-5"), RecursionError("too deep"), MemoryError(), AssertionError()]
)
def test_after_a_bug_those_that_wait_are_answered_and_the_next_are_served(bug: Exception) -> None:
    watch = Watch(Remote(bug))
    waiters = [Waiter(watch, 1), Waiter(watch, 2)]
    for waiter in waiters:
        answer = waiter.answer()
        assert isinstance(answer, InternalError)
        assert type(bug).__name__ in str(answer)
        assert str(answer).endswith("Report it")
    assert Waiter(watch, 3).answer() == OFF


def test_a_callback_with_a_bug_takes_nothing_from_the_others() -> None:
    def fail(_answer: State | OneError) -> None:
        raise KeyError("callback")

    watch = Watch(Remote())
    with bugs() as found:
        watch.wait(StateWait(1, RUNNING, time.monotonic() + 60), fail)
        assert Waiter(watch, 2).answer() == OFF
    assert found == ["KeyError('callback')"]


def test_without_a_thread_nothing_waits_until_there_is_one() -> None:
    watch = Watch(Remote())
    with no_more_threads(), pytest.raises(Busy, match="no thread can be started"):
        Waiter(watch, 1)
    assert Waiter(watch, 2).answer() == OFF
