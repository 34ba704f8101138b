"""The resident IM driver: any number of hosts in one process, each in a thread of its own.

oned (5.6 to 5.10) asks each time, and gets an answer. monitord (5.12 and later) asks once, and gets
messages until it asks to stop. Its hosts are monitored even before it asks (``mad.self_start``).
"""

import contextlib
import sys
from functools import partial

from one2one import runtime
from one2one.driver.clouds import Clouds
from one2one.driver.events import Emit, HostForgotten, ignore
from one2one.driver.monitor import HostMonitor
from one2one.driver.reaper import Reaper
from one2one.driver.threads import start_thread
from one2one.mad import im_messages
from one2one.mad.host_loop import HostLoop
from one2one.mad.im_messages import Configuration, ImLine
from one2one.mad.monitord import MonitordClient
from one2one.mad.monitord_conf import read_monitord_conf
from one2one.mad.process import (
    OnedPipe,
    parse_arguments,
    report_bugs,
    start_metrics,
    take_over_stdio,
)
from one2one.mad.pull import answer_pull
from one2one.mad.scripts.daemon import get_monitoring_daemon
from one2one.mad.self_start import begin_hosts
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import Busy, OneError, to_one_error


class ImDriver:
    """An IM driver at the two pipes of oned or monitord."""

    def __init__(self, output: OnedPipe, emit: Emit = ignore) -> None:
        self._emit = emit
        self._output = output
        self._pushes = False
        self._clouds = Clouds(emit)
        self._lock = runtime.lock()
        self._monitors: dict[int, HostMonitor] = {}
        self._pulled: set[int] = set()
        self._loops: dict[int, HostLoop] = {}
        self._beginning = runtime.rlock()
        """Held while the loop of a host is replaced, so that a host never has two."""

    def handle(self, text: str) -> bool:
        """Act on a line; return False when it was the last one."""
        try:
            line = im_messages.parse_line(text)
        except Exception as error:  # noqa: BLE001 - the next line may be better
            self.log("E", -1, str(to_one_error(error)))
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
        """Answer for the host in a thread, unless one does so already.

        If no thread can be started, oned's next lines wait: a FAILURE would put the host's VMs
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

        def write(line: str) -> None:
            self.log("I", host_id, line)

        try:
            text, success = answer_pull(self._monitor(host_id), log, write), True
        except Exception as error:  # noqa: BLE001 - oned must be answered whatever happens here
            text, success = clean_line(str(to_one_error(error))), False
        with self._lock:
            self._pulled.discard(host_id)
        self._output.write(
            im_messages.format_pull_answer("MONITOR", host_id, success=success, info=text)
        )

    def _start(self, line: ImLine) -> None:
        """Begin to report on a host, or begin again with another configuration."""
        self._end(line.host_id)
        try:
            self._begin(line.host_id, im_messages.decode_start(line.payload))
        except Exception as error:  # noqa: BLE001 - monitord must be answered whatever happens here
            self._answer_push(line, str(to_one_error(error)))
        else:
            self._answer_push(line)

    def begin_by_itself(self, executable: str, arguments: str) -> None:
        """Begin to monitor the hosts of our IM_MAD: the one of *executable* and *arguments*."""
        try:
            conf = read_monitord_conf()
            if conf is None:  # oned itself asks, and often enough
                return
            self._pushes = True
            begin = partial(self._begin, configuration=conf.configuration, only_if_new=True)
            im_mad = conf.find_im_mad(executable, arguments)
            log, period = partial(self.log, "E", -1), conf.configuration.periods.beacon_host
            run = partial(begin_hosts, im_mad, lambda: self._clouds.local, begin, log, period)
            start_thread("self-start", run)
        except Exception as error:  # noqa: BLE001 - without it there is still what monitord asks
            self._pushes = True
            self.log("E", -1, f"monitoring begins when monitord asks for it: {to_one_error(error)}")

    def _begin(
        self, host_id: int, configuration: Configuration, *, only_if_new: bool = False
    ) -> None:
        """Begin to report on a host, in place of its loop or script; raises OneError."""
        with self._beginning:
            if only_if_new and host_id in self._loops:
                return
            self._end(host_id)
            self._end_script(host_id)
            monitord = MonitordClient(host_id, configuration)
            loop = HostLoop(self._new_monitor(host_id), monitord, configuration.periods)
            start_thread(f"host-{host_id}", partial(self._report, host_id, loop, monitord))
            self._loops[host_id] = loop

    def _end_script(self, host_id: int) -> None:
        """End the process that the scripts left, if they monitored the host before."""
        try:
            get_monitoring_daemon(host_id).stop()
        except (OneError, OSError) as error:
            self.log("E", host_id, f"Host {host_id}: scripts may still monitor it: {error}")

    def _report(self, host_id: int, loop: HostLoop, monitord: MonitordClient) -> None:
        with contextlib.closing(monitord):
            loop.run()
        with self._beginning:
            if self._loops.get(host_id) is loop:
                del self._loops[host_id]
        self._emit(HostForgotten(host_id))

    def _stop(self, line: ImLine) -> None:
        self._end(line.host_id)
        self._monitors.pop(line.host_id, None)
        self._emit(HostForgotten(line.host_id))
        if line.action == "STOP_MONITOR":
            self._answer_push(line)
        else:
            self._output.write(f"STOPMONITOR SUCCESS {line.host_id} -\n")

    def _end(self, host_id: int) -> None:
        with self._beginning:
            if loop := self._loops.pop(host_id, None):
                loop.stop()

    def _monitor(self, host_id: int) -> HostMonitor:
        """Return the host's monitor, which keeps the last readings."""
        with self._lock:
            if host_id not in self._monitors:
                self._monitors[host_id] = self._new_monitor(host_id)
            return self._monitors[host_id]

    def _new_monitor(self, host_id: int) -> HostMonitor:
        local, remotes = self._clouds.local, self._clouds.remotes
        reaper = Reaper(host_id, local, lambda line: self.log("I", host_id, line))
        return HostMonitor(host_id, local, remotes, on_survey=reaper.reap)

    def _answer_push(self, line: ImLine, error: str = "") -> None:
        self._output.write(
            im_messages.format_push_message(
                line.action, line.host_id, success=not error, data=clean_line(error).encode()
            )
        )

    def log(self, severity: str, host_id: int, info: str) -> None:
        """Write into the log of oned or monitord."""
        self._output.write(im_messages.format_log(severity, host_id, info, push=self._pushes))


def main() -> int:
    """Serve oned or monitord until it closes its end: the ``one_im_one2one`` executable."""
    output = take_over_stdio()
    try:
        emit, problem = start_metrics(parse_arguments(sys.argv[1:]).metrics)
    except ValueError as error:
        emit, problem = ignore, f"{error}. Going on without"
    driver = ImDriver(output, emit)
    report_bugs(partial(driver.log, "E", -1))
    for line in sys.stdin.buffer:
        if not driver.handle(line.decode(errors="replace")):
            break
        if line.startswith(b"INIT"):
            driver.begin_by_itself(sys.argv[0], " ".join(sys.argv[1:]))
        elif problem:
            driver.log("E", -1, problem)
            problem = ""
    return 0
