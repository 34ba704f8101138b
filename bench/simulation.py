"""Run the simulation: ``python -m bench.simulation --generation 6.10 --steps 1000000 --seed 1``.

Each seed is one run: its own world, its own events, then calm. It ends at the first broken promise,
which it tells by its shortest history. A step is a task that goes on until it waits, or something
that arrives or comes due. The same seed gives the same history; ``--runs 1`` replays it.
"""

import argparse
import hashlib
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import count, islice

from tests.simulation.plan import GENERATIONS
from tests.simulation.shrink import shrink, tell
from tests.simulation.simulate import Outcome, simulate

_BATCH = 8


def main() -> int:
    """Run until there are steps enough; returns 1 after a violation."""
    options = _options()
    generations = options.generation or GENERATIONS
    return max(_run(generation, options) for generation in generations)


def _run(generation: str, options: argparse.Namespace) -> int:
    began, tally = time.monotonic(), Counter[str]()
    histories = hashlib.sha256()
    broken: Outcome | None = None
    seeds = iter(count(options.seed))
    with ProcessPoolExecutor(options.processes) as pool:
        while tally["steps"] < options.steps and tally["runs"] < options.runs and not broken:
            batch = list(islice(seeds, min(_BATCH, options.runs - tally["runs"])))
            for outcome in pool.map(simulate, [generation] * len(batch), batch):
                tally.update(_count(outcome))
                histories.update(outcome.digest.encode())
                broken = broken or (outcome if outcome.broken else None)
    seconds = time.monotonic() - began
    figures = [f"{number:,} {what}" for what, number in tally.items()]
    figures += [f"{seconds:,.0f} s", f"{tally['steps'] / seconds:,.0f} steps/s"]
    last = options.seed + tally["runs"] - 1
    print(f"{generation}, seeds {options.seed} to {last}: {', '.join(figures)}")
    print(f"digest of the histories: {histories.hexdigest()[:16]}", flush=True)
    if broken:
        print(tell(shrink(broken)))
    return int(broken is not None)


def _count(outcome: Outcome) -> dict[str, int]:
    faults = sum(event.is_fault for event in outcome.events)
    return {
        "runs": 1,
        "steps": outcome.steps,
        "operations": outcome.operations,
        "faults": faults,
        "other events": len(outcome.events) - faults,
        "calls": outcome.calls,
        "virtual seconds": round(outcome.seconds),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the drivers in a simulated world.")
    parser.add_argument("--generation", choices=GENERATIONS, action="append", help="all by default")
    parser.add_argument("--steps", type=int, default=1_000_000, help="end after this number")
    parser.add_argument("--runs", type=int, default=1 << 60, help="end after this number of seeds")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first run")
    parser.add_argument("--processes", type=int, default=2, help="how many run at a time")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
