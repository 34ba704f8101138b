"""One action script, run and judged the way the stock shell does it.

Source: ``CommandManager.rb`` and ``DriverExecHelper.rb`` of each release.
"""

import re
import signal
import subprocess
from base64 import b64encode, encodebytes
from collections.abc import Callable, Mapping
from contextlib import suppress
from os import killpg
from pathlib import Path
from typing import NamedTuple

from opennebula_sandbox.frontend.generation import Generation

_ERROR = re.compile(r"(?ms)^ERROR MESSAGE --8<------\n(.*?)ERROR MESSAGE ------>8--$")
_LEVEL = re.compile(r"^(ERROR|INFO|WARN|DEBUG):\s+(\d+)?\s*(.*)$")
_LOG_LEVEL = re.compile(r"^(ERROR|DEBUG|INFO):(.*)$")
_NOT_EXITED = 255
_ENCODED_LINE = 45
"""Bytes that Ruby's ``Base64.encode64`` puts into a line, of 60 characters."""

Log = Callable[[str, str], None]
"""Takes a severity and a text."""


class Outcome(NamedTuple):
    """How a script ended."""

    success: bool
    info: str
    """What it printed, or why it failed; ``-`` where it said nothing."""
    logs: tuple[tuple[str, str, str], ...] = ()
    """Severity, VM id and text of what 7.x takes out of standard error."""


def encode_stdin(text: str, generation: Generation) -> bytes:
    """Return what a local script finds on its standard input."""
    if generation.monitord:
        return b64encode(text.encode())
    data = text.replace("\n", "").encode()
    parts = range(0, len(data), _ENCODED_LINE)
    return b"".join(encodebytes(data[i : i + _ENCODED_LINE]) for i in parts)


class Runner:
    """Runs commands, and can end those under way."""

    def __init__(
        self, environment: Mapping[str, str], directory: Path, generation: Generation
    ) -> None:
        self._environment = environment
        self._directory = directory
        self._generation = generation
        self._running: set[int] = set()

    def run(self, command: str, stdin: bytes, log: Log, timeout: float | None = None) -> Outcome:
        """Run *command* with ``sh``, in its own process group, and judge how it ended."""
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
            cwd=self._directory,
            process_group=0,
        )
        self._running.add(process.pid)
        try:
            out, err = process.communicate(stdin, timeout)
            code = process.returncode if process.returncode >= 0 else _NOT_EXITED
            stdout, stderr = out.decode(errors="replace"), err.decode(errors="replace")
        except subprocess.TimeoutExpired:
            _end(process.pid, signal.SIGTERM)
            process.communicate()
            code, stdout, stderr = _NOT_EXITED, "", f"Timeout executing {command}"
            if self._generation.version < (6, 2):
                stderr = f"ERROR MESSAGE --8<------\n{stderr}\nERROR MESSAGE ------>8--"
        finally:
            self._running.discard(process.pid)
        if code:
            log("I", f"Command execution failed (exit code: {code}): {command}")
            _log_lines(stderr, log, self._generation)
        return judge(code, stdout, stderr, self._generation)

    def stop(self) -> None:
        """End the commands that still run."""
        for group in tuple(self._running):
            _end(group, signal.SIGKILL)


def judge(code: int, stdout: str, stderr: str, generation: Generation) -> Outcome:
    """Return the outcome of a command by what it wrote and its exit status."""
    logs: list[tuple[str, str, str]] = []
    if generation.version < (6, 2):
        blocks = _ERROR.findall(stderr)
        reason = blocks[0].strip() if blocks else ""
    elif generation.version < (7, 0):
        reason = stderr.strip().replace("\n", " ")
    else:
        rest = []
        for text in map(str.strip, stderr.splitlines()):
            if match := _LEVEL.match(text):
                logs.append((match[1][0], match[2] or "-1", match[3].strip()))
            else:
                rest.append(text)
        reason = "".join(rest)
    info = stdout if code == 0 else reason
    return Outcome(code == 0, info or "-", tuple(logs))


def _log_lines(stderr: str, log: Log, generation: Generation) -> None:
    """Pass standard error on to the log, by the severities that its lines name."""
    in_error = False
    for line in map(str.strip, stderr.strip().splitlines()):
        if generation.version < (6, 2) and line.startswith("ERROR MESSAGE --"):
            in_error = "8<" in line
        elif in_error:
            log("E", line)
        elif match := _LOG_LEVEL.match(line):
            log(match[1][0], match[2].strip())
        else:
            log("I", line)


def _end(group: int, how: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        killpg(group, how)
