"""Order within a VM, whatever the threads, the waits and the cancellations."""

import queue
import threading
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one2one.driver.operation import Pause, Wait
from one2one.hybrid.request import Request
from one2one.mad.runner import Runner, Task
from one2one.opennebula.errors import Busy
from one2one.opennebula.records import Placement, Vm
from one2one.opennebula.states import RUNNING
from tests.threads import bugs, no_more_threads

CANCEL = None
steps = st.tuples(
    st.integers(0, 4),
    st.sampled_from("abc"),
    st.one_of(st.integers(0, 3), st.just(CANCEL)),
)
"""For which VM, on which host, and with how many waits; or that VM's tasks are cancelled."""


def task(vm_id: int, host: str) -> Task:
    history = (Placement(0, host, 0),)
    vm = Vm(id=vm_id, name="", state=RUNNING, deploy_id="", stime=0, history=history)
    return Task(Request("REBOOT", vm, host, ""))


@dataclass
class Work:
    """Carries tasks out, and notes what it sees."""

    waits: dict[Task, int] = field(default_factory=dict)
    begun: defaultdict[int, list[Task]] = field(default_factory=lambda: defaultdict(list))
    open: dict[int, Task] = field(default_factory=dict)
    ended: set[Task] = field(default_factory=set)
    overlaps: list[Task] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def advance(self, task: Task) -> Wait | None:
        vm_id = task.request.vm.id
        with self.changed:
            other = self.open.get(vm_id)
            if other is not None and other is not task and not other.cancelled:
                self.overlaps.append(task)
            if other is not task:
                self.begun[vm_id].append(task)
                self.open[vm_id] = task
            if self.waits[task]:
                self.waits[task] -= 1
                return Pause(0.0)
            del self.open[vm_id]
            self.ended.add(task)
            self.changed.notify_all()
            return None

    def has_ended(self, kept: dict[int, list[Task]]) -> bool:
        """Tell whether all that was not cancelled was carried out."""
        return all(one in self.ended for tasks in kept.values() for one in tasks)


@given(st.lists(steps, max_size=40), st.integers(1, 6))
@settings(max_examples=60)
def test_any_interleaving_keeps_each_vms_order(
    not_before: list[tuple[int, str, int | None]], threads: int
) -> None:
    work = Work()
    runner = Runner(threads, work.advance)
    added: defaultdict[int, list[Task]] = defaultdict(list)
    kept: defaultdict[int, list[Task]] = defaultdict(list)
    for vm_id, host, waits in not_before:
        if waits is CANCEL:
            runner.cancel(vm_id)
            kept[vm_id].clear()
            continue
        new = task(vm_id, host)
        work.waits[new] = waits
        added[vm_id].append(new)
        kept[vm_id].append(new)
        runner.add(new)
    with work.changed:
        assert work.changed.wait_for(lambda: work.has_ended(kept), 20)
    assert work.overlaps == []
    for vm_id, tasks in work.begun.items():
        places = [added[vm_id].index(one) for one in tasks]
        assert places == sorted(set(places)), "in order, and none twice"


def wait_ended(work: Work, *tasks: Task) -> bool:
    with work.changed:
        return work.changed.wait_for(lambda: work.ended.issuperset(tasks), 20)


def test_a_task_behind_another_of_its_vm_uses_no_reading_from_before() -> None:
    ended, reached = threading.Event(), threading.Event()

    def advance(_: Task) -> Wait | None:
        reached.set()
        ended.wait(10)
        return None

    runner = Runner(2, advance)
    first, second, of_another_vm = task(1, "a"), task(1, "a"), task(2, "a")
    runner.add(first)
    reached.wait(10)
    for later in (second, of_another_vm):
        runner.add(later)
    ended.set()
    assert (first.not_before, of_another_vm.not_before) == (first.arrived, of_another_vm.arrived)
    assert second.not_before == float("inf"), "the first may have made what the reading lacks"


def test_a_task_that_ends_in_a_bug_takes_nothing_from_the_others() -> None:
    work = Work()
    broken, behind, beside = task(1, "a"), task(1, "a"), task(2, "a")
    work.waits |= {behind: 1, beside: 1}
    runner = Runner(1, work.advance)
    with bugs() as found:
        for one in (broken, behind, beside):
            runner.add(one)
        assert wait_ended(work, behind, beside)
    assert len(found) == 1
    assert found[0].startswith("KeyError")


def test_without_a_thread_a_task_is_refused_and_the_next_one_is_carried_out() -> None:
    work = Work()
    refused, next_one = task(1, "a"), task(1, "a")
    work.waits[next_one] = 1
    runner = Runner(2, work.advance)
    with no_more_threads(), pytest.raises(Busy, match="no thread can be started"):
        runner.add(refused)
    runner.add(next_one)
    assert wait_ended(work, next_one)
    assert work.begun[1] == [next_one]


def test_where_no_more_threads_can_be_started_the_worker_that_there_is_does_it_all() -> None:
    work = Work()
    tasks = [task(vm_id, host) for vm_id, host in enumerate("aabb")]
    work.waits = dict.fromkeys(tasks, 0)
    runner = Runner(4, work.advance)
    runner.add(tasks[0])
    assert wait_ended(work, tasks[0])
    with no_more_threads():
        for one in tasks[1:]:
            runner.add(one)
        assert wait_ended(work, *tasks)


def test_a_wait_for_which_there_is_no_thread_is_over_at_once_with_the_reason() -> None:
    outcomes: queue.SimpleQueue[object] = queue.SimpleQueue()
    waiting = task(2, "a")

    def advance(task: Task) -> Wait | None:
        outcomes.put(task.outcome)
        return Pause(60.0) if task is waiting and task.outcome is None else None

    runner = Runner(1, advance)
    runner.add(task(1, "a"))
    assert outcomes.get(timeout=30) is None
    with no_more_threads():
        runner.add(waiting)
        assert outcomes.get(timeout=30) is None
        assert isinstance(outcomes.get(timeout=30), Busy)
