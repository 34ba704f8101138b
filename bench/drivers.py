"""The executables of one2one, as oned runs them."""

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import time
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench import answers
from bench.clouds import Clouds

BIN = Path(sys.executable).parent


@contextlib.contextmanager
def environment(clouds: Clouds) -> Iterator[dict[str, str]]:
    """Give what an executable finds on a front-end: credentials, endpoint, a home."""
    with tempfile.TemporaryDirectory(prefix="one2one-bench-") as directory:
        root = Path(directory)
        (root / "var").mkdir()
        (root / "one_auth").write_text("oneadmin:bench")
        yield {
            "HOME": directory,
            "ONE_LOCATION": directory,
            "ONE_AUTH": str(root / "one_auth"),
            "ONE_XMLRPC": clouds.local,
        }


class Driver:
    """A resident driver, and oned's ends of its pipes."""

    def __init__(self, name: str, arguments: str, environment: dict[str, str]) -> None:
        self._begun = time.monotonic()
        process = self._process = subprocess.Popen(
            [BIN / name, arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, **environment},
        )
        assert process.stdin
        assert process.stdout
        self._stdin, self._stdout = process.stdin, process.stdout
        self._unread = b""
        self.pid = process.pid
        self.write("INIT")
        self.answer()
        self.start_seconds = time.monotonic() - self._begun

    def write(self, *lines: str) -> None:
        self._stdin.write("".join(f"{line}\n" for line in lines).encode())

    def answer(self, timeout: float = 120) -> str:
        """Return the next line that is no LOG."""
        deadline = time.monotonic() + timeout
        while True:
            line, newline, rest = self._unread.partition(b"\n")
            if newline:
                self._unread = rest
                if not line.startswith(b"LOG"):
                    return line.decode()
                continue
            left = deadline - time.monotonic()
            if left < 0 or not select.select([self._stdout], [], [], left)[0]:
                raise TimeoutError("the driver did not answer")
            data = self._stdout.read(1 << 16)
            if not data:
                raise EOFError("the driver ended")
            self._unread += data

    def close(self) -> None:
        self._stdin.close()
        self._process.wait(10)
        self._stdout.close()


@contextlib.contextmanager
def driver(name: str, arguments: str, environment: dict[str, str]) -> Iterator[Driver]:
    running = Driver(name, arguments, environment)
    try:
        yield running
    finally:
        running.close()


def start_monitoring(im: Driver, hosts: Iterable[int], port: int, periods: dict[str, int]) -> None:
    """Have an IM driver monitor *hosts*, and report to a *port*; *periods* are in seconds."""
    for host in hosts:
        document = answers.start_monitor(host, port, periods).encode()
        im.write(f"START_MONITOR - {host} 0 {b64encode(zlib.compress(document)).decode()}")
        im.answer()
