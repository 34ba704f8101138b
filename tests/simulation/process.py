"""A simulated process: its tasks, its sockets, and the machine that it believes to run on."""

import fcntl
from collections.abc import Callable, Mapping
from contextvars import copy_context
from functools import partial
from typing import IO, TYPE_CHECKING

from one2one import runtime
from tests.simulation.locks import Condition, Event, Lock, ReentrantLock, Semaphore
from tests.simulation.scheduler import Group, Scheduler

if TYPE_CHECKING:
    from tests.simulation.network import Network

EPOCH = 1_700_000_000.0
"""What every clock shows at the beginning, in seconds since 1970."""


class Process(Group):
    """A process at a *site*: a name that stands for a machine with its own loopback."""

    def __init__(
        self,
        scheduler: Scheduler,
        network: "Network",
        site: str,
        name: str,
        time: Callable[[], float],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """*time* is what the clock of its machine shows."""
        super().__init__(f"{site}/{name}")
        self.site = site
        self._scheduler = scheduler
        self._closed_at_end: list[Callable[[], object]] = []
        self._context = copy_context()
        parts = runtime.Runtime(
            monotonic=lambda: scheduler.now,
            time=time,
            sleep=scheduler.wait,
            random=scheduler.random,
            random_bytes=lambda size: bytes(int(256 * scheduler.random()) for _ in range(size)),
            start_thread=self.start,
            lock=partial(Lock, scheduler),
            rlock=partial(ReentrantLock, scheduler),
            condition=partial(Condition, scheduler),
            event=partial(Event, scheduler),
            semaphore=partial(Semaphore, scheduler),
            getaddrinfo=network.getaddrinfo,
            open_socket=partial(network.open_socket, self),
            has_input=network.has_input,
            lock_file=self._lock_file,
            host_name=lambda: site,
            environment=environment or {},
        )
        self._context.run(runtime.use, parts)

    def start(self, name: str, run: Callable[[], object]) -> None:
        """Start a thread of the process."""
        self._scheduler.spawn(self, name, run, self._context)

    def at_end(self, close: Callable[[], object]) -> None:
        """Have *close* called when the process ends, as the system closes what it had open."""
        self._closed_at_end.append(close)

    def end(self) -> None:
        """Stop all its tasks where they are, for ever."""
        if not self.is_down:
            self.is_down = True
            for close in self._closed_at_end:
                close()

    def _lock_file(self, file: IO[bytes]) -> None:
        self.at_end(file.close)
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._scheduler.wait(0.01)
            else:
                return
