"""Time, threads, locks, chance, sockets, a name: all that the drivers need of their machine.

They reach them through this module alone. The real ones are the operating system's. A simulation
gives others to the code that it runs (``use``): the same code then lives in virtual time and in
one thread, and a seed decides what happens next.
"""

import contextlib
import fcntl
import os
import random as chance
import select
import socket
import threading
import time as clocks
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

Lock = contextlib.AbstractContextManager[object]
"""What a ``with`` statement needs of a ``threading.Lock``."""


class Condition(contextlib.AbstractContextManager[object], Protocol):
    """What the drivers need of a ``threading.Condition``."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for ``notify``; tell whether it came within *timeout* seconds."""

    def notify(self, n: int = 1) -> None:
        """Wake *n* of those that wait."""


class Event(Protocol):
    """What the drivers need of a ``threading.Event``."""

    def set(self) -> None:
        """Let all go on that wait."""

    def is_set(self) -> bool:
        """Tell whether it is set."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set; tell whether it was within *timeout* seconds."""


class Semaphore(Protocol):
    """What the drivers need of a ``threading.Semaphore``."""

    def acquire(self, *, timeout: float | None = None) -> bool:
        """Take one; tell whether one was to be had."""

    def release(self, n: int = 1) -> None:
        """Give back *n*."""


def _start_thread(name: str, run: Callable[[], object]) -> None:
    threading.Thread(target=run, name=name, daemon=True).start()


def _has_input(sock: socket.socket) -> bool:
    poll = select.poll()  # select.select knows no file descriptor beyond 1023
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _lock_file(file: IO[bytes]) -> None:
    fcntl.flock(file, fcntl.LOCK_EX)


@dataclass(frozen=True)
class Runtime:
    """A machine, by default the real one; the functions of the same names tell what each does."""

    monotonic: Callable[[], float] = clocks.monotonic
    time: Callable[[], float] = clocks.time
    sleep: Callable[[float], object] = clocks.sleep
    random: Callable[[], float] = chance.random
    random_bytes: Callable[[int], bytes] = os.urandom
    start_thread: Callable[[str, Callable[[], object]], object] = _start_thread
    lock: Callable[[], Lock] = threading.Lock
    rlock: Callable[[], Lock] = threading.RLock
    condition: Callable[[], Condition] = threading.Condition
    event: Callable[[], Event] = threading.Event
    semaphore: Callable[[int], Semaphore] = threading.Semaphore
    getaddrinfo: Callable[..., list[Any]] = socket.getaddrinfo
    open_socket: Callable[..., socket.socket] = socket.socket
    has_input: Callable[[Any], bool] = _has_input
    lock_file: Callable[[IO[bytes]], object] = _lock_file
    host_name: Callable[[], str] = socket.gethostname
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)


_REAL = Runtime()
_present: ContextVar[Runtime] = ContextVar("runtime")


def use(runtime: Runtime) -> None:
    """Give *runtime* to what runs in this context from now on."""
    _present.set(runtime)


def monotonic() -> float:
    """Return seconds by a clock that nobody sets."""
    return _present.get(_REAL).monotonic()


def time() -> float:
    """Return seconds since 1970, by a clock that an administrator may set."""
    return _present.get(_REAL).time()


def sleep(seconds: float) -> None:
    """Wait so many seconds."""
    _present.get(_REAL).sleep(seconds)


def random() -> float:
    """Return a number from 0 to 1, not for secrets."""
    return _present.get(_REAL).random()


def random_bytes(size: int) -> bytes:
    """Return so many bytes that nobody can guess."""
    return _present.get(_REAL).random_bytes(size)


def start_thread(name: str, run: Callable[[], object]) -> None:
    """Run *run* in a thread that does not keep the process alive.

    Raises RuntimeError or MemoryError where the system gives no thread.
    """
    _present.get(_REAL).start_thread(name, run)


def lock() -> Lock:
    """Return a new lock."""
    return _present.get(_REAL).lock()


def rlock() -> Lock:
    """Return a new lock that its thread may take again."""
    return _present.get(_REAL).rlock()


def condition() -> Condition:
    """Return a new condition."""
    return _present.get(_REAL).condition()


def event() -> Event:
    """Return a new event."""
    return _present.get(_REAL).event()


def semaphore(value: int) -> Semaphore:
    """Return a new semaphore, of which *value* can be taken."""
    return _present.get(_REAL).semaphore(value)


def getaddrinfo(host: str, port: int, kind: socket.SocketKind) -> list[Any]:
    """Return what ``socket.getaddrinfo`` does for sockets of this *kind*; raises OSError."""
    return _present.get(_REAL).getaddrinfo(host, port, 0, kind)


def open_socket(family: int, kind: int, protocol: int = 0) -> socket.socket:
    """Return a new ``socket.socket``; raises OSError."""
    return _present.get(_REAL).open_socket(family, kind, protocol)


def has_input(sock: socket.socket) -> bool:
    """Tell whether anything, the end included, waits to be read."""
    return _present.get(_REAL).has_input(sock)


def lock_file(file: IO[bytes]) -> None:
    """Wait until no other process has *file* locked, and lock it until it is closed."""
    _present.get(_REAL).lock_file(file)


def host_name() -> str:
    """Return the name of this machine."""
    return _present.get(_REAL).host_name()


class _Environment(Mapping[str, str]):
    def __getitem__(self, name: str) -> str:
        return _present.get(_REAL).environment[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_present.get(_REAL).environment)

    def __len__(self) -> int:
        return len(_present.get(_REAL).environment)


environment: Mapping[str, str] = _Environment()
"""The environment variables of the process."""
