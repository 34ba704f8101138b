"""Attack for as long as asked: ``python -m bench.hostile --cases 100000 --seed 1``.

Tells every failure with its seed and number, how often each kind of case was made, and how much
memory was used at most. One case alone is made again with ``--first NUMBER --cases 1 --sieges 0``
and its seed.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.hostile import campaign, sieges
from tests.hostile.campaign import Report

_A_SIEGE = 1000
"""Lines."""


def main() -> int:
    """Attack from within, then the drivers' processes; returns 1 after a failure."""
    options, began = _options(), time.monotonic()
    told = driver_memory = 0

    def tell(report: Report) -> None:
        nonlocal told
        for failure in report.failures[told:]:
            print(failure, file=sys.stderr, flush=True)
        told = len(report.failures)

    report = campaign.run(
        options.seed, range(options.first, options.first + options.cases), heard=tell
    )
    tell(report)
    for number in range(options.sieges):
        driver_memory = max(driver_memory, _besiege(report, options.seed + number))
    tell(report)
    seconds = time.monotonic() - began
    for kind, count in sorted(report.cases.items()):
        print(f"{count:10,} {kind}")
    print(f"{report.answers:10,} odd answers")
    print(f"{report.lines:10,} lines to and from drivers")
    print(f"{len(report.failures):10,} failures")
    print(
        f"{report.memory >> 20:10,} MB of memory more at most, {campaign.MOST_MEMORY >> 20} allowed"
    )
    print(f"{driver_memory >> 20:10,} MB of memory in a driver at most")
    rate = (report.answers + report.lines) / seconds
    print(f"{seconds:.0f} s, {rate:,.0f} answers and lines a second, seed {options.seed}")
    return int(bool(report.failures))


def _besiege(report: Report, seed: int) -> int:
    """Besiege each driver; return how many bytes of memory one had at most."""
    memory = 0
    for siege in sieges.SIEGES:
        with campaign.remote() as port, tempfile.TemporaryDirectory() as directory:
            try:
                besieged = siege(port, Path(directory), seed, _A_SIEGE)
                report.lines += besieged.lines
                memory = max(memory, besieged.memory)
            except AssertionError as error:
                report.failures.append(f"{siege.__name__} {seed}: {error}")
        report.cases[siege.__name__] += 1
    return memory


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.hostile", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="the first case")
    parser.add_argument("--sieges", type=int, default=1, help="how many for each driver")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
