"""A driver as a process of oned's: its start, its handshake, its lines, its crashes.

The whole ARGUMENTS string is one element of argv, standard error is closed, and what is written
at once must be read at once. Source: ``src/mad/Mad.cc`` and ``MadManager.cc`` (until 5.12),
``include/Driver.h`` and ``StreamManager.h`` (since 6.0); before that, a driver which pauses for
25 ms within a line is taken for dead.
"""

import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from opennebula_sandbox.frontend.generation import Generation
from opennebula_sandbox.frontend.handshake import handshake, readable
from opennebula_sandbox.frontend.lines import Lines

_CLOSED_STDERR = ("/bin/sh", "-c", 'exec "$@" 2>&-', "sh")
_CHUNK = 1 << 16
_GAP = 0.025
_GRACE = 2.0
_PATIENCE = 30.0


class OnedDoesNotStart(Exception):
    """Raised when a driver's first handshake fails: the real oned would not start either."""

    def __init__(self, executable: str, problem: str) -> None:
        self.executable = executable
        super().__init__(f"{executable}: {problem}")


class Mad:
    """A driver process, restarted whenever it dies."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        generation: Generation,
        receive: Callable[[str], None],
        log: Callable[[str, str], None],
    ) -> None:
        """Run *argv*; *receive* gets each line, *log* a severity and what oned would write."""
        self._executable = argv[0]
        self._argv = [*_CLOSED_STDERR, *argv]
        self._environment = environment
        self._generation = generation
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
        """How many processes there were, the present one included once it is ready."""
        self.exit_status: int | None = None
        """How the last process ended; negative for a signal, None while it runs."""

    def start(self) -> None:
        """Start it; raises OnedDoesNotStart."""
        self._spawn()
        self._reader.start()
        self._writer.start()

    def send(self, line: str) -> None:
        """Send *line*, whose end is added, without waiting for the driver to read it."""
        self._outgoing.put(line.encode() + b"\n")

    def stop(self) -> None:
        """FINALIZE, and end it, by force where it does not end itself."""
        self._stopping.set()
        self.send("FINALIZE")
        self._outgoing.put(None)
        self._reader.join(_GRACE)
        while self._reader.is_alive():
            self._kill()
            self._reader.join(_GRACE)
        self._writer.join()

    def abandon(self) -> None:
        """Close its stdin without a word and hear it no more, as an oned does that is killed."""
        self._stopping.set()
        self._receive = lambda _line: None
        self._outgoing.put(None)
        self._writer.join()
        self._reader.join(_GRACE)
        while self._reader.is_alive():
            self._kill()
            self._reader.join(_GRACE)

    def kill(self) -> None:
        """Kill the process, as the kernel does when memory runs out, and wait for its successor.

        Raises TimeoutError when none starts.
        """
        with self._ready:
            starts = self.starts
            self._kill()
            if not self._ready.wait_for(lambda: self.starts > starts, _PATIENCE):
                raise TimeoutError("the driver was not started again")

    @property
    def pid(self) -> int:
        """The id of the present process; raises ValueError without one."""
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
        stdin, stdout = _pipes(process)
        try:
            stdin.write(b"INIT\n")
            problem = handshake(stdout.fileno(), self._generation)
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
        """Read from one process after the other; whoever spawns one also reaps it here."""
        while self._process is not None:
            self._read_lines(_pipes(self._process)[1].fileno())
            self._reap(grace=_GRACE if self._stopping.is_set() else 1.0)
            if not self._stopping.is_set():
                self._log("E", "Driver died, trying to recover it")
                self._restart()

    def _read_lines(self, fd: int) -> None:
        """Pass on lines until the driver ends, or counts as dead."""
        stream = self._generation.stream_driver
        lines = Lines(stops_at_nul=stream)
        while not lines or readable(fd, None if stream else _GAP):
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
                if not self._generation.stream_driver:
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
        """Tell the process to end, wait *grace* seconds, kill what is left of it."""
        process, self._stdin = self._process, None
        if process is None:
            return
        stdin, stdout = _pipes(process)
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
        """Kill the process and its children, but for those that left its group."""
        if process := self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None  # noqa: S101 - Popen was told to make them
    assert process.stdout is not None  # noqa: S101
    return process.stdin, process.stdout
