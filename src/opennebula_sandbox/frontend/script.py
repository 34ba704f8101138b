"""Runs an action script and judges its end as the stock shell does.

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

from opennebula_sandbox.frontend.release import Release

_ERROR = re.compile(r"(?ms)^ERROR MESSAGE --8<------\n(.*?)ERROR MESSAGE ------>8--$")
_LEVEL = re.compile(r"^(ERROR|INFO|WARN|DEBUG):\s+(\d+)?\s*(.*)$")
_LOG_LEVEL = re.compile(r"^(ERROR|DEBUG|INFO):(.*)$")
_NOT_EXITED = 255
_ENCODED_LINE = 45
"""How many bytes Ruby's ``Base64.encode64`` puts into a line of 60 characters."""

Log = Callable[[str, str], None]
"""Takes a severity and a text."""


class Outcome(NamedTuple):
    """How a script ended."""

    success: bool
    info: str
    """The output, or the reason of a failure; ``-`` without text."""
    logs: tuple[tuple[str, str, str], ...] = ()
    """Severity, VM id and text of each log line that 7.x finds in standard error."""


def encode_stdin(text: str, release: Release) -> bytes:
    """Return the standard input of a local script."""
    if release.monitord:
        return b64encode(text.encode())
    data = text.replace("\n", "").encode()
    parts = range(0, len(data), _ENCODED_LINE)
    return b"".join(encodebytes(data[i : i + _ENCODED_LINE]) for i in parts)


class Runner:
    """Runs commands, and can end those that run."""

    def __init__(self, environment: Mapping[str, str], directory: Path, release: Release) -> None:
        self._environment = environment
        self._directory = directory
        self._release = release
        self._running: set[int] = set()

    def run(self, command: str, stdin: bytes, log: Log, timeout: float | None = None) -> Outcome:
        """Run *command* with ``sh`` in its own process group, and return its outcome."""
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
            if self._release.version < (6, 2):
                stderr = f"ERROR MESSAGE --8<------\n{stderr}\nERROR MESSAGE ------>8--"
        finally:
            self._running.discard(process.pid)
        if code:
            log("I", f"Command execution failed (exit code: {code}): {command}")
            _log_lines(stderr, log, self._release)
        return judge(code, stdout, stderr, self._release)

    def stop(self) -> None:
        """End the commands that still run."""
        for group in tuple(self._running):
            _end(group, signal.SIGKILL)


def judge(code: int, stdout: str, stderr: str, release: Release) -> Outcome:
    """Return the outcome of a command from its output and its exit status."""
    logs: list[tuple[str, str, str]] = []
    if release.version < (6, 2):
        blocks = _ERROR.findall(stderr)
        reason = blocks[0].strip() if blocks else ""
    elif release.version < (7, 0):
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


def _log_lines(stderr: str, log: Log, release: Release) -> None:
    """Write standard error to the log, with the severities in its lines."""
    in_error = False
    for line in map(str.strip, stderr.strip().splitlines()):
        if release.version < (6, 2) and line.startswith("ERROR MESSAGE --"):
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
