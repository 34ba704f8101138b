"""What ``threading`` has for tasks to wait for each other, in virtual time."""

from collections import deque

from tests.simulation.scheduler import Scheduler, Task

_OFTEN = 0.03
"""How often a task is held up as it takes a lock, as by a scheduler that lets others run."""
_HELD_UP_S = 0.02


class Queue:
    """Tasks that wait for the same thing, in the order in which they came."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._waiting: deque[tuple[Task, int]] = deque()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait to be woken; tell whether that came within *seconds*."""
        if (task := self._scheduler.current) is not None:
            self._waiting.append((task, task.waits + 1))
        return self._scheduler.wait(seconds)

    def wake(self, most: int) -> None:
        """Wake so many of those that still wait."""
        while self._waiting and most:
            task, number = self._waiting.popleft()
            if task.waits == number and not task.group.is_down:
                self._scheduler.wake(task, number)
                most -= 1

    def wake_all(self) -> None:
        """Wake all."""
        self.wake(len(self._waiting))


class Semaphore:
    """``threading.Semaphore``."""

    def __init__(self, scheduler: Scheduler, value: int) -> None:
        self._scheduler = scheduler
        self._queue = Queue(scheduler)
        self._value = value

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        if self._scheduler.random() < _OFTEN:
            self._scheduler.wait(_HELD_UP_S * self._scheduler.random())
        end = None if timeout is None else self._scheduler.now + timeout
        while not self._value:
            left = None if end is None else end - self._scheduler.now
            if not blocking or (left is not None and left <= 0):
                return False
            self._queue.wait(left)
        self._value -= 1
        return True

    def release(self, n: int = 1) -> None:
        self._value += n
        self._queue.wake(n)


class Lock:
    """``threading.Lock``."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._semaphore = Semaphore(scheduler, 1)

    def __enter__(self) -> bool:
        return self._semaphore.acquire()

    def __exit__(self, *_: object) -> None:
        self._semaphore.release()


class ReentrantLock(Lock):
    """``threading.RLock``."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler)
        self._scheduler = scheduler
        self._owner: Task | None = None
        self._count = 0

    def __enter__(self) -> bool:
        if self._owner is not self._scheduler.current or self._owner is None:
            super().__enter__()
            self._owner = self._scheduler.current
        self._count += 1
        return True

    def __exit__(self, *error: object) -> None:
        self._count -= 1
        if not self._count:
            self._owner = None
            super().__exit__(*error)


class Condition(Lock):
    """``threading.Condition``."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler)
        self._queue = Queue(scheduler)

    def wait(self, timeout: float | None = None) -> bool:
        self._semaphore.release()
        woken = self._queue.wait(timeout)
        self._semaphore.acquire()
        return woken

    def notify(self, n: int = 1) -> None:
        self._queue.wake(n)


class Event:
    """``threading.Event``."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._queue = Queue(scheduler)
        self._is_set = False

    def set(self) -> None:
        self._is_set = True
        self._queue.wake_all()

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set:
            self._queue.wait(timeout)
        return self._is_set
