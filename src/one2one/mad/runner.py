"""Worker threads that carry tasks up to where they wait, and the waits themselves.

Nothing here polls: an idle worker sleeps on a condition, a waiting task has no thread.
"""

import threading
import time
from collections.abc import Callable

from one2one.driver.operation import Pause, Steps, Wait
from one2one.driver.remotes import Remote
from one2one.hybrid.request import Request
from one2one.mad.alarm import Alarm
from one2one.mad.schedule import Schedule
from one2one.opennebula.errors import OneError
from one2one.opennebula.states import State


class Task:
    """One action for one VM, from oned's line to the answer."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.arrived = self.asked = time.monotonic()
        """When the task arrived; infinite if another of its VM was under way then."""
        self.remote: Remote | None = None
        self.steps: Steps | None = None
        """None until it has begun."""
        self.outcome: State | OneError | None = None
        """What its last wait came to."""
        self.cancelled = False
        self.answering = threading.Lock()
        """Held while it is cancelled or answered: nothing may follow a cancellation."""
        self.parked = False


class Runner:
    """Runs the tasks of one VM in order, those of different VMs in parallel. Thread-safe."""

    def __init__(self, threads: int, advance: Callable[[Task], Wait | None]) -> None:
        """Take *advance*, which runs a task until it waits, or returns None where it has ended.

        It must not raise.
        """
        self._advance = advance
        self._changed = threading.Condition()
        self._schedule: Schedule[Task] = Schedule(threads)
        self._alarm = Alarm()
        self._workers = 0
        self._idle = 0

    def add(self, task: Task) -> None:
        """Run *task* after the others of its VM."""
        with self._changed:
            if not self._schedule.add(task.request.host_name, task.request.vm.id, task):
                task.asked = float("inf")
            self._wake()

    def cancel(self, vm_id: int) -> None:
        """End the VM's tasks. What one of them is asking the remote just now is not taken back."""
        with self._changed:
            self._schedule.drop_queued(vm_id)
            task = self._schedule.first(vm_id)
            if task is None:
                return
            with task.answering:
                task.cancelled = True
            if task.parked:
                task.parked = False
                self._schedule.finish(vm_id)
                self._wake()

    def _wake(self) -> None:
        """Let one more worker look at the schedule; the caller holds the lock."""
        if self._idle:
            self._idle -= 1
            self._changed.notify()
        elif self._workers < self._schedule.most_workers():
            self._workers += 1
            threading.Thread(target=self._work, name="worker", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._changed:
                while (found := self._schedule.take()) is None:
                    self._idle += 1
                    self._changed.wait()
            host, task = found
            wait = None if task.cancelled else self._advance(task)
            with self._changed:
                self._schedule.release(host)
                if wait is None or task.cancelled:
                    self._schedule.finish(task.request.vm.id)
                else:
                    task.parked = True
                self._wake()
            if wait is not None:
                self._park(task, wait)

    def _park(self, task: Task, wait: Wait) -> None:
        def resume(outcome: State | OneError | None) -> None:
            with self._changed:
                if task.parked:
                    task.parked = False
                    task.outcome = outcome
                    self._schedule.resume(task.request.host_name, task)
                    self._wake()

        if isinstance(wait, Pause):
            self._alarm.call(wait.seconds, lambda: resume(None))
        elif task.remote is not None:
            task.remote.watch.wait(wait, resume)
