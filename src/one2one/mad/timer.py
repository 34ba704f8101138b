"""Calls after some seconds, any number of them with one thread."""

import heapq
import itertools
from collections.abc import Callable

from one2one import runtime
from one2one.driver.threads import run_guarded, start_thread

Callback = Callable[[], object]


class Timer:
    """Calls that are due later. Thread-safe; its thread lasts as long as any are left."""

    def __init__(self) -> None:
        self._changed = runtime.condition()
        self._calls: list[tuple[float, int, Callback]] = []
        self._numbers = itertools.count()
        self._running = False

    def call_later(self, seconds: float, callback: Callback) -> None:
        """Call *callback* after *seconds*; raises Busy when no thread can call it."""
        with self._changed:
            if not self._running:
                start_thread("timer", self._run)
                self._running = True
            due = runtime.monotonic() + seconds
            heapq.heappush(self._calls, (due, next(self._numbers), callback))
            self._changed.notify()

    def _run(self) -> None:
        while callback := self._next():
            run_guarded(callback)

    def _next(self) -> Callback | None:
        """Wait for the next call that is due, None where none is left."""
        with self._changed:
            while self._calls:
                rest = self._calls[0][0] - runtime.monotonic()
                if rest <= 0:
                    return heapq.heappop(self._calls)[2]
                self._changed.wait(rest)
            self._running = False
            return None
