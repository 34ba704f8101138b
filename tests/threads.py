"""A system that gives no more threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def no_more_threads() -> Iterator[None]:
    """Refuse every thread, as the kernel does at a limit; those that run go on."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        yield


@contextmanager
def bugs() -> Iterator[list[str]]:
    """Give what is reported of bugs in threads that go on after them."""
    found: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda bug: found.append(repr(bug.exc_value)))
        yield found
