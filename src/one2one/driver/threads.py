"""Threads: starting one, and keeping it alive after a bug in what it runs."""

import sys
import threading
from collections.abc import Callable

from one2one import runtime
from one2one.opennebula.errors import Busy


def start_thread(name: str, run: Callable[[], object]) -> None:
    """Run *run* in a thread that does not keep the process alive.

    Raises Busy where the system gives no thread: nothing runs then.
    """
    try:
        runtime.start_thread(name, run)
    except (RuntimeError, MemoryError) as error:
        raise limit_error(f"no thread can be started ({error})") from None


def limit_error(cause: str) -> Busy:
    """Return the error for a limit that prevents a new thread or process."""
    remedy = "Raise the limit of the driver's threads (TasksMax, ulimit -u) or free memory"
    return Busy(cause, remedy=remedy)


def run_guarded(call: Callable[[], object]) -> None:
    """Call *call*. A bug in it is given to ``threading.excepthook``, and the thread goes on."""
    try:
        call()
    except Exception:  # noqa: BLE001 - the thread has more to do than this call
        hook = threading.ExceptHookArgs([*sys.exc_info(), threading.current_thread()])
        threading.excepthook(hook)
