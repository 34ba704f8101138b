"""A driver as a simulated process of oned's: the real code behind two simulated pipes."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from one2one.driver.events import Event
from one2one.mad.im import ImDriver
from one2one.mad.process import Arguments, OnedPipe
from one2one.mad.vmm import VmmDriver
from tests.simulation.locks import Queue
from tests.simulation.network import Network
from tests.simulation.process import Process
from tests.simulation.scheduler import Scheduler

_PIPE_S = 0.002
_PAUSE_S = 0.1
"""How long oned waits before it starts a driver that died."""

IM_EXECUTABLE = "one_im_one2one"

Handle = Callable[[str], bool]
Make = Callable[[Process, OnedPipe], Handle]
"""Makes the driver, within its process; returns what takes oned's lines."""


def make_vmm_driver(arguments: Arguments, _process: Process, output: OnedPipe) -> Handle:
    """Return what takes the lines of the VMM driver."""
    return VmmDriver(output, arguments).handle


def make_im_driver(
    emit: Callable[[Process, Event], None], process: Process, output: OnedPipe
) -> Handle:
    """Return what takes the lines of the IM driver, which tells *emit* what it does."""
    driver = ImDriver(output, partial(emit, process))

    def handle(line: str) -> bool:
        goes_on = driver.handle(line)
        if line.startswith("INIT"):
            driver.begin_by_itself(IM_EXECUTABLE, "")
        return goes_on

    return handle


class Pipe:
    """Lines that arrive in order."""

    def __init__(self, scheduler: Scheduler, take: Callable[[str | None], None]) -> None:
        """*take* is called with each line, and with None at the end."""
        self._scheduler = scheduler
        self._take = take
        self._last = 0.0

    def write(self, line: str | None) -> None:
        """Send a line, or the end, on its way."""
        arrival = self._scheduler.now + _PIPE_S * self._scheduler.random()
        self._last = max(self._last, arrival)
        self._scheduler.after(self._last - self._scheduler.now, partial(self._take, line))


class _Output(OnedPipe):
    """The driver's end of its standard output."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def write(self, line: str) -> None:
        self._pipe.write(line.removesuffix("\n"))


class _Input:
    """The driver's end of its standard input."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._queue = Queue(scheduler)
        self._lines = deque[str | None]()

    def take(self, line: str | None) -> None:
        self._lines.append(line)
        self._queue.wake_all()

    def __iter__(self) -> Iterator[str]:
        while True:
            while not self._lines:
                self._queue.wait()
            line = self._lines.popleft()
            if line is None:
                return
            yield line


class SimulatedDriver:
    """A driver process, started again whenever it dies, as the sandbox's ``Mad`` does it."""

    def __init__(
        self,
        scheduler: Scheduler,
        network: Network,
        site: str,
        name: str,
        make: Make,
        receive: Callable[[Process, str], None],
        time: Callable[[], float],
        environment: Mapping[str, str],
    ) -> None:
        """*receive* gets each line, and which process wrote it."""
        self._scheduler = scheduler
        self._new_process = partial(Process, scheduler, network, site, name, time, environment)
        self._make = make
        self._receive = receive
        self.is_ready = self._is_abandoned = False
        self.starts = 0

    def start(self) -> None:
        """Start it and greet it."""
        self.starts += 1
        self.process = process = self._new_process()
        stdin = _Input(self._scheduler)
        self._to_driver = Pipe(self._scheduler, stdin.take)
        self._from_driver = Pipe(self._scheduler, partial(self._take, process))
        self.is_ready = False
        output = _Output(self._from_driver)

        def main() -> None:
            handle = self._make(process, output)
            for line in stdin:
                if not handle(line):
                    break
            process.end()

        process.start("main", main)
        self._to_driver.write("INIT")

    def send(self, line: str) -> None:
        """Send a line; where no driver is ready it is lost."""
        if self.is_ready:
            self._to_driver.write(line)

    def crash(self) -> None:
        """Let the process die; what it wrote still arrives, and then its end."""
        self.process.end()
        self._from_driver.write(None)

    def stop(self) -> None:
        """Close its standard input and hear it no more, as an oned does that dies."""
        self._is_abandoned = True
        self._to_driver.write(None)

    def _take(self, process: Process, line: str | None) -> None:
        if self._is_abandoned or process is not self.process:
            return
        if line is None:
            self.is_ready = False
            self._scheduler.after(_PAUSE_S, self._restart)
        elif not self.is_ready:
            self.is_ready = line.startswith("INIT SUCCESS")
        else:
            self._receive(process, line)

    def _restart(self) -> None:
        if not self._is_abandoned:
            self.start()
