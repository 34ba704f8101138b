"""Many processes in one thread: tasks that run one at a time, in virtual time, by a seed.

A task is a greenlet. It runs until it waits. Then the scheduler picks, by the seed, one of those
that can go on; when none can, time moves to the next moment at which something happens. So the
same seed gives the same history, and an hour takes as long as what happens in it.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial

from greenlet import GreenletExit, getcurrent, greenlet


class Group:
    """Tasks that end together when it is down: a process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_down = False


class Task:
    """A thread of a process."""

    __slots__ = ("group", "name", "run", "waits")

    run: greenlet

    def __init__(self, group: Group, name: str) -> None:
        self.group = group
        self.name = name
        self.waits = 0
        """How often it has waited: a wake-up for an earlier wait does nothing."""


class Scheduler:
    """Time, and the tasks that live in it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed).random
        self.now = 0.0
        """Seconds since the beginning."""
        self.steps = 0
        """How often something happened: a task went on, or something arrived or was due."""
        self.failures: list[tuple[str, BaseException]] = []
        """Tasks that ended with an exception."""
        self.current: Task | None = None
        """The task that runs."""
        self._main = getcurrent()
        self._ready: list[Task] = []
        self._tasks: list[Task] = []
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._is_over = False

    def spawn(
        self, group: Group, name: str, work: Callable[[], object], context: Context | None = None
    ) -> None:
        """Start a task of *group*, which sees *context*, by default that of its maker."""
        task = Task(group, name)
        task.run = greenlet(partial(self._live, task, work), self._main)
        task.run.gr_context = copy_context() if context is None else context.copy()
        self._tasks.append(task)
        self._ready.append(task)

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call *call*, which must not wait, in so many seconds."""
        heapq.heappush(self._due, (self.now + seconds, next(self._numbers), call))

    def wait(self, seconds: float | None = None) -> bool:
        """Let the present task wait until it is woken; False when *seconds* passed before."""
        task = self.current
        if task is None or self._is_over:
            raise GreenletExit
        task.waits += 1
        number, in_time = task.waits, True

        def expire() -> None:
            nonlocal in_time
            if task.waits == number:
                in_time = False
                self.wake(task, number)

        if seconds is not None:
            self.after(max(0.0, seconds), expire)
        self._main.switch()
        return in_time

    def wake(self, task: Task, number: int) -> None:
        """End the wait that had *number*, if the task is still in it."""
        if task.waits == number and not task.group.is_down:
            task.waits += 1
            self._ready.append(task)

    def step(self) -> bool:
        """Let one task go on, or the next thing happen; False when nothing ever can."""
        self.steps += 1
        if not self._ready:
            if not self._due:
                return False
            self.now, _, call = heapq.heappop(self._due)
            call()
            return True
        number = len(self._ready)
        task = self._ready.pop(int(self.random() * number) if number > 1 else 0)
        if not task.group.is_down:
            self.current = task
            task.run.switch()
            self.current = None
        return True

    def close(self) -> None:
        """End all tasks."""
        self._is_over = True
        for task in self._tasks:
            if not task.run.dead:
                task.run.throw(GreenletExit)
        self._tasks.clear()

    def _live(self, task: Task, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the scheduler goes on, the simulation fails
            if not self._is_over:
                self.failures.append((f"{task.group.name}/{task.name}", error))
        finally:
            if not self._is_over:
                self._tasks.remove(task)
