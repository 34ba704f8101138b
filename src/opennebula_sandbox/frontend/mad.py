"""Runs a driver as a process of oned: start, handshake, lines and crashes.

The whole ARGUMENTS string is one element of argv, and standard error is closed. Since 6.0 a
driver must write the answer to INIT in one piece; until 5.12 oned considers a driver dead when
it pauses for 25 ms within a line. Source: ``src/mad/Mad.cc`` and ``MadManager.cc`` (until 5.12),
``include/Driver.h`` and ``StreamManager.h`` (since 6.0).
"""

import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from opennebula_sandbox.frontend.handshake import check_handshake, wait_readable
from opennebula_sandbox.frontend.lines import Lines
from opennebula_sandbox.frontend.release import Release

_CLOSED_STDERR = ("/bin/sh", "-c", 'exec "$@" 2>&-', "sh")
_CHUNK = 1 << 16
_GAP = 0.025
_GRACE = 2.0
_PATIENCE = 30.0


class OnedDoesNotStart(Exception):
    """Raised when a driver's first handshake fails; a real oned does not start then."""

    def __init__(self, executable: str, problem: str) -> None:
        self.executable = executable
        super().__init__(f"{executable}: {problem}")


class Mad:
    """A driver process; oned restarts it after each end."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        release: Release,
        receive: Callable[[str], None],
        log: Callable[[str, str], None],
    ) -> None:
        """Run *argv*; *receive* gets each line, *log* gets a severity and a text of oned."""
        self._executable = argv[0]
        self._argv = [*_CLOSED_STDERR, *argv]
        self._environment = environment
        self._release = release
        self._receive = receive
        self._log = log
        self._stopping = threading.Event()
        self._outgoing: queue.Queue[bytes | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name="sandbox-mad-read", daemon=True)
        self._writer = threading.Thread(target=self._write, name="sandbox-mad-write", daemon=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._stdin: IO[bytes] | None = None
        self._ready = threading.Condition()
        self.starts = 0
        """How many processes were ready, with the current one."""
        self.exit_status: int | None = None
        """The exit status of the last process; negative for a signal, None while it runs."""

    def start(self) -> None:
        """Start the process; raises OnedDoesNotStart."""
        self._spawn()
        self._reader.start()
        self._writer.start()

    def send(self, line: str) -> None:
        """Send *line* and a line end; do not wait until the driver reads it."""
        self._outgoing.put(line.encode() + b"\n")

    def stop(self) -> None:
        """Send FINALIZE, wait for the end of the process, and kill it if it stays."""
        self._stopping.set()
        self.send("FINALIZE")
        self._outgoing.put(None)
        self._reader.join(_GRACE)
        while self._reader.is_alive():
            self._kill()
            self._reader.join(_GRACE)
        self._writer.join()

    def abandon(self) -> None:
        """Close its stdin without a message and ignore its lines, as when oned is killed."""
        self._stopping.set()
        self._receive = lambda _line: None
        self._outgoing.put(None)
        self._writer.join()
        self._reader.join(_GRACE)
        while self._reader.is_alive():
            self._kill()
            self._reader.join(_GRACE)

    def kill(self) -> None:
        """Kill the process, as the kernel does without memory, and wait for the next one.

        Raises TimeoutError if none starts.
        """
        with self._ready:
            starts = self.starts
            self._kill()
            if not self._ready.wait_for(lambda: self.starts > starts, _PATIENCE):
                raise TimeoutError("the driver was not started again")

    @property
    def pid(self) -> int:
        """The id of the current process; raises ValueError without one."""
        if self._process is None:
            raise ValueError("the driver does not run")
        return self._process.pid

    def _spawn(self) -> None:
        process = subprocess.Popen(
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            bufsize=0,
            process_group=0,
        )
        self._process, self.exit_status = process, None
        stdin, stdout = _take_pipes(process)
        try:
            stdin.write(b"INIT\n")
            problem = check_handshake(stdout.fileno(), self._release)
        except OSError as error:
            problem = f"Driver initialization failed ({error})"
        if problem:
            self._reap(grace=0)
            raise OnedDoesNotStart(self._executable, problem)
        with self._ready:
            self._stdin = stdin
            self.starts += 1
            self._ready.notify_all()

    def _read(self) -> None:
        """Read from each process in turn; this thread starts the next one and reaps the last."""
        while self._process is not None:
            self._read_lines(_take_pipes(self._process)[1].fileno())
            self._reap(grace=_GRACE if self._stopping.is_set() else 1.0)
            if not self._stopping.is_set():
                self._log("E", "Driver died, trying to recover it")
                self._restart()

    def _read_lines(self, fd: int) -> None:
        """Pass on lines until the driver ends, or oned considers it dead."""
        stream = self._release.stream_driver
        lines = Lines(stops_at_nul=stream)
        while not lines or wait_readable(fd, None if stream else _GAP):
            data = os.read(fd, _CHUNK)
            if not data:
                return
            for line in lines.feed(data):
                self._receive(line)

    def _restart(self) -> None:
        while not self._stopping.wait(0.1):
            try:
                self._spawn()
            except OnedDoesNotStart as error:
                self._log("E", f"Cannot restart the driver: {error}")
                if not self._release.stream_driver:
                    return
            else:
                self._log("I", "Driver restarted")
                return

    def _write(self) -> None:
        while (data := self._outgoing.get()) is not None:
            if stdin := self._stdin:
                with contextlib.suppress(OSError, ValueError):
                    stdin.write(data)
        if stdin := self._stdin:
            stdin.close()

    def _reap(self, grace: float) -> None:
        """Ask the process to end, wait *grace* seconds, and kill what remains."""
        process, self._stdin = self._process, None
        if process is None:
            return
        stdin, stdout = _take_pipes(process)
        with contextlib.suppress(OSError, ValueError):
            stdin.write(b"FINALIZE\n")
        stdin.close()
        try:
            self.exit_status = process.wait(grace)
        except subprocess.TimeoutExpired:
            self._kill()
            self.exit_status = process.wait()
        stdout.close()
        self._process = None

    def _kill(self) -> None:
        """Kill the process and its children, except those that left its process group."""
        if process := self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _take_pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None  # noqa: S101 - Popen was told to make them
    assert process.stdout is not None  # noqa: S101
    return process.stdin, process.stdout
