"""Worker threads that carry tasks up to where they wait, and the waits themselves.

Nothing here polls: an idle worker sleeps on a condition, a waiting task has no thread.
"""

import contextlib
from collections.abc import Callable
from functools import partial

from one2one import runtime
from one2one.driver.operation import Job, Outcome, Pause, Steps, Wait
from one2one.driver.threads import run_guarded, start_thread
from one2one.hybrid.request import Request
from one2one.mad.task_queue import TaskQueue
from one2one.mad.timer import Timer
from one2one.opennebula.errors import Busy, to_one_error


class Task:
    """One action for one VM, from oned's line to the answer."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.arrived = self.not_before = runtime.monotonic()
        """When the task arrived; infinite if another of its VM was under way then."""
        self.job: Job | None = None
        self.steps: Steps | None = None
        """None until it has begun, as *job*."""
        self.outcome: Outcome = None
        """What its last wait came to."""
        self.cancelled = False
        self.answering = runtime.lock()
        """Held while it is cancelled or answered: nothing may follow a cancellation."""
        self.parked = False


class Runner:
    """Runs the tasks of one VM in order, those of different VMs in parallel. Thread-safe."""

    def __init__(self, threads: int, advance: Callable[[Task], Wait | None]) -> None:
        """Take *advance*, which runs a task until it waits, or returns None where it has ended.

        A task whose *advance* raises is dropped without an answer.
        """
        self._advance = advance
        self._changed = runtime.condition()
        self._queue: TaskQueue[Task] = TaskQueue(threads)
        self._timer = Timer()
        self._workers = 0
        self._idle = 0

    def add(self, task: Task) -> None:
        """Run *task* after the others of its VM; raises Busy where there is no thread at all."""
        with self._changed:
            is_first = not self._workers
            if is_first:
                self._hire()
            if not self._queue.add(task.request.host_name, task.request.vm.id, task):
                task.not_before = float("inf")
            if not is_first:
                self._wake()

    def cancel(self, vm_id: int) -> None:
        """End the VM's tasks. A call to the remote that is under way is not undone."""
        with self._changed:
            self._queue.drop_queued(vm_id)
            task = self._queue.get_first(vm_id)
            if task is None:
                return
            with task.answering:
                task.cancelled = True
            if task.parked:
                task.parked = False
                self._queue.finish(vm_id)
                self._wake()

    def _wake(self) -> None:
        """Let one more worker look at the schedule; the caller holds the lock.

        Where there can be no more of them, those that there are have more to do.
        """
        if self._idle:
            self._idle -= 1
            self._changed.notify()
        elif self._workers < self._queue.count_workers():
            with contextlib.suppress(Busy):
                self._hire()

    def _hire(self) -> None:
        start_thread("worker", self._work)
        self._workers += 1

    def _work(self) -> None:
        while True:
            with self._changed:
                while (ready := self._queue.take()) is None:
                    self._idle += 1
                    self._changed.wait()
            run_guarded(partial(self._run, *ready))

    def _run(self, host: str, task: Task) -> None:
        """Carry *task*, of *host*, on until it waits or ends."""
        wait = None
        try:
            if not task.cancelled:
                wait = self._advance(task)
        finally:
            with self._changed:
                self._queue.release(host)
                if wait is None or task.cancelled:
                    self._queue.finish(task.request.vm.id)
                else:
                    task.parked = True
                self._wake()
        if wait is not None:
            self._park(task, wait)

    def _park(self, task: Task, wait: Wait) -> None:
        def resume(outcome: Outcome) -> None:
            with self._changed:
                if task.parked:
                    task.parked = False
                    task.outcome = outcome
                    self._queue.resume(task.request.host_name, task)
                    self._wake()

        try:
            if isinstance(wait, Pause):
                self._timer.call_later(wait.seconds, lambda: resume(None))
            else:
                assert task.job is not None  # noqa: S101 - what waits has begun
                task.job.remote.watch.wait(wait, resume)
        except Exception as error:  # noqa: BLE001 - what nothing waits for would never be resumed
            resume(to_one_error(error))
