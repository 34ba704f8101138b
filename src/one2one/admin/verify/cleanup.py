"""Destroys the VMs of a trial, also after an interruption."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from one2one.opennebula.cloud import Cloud
from one2one.opennebula.errors import OneError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOOK_S = 1.0


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Let SIGTERM interrupt as Ctrl-C does. The yielded function makes both signals be ignored."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def deafen() -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield deafen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_all(
    remote: Cloud, left_behind: Callable[[], list[int]], patience: float, *, looks: int
) -> list[int] | None:
    """Destroy every VM of the trial, until *looks* readings in a row, one a second, find none.

    A call that was under way at an interruption may still make a VM later. Returns the VMs that
    live after *patience* seconds, None if the remote cannot be read.
    """
    deadline, empty = time.monotonic() + patience, 0
    while True:
        left = _look(remote, left_behind)
        empty = empty + 1 if left == [] else 0
        if empty >= looks or time.monotonic() > deadline:
            return left
        time.sleep(_LOOK_S)


def _look(remote: Cloud, left_behind: Callable[[], list[int]]) -> list[int] | None:
    try:
        left = left_behind()
    except OneError:
        return None
    for vm_id in left:
        with suppress(OneError):  # it is busy; seen again at the next look
            remote.vm_action("terminate-hard", vm_id)
    return left
