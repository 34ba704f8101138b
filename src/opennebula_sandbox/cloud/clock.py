"""Time in the sandbox: what to do later, and waiting until something has happened.

Everything that happens by itself in a simulated cloud is an action of its clock. A real clock
runs them in a thread of its own; a virtual one stands still until a test moves it. The clock's
``lock`` guards the whole cloud: actions run under it, and so must everything that reads or
changes the cloud. What changes it says so with ``lock.notify_all()``.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(order=True)
class Timer:
    """An action that is due at some time."""

    due: float
    number: int
    action: Callable[[], object] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)


class Clock:
    """A clock, real unless it is *virtual*."""

    def __init__(self, *, virtual: bool = False) -> None:
        self.lock = threading.Condition()
        self._virtual = virtual
        self._elapsed = 0.0 if virtual else time.monotonic()
        self._ahead = time.time() - self._elapsed
        self._numbers = itertools.count()
        self._timers: list[Timer] = []
        self._running = False
        self._thread = threading.Thread(target=self._run, name="sandbox-clock", daemon=True)

    def start(self) -> None:
        """Begin to run actions; a virtual clock needs no start."""
        if not self._virtual:
            self._running = True
            self._thread.start()

    def stop(self) -> None:
        """Run no more actions."""
        with self.lock:
            self._running = False
            self._timers.clear()
            self.lock.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def now(self) -> float:
        """Return the time in seconds since 1970, as the cloud sees it."""
        return self._now() + self._ahead

    def jump(self, seconds: float) -> None:
        """Set what ``now`` tells *seconds* ahead, or back; nothing becomes due by it."""
        self._ahead += seconds

    def after(self, seconds: float, action: Callable[[], object]) -> Timer:
        """Run *action* once, in *seconds*."""
        with self.lock:
            timer = Timer(self._now() + seconds, next(self._numbers), action)
            heapq.heappush(self._timers, timer)
            self.lock.notify_all()
            return timer

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass on a virtual clock."""
        with self.lock:
            end = self._elapsed + seconds
            while self._step(end):
                pass
            self._elapsed = end

    def settle(self, timeout: float = 30.0) -> None:
        """Wait until nothing is left to happen; on a virtual clock, let it happen now.

        Raises TimeoutError when something still is after *timeout* seconds of real time.
        """
        if not self.wait_for(lambda: not self._pending(), timeout):
            raise TimeoutError(f"the cloud did not settle within {timeout:g} s")

    def wait_for(self, condition: Callable[[], bool], timeout: float = 30.0) -> bool:
        """Wait until *condition* holds; tell whether it does after *timeout* real seconds.

        It is asked under the lock, so it must not wait for the cloud's answer to a call.
        """
        with self.lock:
            while self._virtual and not condition() and self._step(None):
                pass
            return self.lock.wait_for(condition, timeout)

    def _now(self) -> float:
        return self._elapsed if self._virtual else time.monotonic()

    def _pending(self) -> bool:
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        return bool(self._timers)

    def _step(self, end: float | None) -> bool:
        """Run the next action of a virtual clock that is due by *end*; tell whether any was."""
        if not self._pending() or (end is not None and self._timers[0].due > end):
            return False
        timer = heapq.heappop(self._timers)
        self._elapsed = max(self._elapsed, timer.due)
        timer.action()
        self.lock.notify_all()
        return True

    def _run(self) -> None:
        with self.lock:
            while self._running:
                if not self._pending():
                    self.lock.wait()
                    continue
                left = self._timers[0].due - time.monotonic()
                if left > 0:
                    self.lock.wait(left)
                    continue
                heapq.heappop(self._timers).action()
                self.lock.notify_all()
