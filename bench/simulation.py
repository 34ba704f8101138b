"""Run the simulation: ``python -m bench.simulation --generation 6.10 --steps 1000000 --seed 1``.

Each seed is one run: its own world, its own events, then calm. It ends at the first broken promise,
which it tells by its shortest history. A step is a task that goes on until it waits, or something
that arrives or comes due. The same seed gives the same history; ``--runs 1`` replays it.
"""

import argparse
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
    begun, tally = time.monotonic(), Counter[str]()
    broken: Outcome | None = None
    seeds = iter(count(options.seed))
    with ProcessPoolExecutor(options.processes) as pool:
        while tally["steps"] < options.steps and tally["runs"] < options.runs and not broken:
            batch = list(islice(seeds, min(_BATCH, options.runs - tally["runs"])))
            for outcome in pool.map(simulate, [generation] * len(batch), batch):
                tally.update(
                    runs=1, steps=outcome.steps, events=len(outcome.events), calls=outcome.calls
                )
                tally["virtual hours"] += round(outcome.seconds)
                broken = broken or (outcome if outcome.broken else None)
    seconds = time.monotonic() - begun
    tally["virtual hours"] //= 3600
    figures = ", ".join(f"{number:,} {what}" for what, number in tally.items())
    print(f"{generation}: {figures}; {tally['steps'] / seconds:,.0f} steps/s", flush=True)
    if broken:
        print(tell(shrink(broken)))
    return int(broken is not None)


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
