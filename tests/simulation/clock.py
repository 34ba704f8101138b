"""The sandbox's clock in virtual time: what happens by itself in a cloud is due like all else."""

from collections.abc import Callable

from opennebula_sandbox.cloud.clock import Clock, Timer
from tests.simulation.process import EPOCH
from tests.simulation.scheduler import Scheduler


class _NoLock:
    """The lock of a cloud whose every call is over before another begins."""

    def __init__(self) -> None:
        self.changed = True

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *_: object) -> None:
        pass

    def notify_all(self) -> None:
        self.changed = True


class SimulatedClock(Clock):
    """The clock of one cloud, which an administrator may set."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.lock = _NoLock()  # type: ignore[assignment]
        self._scheduler = scheduler
        self._ahead = EPOCH
        self._number = 0

    def has_changed(self) -> bool:
        """Tell whether anything changed in the cloud since it was asked last."""
        lock: _NoLock = self.lock  # type: ignore[assignment]
        changed, lock.changed = lock.changed, False
        return changed

    def set_right(self) -> float:
        """Show the true time; return how many seconds the clock was ahead of it."""
        ahead, self._ahead = self._ahead - EPOCH, EPOCH
        return ahead

    def after(self, seconds: float, action: Callable[[], object]) -> Timer:
        """Run *action* once, in *seconds*."""
        self._number += 1
        timer = Timer(self._scheduler.now + seconds, self._number, action)

        def run() -> None:
            if not timer.cancelled:
                action()
                self.lock.notify_all()

        self._scheduler.after(seconds, run)
        return timer

    def _now(self) -> float:
        return self._scheduler.now
