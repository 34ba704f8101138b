"""Time in the sandbox: actions at a later time, and waits for a condition.

All that a simulated cloud does without a call is an action of its clock. A real clock runs the
actions in its own thread; a virtual clock stands still until a test moves it. The clock's
``lock`` guards the whole cloud: actions hold it, and all code that reads or changes the cloud
must hold it. Code that changes the cloud must call ``lock.notify_all()``.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(order=True)
class Timer:
    """An action that is due at a certain time."""

    due: float
    number: int
    action: Callable[[], object] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)


class Clock:
    """A real clock, or a *virtual* one."""

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
        """Start to run actions; a virtual clock needs no start."""
        if not self._virtual:
            self._running = True
            self._thread.start()

    def stop(self) -> None:
        """Stop: run no more actions."""
        with self.lock:
            self._running = False
            self._timers.clear()
            self.lock.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def now(self) -> float:
        """Return the cloud's time in seconds since 1970."""
        return self._now() + self._ahead

    def jump(self, seconds: float) -> None:
        """Move ``now`` *seconds* ahead, or back if negative; no action becomes due by this."""
        self._ahead += seconds

    def after(self, seconds: float, action: Callable[[], object]) -> Timer:
        """Run *action* once, in *seconds*."""
        with self.lock:
            timer = Timer(self._now() + seconds, next(self._numbers), action)
            heapq.heappush(self._timers, timer)
            self.lock.notify_all()
            return timer

    def advance(self, seconds: float) -> None:
        """Move a virtual clock by *seconds*, and run the actions that become due."""
        with self.lock:
            end = self._elapsed + seconds
            while self._step(end):
                pass
            self._elapsed = end

    def settle(self, timeout: float = 30.0) -> None:
        """Wait until no action is left; a virtual clock runs them all now.

        Raises TimeoutError if actions are left after *timeout* seconds of real time.
        """
        if not self.wait_for(lambda: not self._has_pending(), timeout):
            raise TimeoutError(f"the cloud did not settle within {timeout:g} s")

    def wait_for(self, condition: Callable[[], bool], timeout: float = 30.0) -> bool:
        """Wait at most *timeout* real seconds until *condition* is true; return its last result.

        The clock calls it under the lock, so it must not wait for an answer of the cloud.
        """
        with self.lock:
            while self._virtual and not condition() and self._step(None):
                pass
            return self.lock.wait_for(condition, timeout)

    def _now(self) -> float:
        return self._elapsed if self._virtual else time.monotonic()

    def _has_pending(self) -> bool:
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        return bool(self._timers)

    def _step(self, end: float | None) -> bool:
        """Run the next action of a virtual clock that is due by *end*; return False without one."""
        if not self._has_pending() or (end is not None and self._timers[0].due > end):
            return False
        timer = heapq.heappop(self._timers)
        self._elapsed = max(self._elapsed, timer.due)
        timer.action()
        self.lock.notify_all()
        return True

    def _run(self) -> None:
        with self.lock:
            while self._running:
                if not self._has_pending():
                    self.lock.wait()
                    continue
                left = self._timers[0].due - time.monotonic()
                if left > 0:
                    self.lock.wait(left)
                    continue
                heapq.heappop(self._timers).action()
                self.lock.notify_all()
