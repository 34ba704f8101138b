"""The two drivers as oned starts them, and everything that they say."""

import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.hostile import checks
from tests.hostile.checks import Violation
from tests.hostile.grammar import Message
from tests.hostile.lines import Line

PATIENCE_S = 100.0


def _find_program(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def _make_environment(port: int, directory: Path, case: str) -> dict[str, str]:
    """Return what oned gives its drivers, for a front-end of the *case*."""
    (directory / "var").mkdir(exist_ok=True)
    auth = directory / "one_auth"
    auth.write_text("oneadmin:opennebula")
    return {
        "PATH": os.environ["PATH"],
        "ONE_AUTH": str(auth),
        "ONE_LOCATION": str(directory),
        "ONE_XMLRPC": f"http://127.0.0.1:{port}/local/odd/{case}",
    }


def run_command(
    arguments: Sequence[str], port: int, directory: Path, case: str
) -> subprocess.CompletedProcess[str]:
    """Run ``one2one`` to its end."""
    return subprocess.run(
        [_find_program("one2one"), *arguments],
        env=_make_environment(port, directory, case),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )


class DriverOutput:
    """What was said by now, each line checked when it is heard. Thread-safe."""

    def __init__(self, check: Callable[[str], Message]) -> None:
        self._check = check
        self._changed = threading.Condition()
        self._counts = Counter[tuple[str, bool, int]]()
        self.failures: list[str] = []
        self.lines = 0

    def take(self, line: str) -> None:
        """Take a line with its end."""
        said, failure = None, ""
        try:
            said = self._check(line)
            if "internal error" in said.text:
                failure = said.text
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the line
            failure = f"{type(error).__name__}: {error}"
        with self._changed:
            self.lines += 1
            if failure:
                self.failures.append(failure)
            if said is not None:
                self._counts[said.kind, said.success, said.subject] += 1
            self._changed.notify_all()

    def count(self, kind: str, subject: int, *, success: bool | None = None) -> int:
        """Return how many such lines there were, SUCCESS and FAILURE where it is not said."""
        results = (True, False) if success is None else (success,)
        return sum(self._counts[kind, result, subject] for result in results)

    def wait_for(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait until a condition on what was heard is true."""
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE_S):
                found = [*self._counts.most_common(20), *self.failures[:3]]
                raise Violation(f"{what}: not within {PATIENCE_S:g} s, but {found}")


class Driver:
    """A driver's process."""

    def __init__(
        self,
        name: str,
        options: str,
        port: int,
        directory: Path,
        check: Callable[[str], Message],
    ) -> None:
        self.heard = DriverOutput(check)
        self._process = subprocess.Popen(
            [_find_program(name), options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_make_environment(port, directory, name),
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    def send(self, line: Line) -> None:
        """Write a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.data + b"\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """End it as oned does, and see that it ends well, and had nothing else to say."""
        self.send(Line(b"FINALIZE"))
        code = self._process.wait(PATIENCE_S)
        self._reader.join()
        assert self._process.stderr is not None
        printed = self._process.stderr.read().decode(errors="replace")
        if code or printed:
            raise Violation(f"ended with {code}: {printed[-2000:]}")

    def close(self) -> None:
        """End it in any case."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.heard.take(line.decode(errors="surrogateescape"))


class Monitord:
    """monitord's port, for datagrams and streams, and what is heard there."""

    def __init__(self) -> None:
        self.heard = DriverOutput(checks.check_pushed)
        self._stream = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.bind(("127.0.0.1", self.port))
        for listen in (self._accept, self._receive):
            threading.Thread(target=listen, daemon=True).start()

    @property
    def port(self) -> int:
        """Its number."""
        return int(self._stream.getsockname()[1])

    def close(self) -> None:
        """Listen no more."""
        self._stream.close()
        self._datagrams.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._stream.accept()
                with connection, connection.makefile("rb") as reader:
                    self._take(reader.read())

    def _receive(self) -> None:
        with suppress(OSError):
            while True:
                self._take(self._datagrams.recv(1 << 16))

    def _take(self, message: bytes) -> None:
        if message:
            self.heard.take(message.decode(errors="surrogateescape"))


@contextmanager
def driver(
    name: str, port: int, directory: Path, check: Callable[[str], Message], options: str = ""
) -> Iterator[Driver]:
    """Give a driver that has answered INIT."""
    process = Driver(name, options, port, directory, check)
    try:
        process.send(Line(b"INIT"))
        process.heard.wait_for("INIT", lambda: process.heard.count("INIT", -1) > 0)
        yield process
    finally:
        process.close()
