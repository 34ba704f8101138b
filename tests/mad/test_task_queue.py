"""Order within a VM, fairness among hosts."""

from hypothesis import given
from hypothesis import strategies as st

from one2one.mad.task_queue import TaskQueue

jobs = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5)), max_size=60)


@given(jobs, st.integers(1, 6), st.randoms(use_true_random=False))
def test_any_interleaving_keeps_each_vms_order(
    not_before: list[tuple[str, int]], workers: int, random: object
) -> None:
    schedule: TaskQueue[tuple[int, int]] = TaskQueue(workers)
    for number, (host, vm_id) in enumerate(not_before):
        schedule.add(host, vm_id, (vm_id, number))
    running: list[tuple[str, tuple[int, int]]] = []
    ended: list[tuple[int, int]] = []
    while True:
        while len(running) < workers and (found := schedule.take()):
            assert found[1][0] not in [task[0] for _, task in running], "one at a time for a VM"
            running.append(found)
        if not running:
            break
        host, task = running.pop(random.randrange(len(running)))  # type: ignore[attr-defined]
        schedule.release(host)
        if random.random() < 0.3:  # type: ignore[attr-defined]
            schedule.resume(host, task)
        else:
            schedule.finish(task[0])
            ended.append(task)
    assert len(ended) == len(not_before)
    for vm_id in range(6):
        numbers = [number for vm, number in ended if vm == vm_id]
        assert numbers == sorted(numbers)


def test_a_host_with_a_long_queue_leaves_workers_to_the_others() -> None:
    schedule: TaskQueue[int] = TaskQueue(15)
    for vm_id in range(500):
        schedule.add("dead", vm_id, vm_id)
    stuck = 0
    while schedule.take():
        stuck += 1
    assert stuck == 10
    schedule.add("good", 1000, 1000)
    assert schedule.take() == ("good", 1000)


def test_a_host_that_comes_last_gets_a_worker_at_once() -> None:
    schedule: TaskQueue[int] = TaskQueue(15)
    taken: list[str] = []
    for number, host in enumerate(("dead", "slow", "good")):
        for vm_id in range(20):
            schedule.add(host, 100 * number + vm_id, vm_id)
        while len(taken) < schedule.count_workers() and (found := schedule.take()):
            taken.append(found[0])
    assert (taken.count("dead"), taken.count("slow"), taken.count("good")) == (10, 5, 1)


def test_hosts_take_turns() -> None:
    schedule: TaskQueue[int] = TaskQueue(6)
    for vm_id in range(10):
        schedule.add("a", vm_id, vm_id)
        schedule.add("b", 100 + vm_id, 100 + vm_id)
    hosts = [found[0] for _ in range(6) if (found := schedule.take())]
    assert hosts == ["a", "b", "a", "b", "a", "b"]


def test_a_cancelled_vm_forgets_what_was_queued() -> None:
    schedule: TaskQueue[str] = TaskQueue(2)
    schedule.add("a", 7, "running")
    schedule.add("a", 7, "queued")
    assert schedule.take() == ("a", "running")
    schedule.drop_queued(7)
    schedule.release("a")
    schedule.finish(7)
    assert schedule.take() is None
    assert schedule.get_first(7) is None
