"""The resident IM driver: any number of hosts in one process, each in a thread of its own.

oned (5.6 to 5.10) asks each time and is answered; monitord (5.12 and later) asks once, and is
told until it asks to stop.
"""

import contextlib
import sys
import threading
from functools import partial

from one2one.driver.events import Forgotten, Tell, nobody
from one2one.driver.local import LocalCloud
from one2one.driver.monitor import HostMonitor
from one2one.driver.reaper import Reaper
from one2one.driver.remotes import Remotes
from one2one.driver.threads import start_thread
from one2one.mad import im_messages
from one2one.mad.host_loop import HostLoop
from one2one.mad.im_messages import Line
from one2one.mad.monitord import Monitord
from one2one.mad.process import Output, listener, parse_arguments, report_bugs, take_over_stdio
from one2one.mad.pull import pull
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import Busy, OneError, typed


class ImDriver:
    """An IM driver at the two pipes of oned or monitord."""

    def __init__(self, output: Output, tell: Tell = nobody) -> None:
        self._tell = tell
        self._output = output
        self._pushes = False
        self._clouds: tuple[LocalCloud, Remotes] | None = None
        self._lock = threading.Lock()
        self._monitors: dict[int, HostMonitor] = {}
        self._pulled: set[int] = set()
        self._loops: dict[int, HostLoop] = {}

    def handle(self, text: str) -> bool:
        """Act on a line; return False when it was the last one."""
        try:
            line = im_messages.parse_line(text)
        except Exception as error:  # noqa: BLE001 - the next line may be better
            self.log("E", -1, str(typed(error)))
            return True
        match line.action:
            case "FINALIZE":
                return False
            case "INIT":
                self._output.write("INIT SUCCESS\n")
            case "MONITOR":
                self._pull(line.host_id)
            case "START_MONITOR":
                self._pushes = True
                self._start(line)
            case "STOPMONITOR" | "STOP_MONITOR":
                self._stop(line)
            case _:
                self.log("E", line.host_id, f"{line.action} is no action of an IM driver")
        return True

    def _pull(self, host_id: int) -> None:
        """Have the host asked about, unless that is going on already.

        Where there is no thread for it the lines of oned wait: a FAILURE would put the host's VMs
        into UNKNOWN.
        """
        with self._lock:
            if host_id in self._pulled:
                return
            self._pulled.add(host_id)
        pull_one = partial(self._pull_one, host_id)
        try:
            start_thread(f"pull-{host_id}", pull_one)
        except Busy:
            pull_one()

    def _pull_one(self, host_id: int) -> None:
        def log(error: OneError) -> None:
            self.log("E", host_id, f"Host {host_id}: {error}")

        try:
            text, success = pull(self._monitor(host_id), log), True
        except Exception as error:  # noqa: BLE001 - oned must be answered whatever happens here
            text, success = clean_line(str(typed(error))), False
        with self._lock:
            self._pulled.discard(host_id)
        self._output.write(im_messages.pull_answer("MONITOR", host_id, success=success, info=text))

    def _start(self, line: Line) -> None:
        """Begin to report on a host, or begin anew with another configuration."""
        self._end(line.host_id)
        try:
            configuration = im_messages.start_configuration(line.payload)
            monitord = Monitord(line.host_id, configuration)
            monitor = self._new_monitor(line.host_id)
            loop = HostLoop(monitor, monitord, configuration.periods)
            start_thread(f"host-{line.host_id}", partial(self._report, line, loop, monitord))
        except Exception as error:  # noqa: BLE001 - monitord must be answered whatever happens here
            self._answer_push(line, str(typed(error)))
        else:
            self._loops[line.host_id] = loop

    def _report(self, line: Line, loop: HostLoop, monitord: Monitord) -> None:
        self._answer_push(line)
        with contextlib.closing(monitord):
            loop.run()
        self._tell(Forgotten(line.host_id))

    def _stop(self, line: Line) -> None:
        self._end(line.host_id)
        self._monitors.pop(line.host_id, None)
        self._tell(Forgotten(line.host_id))
        if line.action == "STOP_MONITOR":
            self._answer_push(line)
        else:
            self._output.write(f"STOPMONITOR SUCCESS {line.host_id} -\n")

    def _end(self, host_id: int) -> None:
        if loop := self._loops.pop(host_id, None):
            loop.stop()

    def _monitor(self, host_id: int) -> HostMonitor:
        """Return the host's monitor, which remembers what it saw the last time."""
        with self._lock:
            if host_id not in self._monitors:
                self._monitors[host_id] = self._new_monitor(host_id)
            return self._monitors[host_id]

    def _new_monitor(self, host_id: int) -> HostMonitor:
        local, remotes = self._opened()
        reaper = Reaper(host_id, local, lambda line: self.log("I", host_id, line))
        return HostMonitor(host_id, local, remotes, on_survey=reaper.reap)

    def _opened(self) -> tuple[LocalCloud, Remotes]:
        """Return both sides. Not opened before INIT is answered: oned would not start."""
        if self._clouds is None:
            local = LocalCloud()
            self._clouds = local, Remotes(local, self._tell)
        return self._clouds

    def _answer_push(self, line: Line, error: str = "") -> None:
        self._output.write(
            im_messages.push_message(
                line.action, line.host_id, success=not error, data=clean_line(error).encode()
            )
        )

    def log(self, severity: str, host_id: int, info: str) -> None:
        """Write into the log of oned or monitord."""
        self._output.write(im_messages.log(severity, host_id, info, push=self._pushes))


def main() -> int:
    """Serve oned or monitord until it closes its end: the ``one_im_one2one`` executable."""
    output = take_over_stdio()
    try:
        tell, problem = listener(parse_arguments(sys.argv[1:]).metrics)
    except ValueError as error:
        tell, problem = nobody, f"{error}. Going on without"
    driver = ImDriver(output, tell)
    report_bugs(partial(driver.log, "E", -1))
    for line in sys.stdin.buffer:
        if not driver.handle(line.decode(errors="replace")):
            break
        if problem and not line.startswith(b"INIT"):
            driver.log("E", -1, problem)
            problem = ""
    return 0
