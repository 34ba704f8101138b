"""Threads: how one starts, and how one survives a bug in what it runs."""

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
    """Return what to raise where a limit lets no thread or process be started, for now."""
    remedy = "Raise the limit of the driver's threads (TasksMax, ulimit -u) or free memory"
    return Busy(cause, remedy=remedy)


def run_guarded(call: Callable[[], object]) -> None:
    """Call *call*. A bug in it is reported as that of a thread that ends by it; no more happens."""
    try:
        call()
    except Exception:  # noqa: BLE001 - the thread has more to do than this call
        hook = threading.ExceptHookArgs([*sys.exc_info(), threading.current_thread()])
        threading.excepthook(hook)
