"""The process that oned starts: arguments, pipe, metrics, bugs.

oned gives a driver its arguments as one string, a pipe at each of stdin and stdout, and a closed
stderr (``src/mad/Mad.cc``, ``include/Driver.h``).
"""

import contextlib
import getopt
import os
import shlex
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from one2one import runtime
from one2one.driver.events import Emit, ignore
from one2one.driver.threads import run_guarded
from one2one.opennebula.errors import to_one_error
from one2one.opennebula.ids import read_id
from one2one.opennebula.numbers import parse_whole


@dataclass(frozen=True, slots=True)
class Arguments:
    """The options of oned's stock driver that are used here; the others are ignored."""

    threads: int = 15
    retries: int = 0
    metrics: tuple[str, int] | None = None
    """The address and port to serve Prometheus on; ours alone."""


def parse_arguments(argv: list[str]) -> Arguments:
    """Return the options in ``ARGUMENTS`` of oned.conf; raises ValueError for a wrong one."""
    words = shlex.split(" ".join(argv))
    try:
        options = dict(getopt.gnu_getopt(words, "t:r:l:s:w:d:pc", ["metrics="])[0])
        threads, retries = _read_count(options, "-t", 15), _read_count(options, "-r", 0)
        metrics = _parse_address(options.get("--metrics", ""))
    except (getopt.GetoptError, ValueError) as error:
        raise ValueError(f"ARGUMENTS={' '.join(words)!r}: {error}") from None
    if threads < 1 or retries < 0:
        raise ValueError(f"ARGUMENTS={' '.join(words)!r}: -t is 1 or more, -r is 0 or more")
    return Arguments(threads, retries, metrics)


def start_metrics(metrics: tuple[str, int] | None) -> tuple[Emit, str]:
    """Return what to call with each event, and the reason if metrics cannot be served."""
    if metrics is None:
        return ignore, ""
    address, port = metrics
    os.environ.setdefault("PROMETHEUS_DISABLE_CREATED_SERIES", "True")  # twice as many, unused
    try:
        from one2one.mad.metrics import serve

        count = serve(address, port)
    except ImportError as error:
        cause = f"{error}. Install one2one[metrics], or the package python3-prometheus-client"
    except OSError as error:
        cause = f"{error.strerror or error}. Choose an address and port that are free"
    except RuntimeError as error:  # no thread can be started
        cause = f"{error}"
    else:
        # What is counted must not end what counts.
        return lambda event: run_guarded(partial(count, event)), ""
    return ignore, f"--metrics {address}:{port}: {cause}. Going on without"


def _parse_address(text: str) -> tuple[str, int] | None:
    """Return the parts of ``ADDRESS:PORT``; raises ValueError."""
    if not text:
        return None
    address, _, after = text.rpartition(":")
    port = read_id(after) or 0
    if not address or not 0 < port < 2**16:
        raise ValueError(f"--metrics is ADDRESS:PORT, not {text}")
    return address.strip("[]"), port


def _read_count(options: Mapping[str, str], name: str, default: int) -> int:
    number = parse_whole(options.get(name, str(default)))
    if number is None:
        raise ValueError(f"{name} is a whole number, not {options[name]!r}")
    return number


class OnedPipe:
    """The driver's end of the pipe to oned. Thread-safe."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = runtime.lock()

    def write(self, line: str) -> None:
        """Send a whole line in one write: oned before 6.0 takes a pause in a line for a crash."""
        data = line.encode(errors="replace")
        # Without oned no one reads this; the end of its lines ends the driver.
        with self._lock, contextlib.suppress(OSError):
            while data:
                data = data[os.write(self._fd, data) :]


def report_bugs(log: Callable[[str], object]) -> None:
    """Write each bug that ends a thread, or that ``run_guarded`` caught, with *log*."""

    def report(bug: threading.ExceptHookArgs) -> None:
        if isinstance(bug.exc_value, Exception):
            log(str(to_one_error(bug.exc_value)))

    threading.excepthook = report


def take_over_stdio() -> OnedPipe:
    """Return the pipe to oned, and make sure that nothing else writes to it.

    Without this the first file that is opened would become stderr, and a stray print would be
    read by oned as a message. An interrupt ends the process at once and without output, like
    SIGTERM.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    while null <= 2:
        null = os.dup(null)
    try:
        os.fstat(2)
    except OSError:
        os.dup2(null, 2)
    output = os.dup(1)
    os.set_inheritable(output, False)
    os.dup2(null, 1)
    return OnedPipe(output)
