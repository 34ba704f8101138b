"""A campaign of attacks: any number of cases, of which a seed and a number tell each."""

import contextlib
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile import memory
from tests.hostile.calls import attack_calls
from tests.hostile.chance import Chance
from tests.hostile.ground import LONGEST_ANSWER, Ground
from tests.hostile.operations import attack_operation
from tests.hostile.reading import attack_im_lines, attack_vmm_lines
from tests.hostile.rounds import attack_round

Attack = Callable[[Ground, str, Chance], int]
"""Makes one case, and returns how many lines drivers and oned exchanged."""
KINDS: dict[str, tuple[Attack, int]] = {
    "calls": (attack_calls, 9),
    "operations": (attack_operation, 4),
    "rounds of monitoring": (attack_round, 1),
    "lines to a VMM driver": (attack_vmm_lines, 3),
    "lines to an IM driver": (attack_im_lines, 3),
}
"""What is attacked, and how often beside the others."""
MOST_MEMORY = 2 * LONGEST_ANSWER
"""Bytes."""
_THREADS = 8
"""Most wait for the process that answers, a few for an answer that is slow."""


@dataclass
class Report:
    """What a campaign came to."""

    cases: Counter[str] = field(default_factory=Counter)
    """By kind."""
    lines: int = 0
    """Lines to and from drivers."""
    answers: int = 0
    """Of a remote, odd ones alone."""
    memory: int = 0
    """By how many bytes the memory of the process that is attacked grew at most."""
    failures: list[str] = field(default_factory=list)


@contextmanager
def remote() -> Iterator[int]:
    """Run the process that answers; give its port."""
    argv = [sys.executable, "-m", "tests.hostile.remote"]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait()


def run(
    seed: int,
    cases: range,
    *,
    short: float = 5.0,
    heard: Callable[[Report], object] | None = None,
) -> Report:
    """Make the *cases* of a seed; *heard* is told now and then how it stands."""
    report = Report()
    with (
        _no_dead_threads(report),
        _no_more_memory(report),
        remote() as port,
        tempfile.TemporaryDirectory() as directory,
        contextlib.closing(Ground(port, Path(directory), short)) as ground,
        ThreadPoolExecutor(_THREADS) as threads,
    ):
        for _ in threads.map(lambda number: _attack(ground, seed, number, report), cases):
            if heard:
                heard(report)
        report.answers = ground.count_answers()
    return report


def _attack(ground: Ground, seed: int, number: int, report: Report) -> None:
    case = f"{seed}/{number}"
    chance = Chance(case)
    (kind,) = chance.choices([*KINDS], [weight for _, weight in KINDS.values()])
    try:
        said = KINDS[kind][0](ground, case, chance)
        ground.check_neighbour(case)
    except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
        report.failures.append(f"{kind} {case}: {type(error).__name__}: {str(error)[:500]}")
    else:
        report.lines += said
    report.cases[kind] += 1


@contextmanager
def _no_dead_threads(report: Report) -> Iterator[None]:
    """Note each thread that ends by an exception, and each bug that one survives."""
    hook = threading.excepthook
    threading.excepthook = lambda bug: report.failures.append(f"a thread: {bug.exc_value!r}")
    try:
        yield
    finally:
        threading.excepthook = hook


@contextmanager
def _no_more_memory(report: Report) -> Iterator[None]:
    """Note how much memory is used at most, and that it is too much."""
    before = memory.reset_peak()
    try:
        yield
    finally:
        report.memory = memory.read_peak() - before
        if report.memory > MOST_MEMORY:
            report.failures.append(f"{report.memory >> 20} MB of memory")
