"""Time, CPU and memory, of ourselves and of others."""

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any, TypeVar

Name = TypeVar("Name")


@dataclass(frozen=True)
class Cost:
    """What something cost."""

    seconds: float
    cpu: float
    """Seconds."""
    peak: float = 0.0
    """MB of memory."""


@dataclass(frozen=True)
class Sample:
    """Several measurements of one thing: the median, and how far the middle half spreads."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def spread(self) -> float:
        if len(self.values) < 2:
            return 0.0
        low, _, high = quantiles(self.values, n=4, method="inclusive")
        return (high - low) / 2

    def __truediv__(self, other: "Sample") -> "Sample":
        """Return the ratios of pairs that were taken one after the other."""
        return Sample(tuple(a / b for a, b in zip(self.values, other.values, strict=False)))


def cost(function: Callable[[], object]) -> Cost:
    """Run *function* in this process."""
    cpu, begun = time.process_time(), time.monotonic()
    function()
    return Cost(time.monotonic() - begun, time.process_time() - cpu)


def pairs(
    functions: Mapping[Name, Callable[[], Cost]],
    rounds: int,
    before: Callable[[], object] = lambda: None,
) -> dict[Name, list[Cost]]:
    """Run each of *functions* once, unmeasured, then all of them in turn, *rounds* times.

    Each time *before* is run first, unmeasured too.
    """
    for function in functions.values():
        before()
        function()
    taken: dict[Name, list[Cost]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            before()
            taken[name].append(function())
    return taken


def seconds(costs: list[Cost]) -> Sample:
    return Sample(tuple(one.seconds for one in costs))


def cpu(costs: list[Cost]) -> Sample:
    return Sample(tuple(one.cpu for one in costs))


_LAUNCHER = """\
import json, os, sys, time
begun = time.monotonic()
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
taken = time.monotonic() - begun
with open(sys.argv[1], "w") as file:
    json.dump([status, taken, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024], file)
"""
"""A small process between: the peak that Linux tells of a process counts its parent's memory."""


def command(argv: list[str], stdin: str = "", env: dict[str, str] | None = None) -> Cost:
    """Run a process to its end."""
    with tempfile.NamedTemporaryFile("r") as result:
        launch = [sys.executable, "-I", "-S", "-c", _LAUNCHER, result.name, *argv]
        environment = {**os.environ, **(env or {})}
        done = subprocess.run(
            launch, input=stdin.encode(), capture_output=True, env=environment, check=True
        )
        status, *figures = json.load(result)
    if status:
        raise RuntimeError(f"{argv}: {done.stderr.decode(errors='replace')}")
    return Cost(*figures)


def cpu_of(pid: int) -> float:
    """Return the CPU time that a process has used, of all its threads."""
    return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3)


def memory_of(pid: int | str, which: str = "VmHWM") -> float:
    """Return a process's peak of memory in MB, or what it has now (``VmRSS``)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(rf"{which}:\s+(\d+)", status)[0]) / 1024


def forget_peak() -> float:
    """Forget the peak, and return what this process has now, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory_of("self", "VmRSS")


def in_child(function: Callable[..., object], *arguments: object) -> Any:
    """Return what *function* of a bench module returns in a fresh interpreter, as JSON has it."""
    name = f"{function.__module__}:{function.__qualname__}"
    run = [sys.executable, "-m", "bench.measure", name, json.dumps(arguments)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def _child(name: str, arguments: str) -> None:
    module, _, function = name.partition(":")
    result = getattr(importlib.import_module(module), function)(*json.loads(arguments))
    print(json.dumps(result, default=asdict))


if __name__ == "__main__":
    _child(*sys.argv[1:])
