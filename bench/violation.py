"""Look for the first broken promise: ``python -m bench.violation STEPS``."""

import sys
from itertools import count

from tests.simulation.plan import GENERATIONS
from tests.simulation.simulate import simulate


def look_for_violation(steps: int) -> str:
    """Run the simulation for so many steps; return which promise was broken when, else nothing."""
    done = 0
    for seed in count(1):
        for generation in GENERATIONS:
            outcome = simulate(generation, seed)
            done += outcome.steps
            if outcome.broken:
                name = outcome.broken.invariant.name
                return f"{name}, after {done:,} steps ({generation}, seed {seed})"
            if done >= steps:
                return ""
    raise AssertionError


if __name__ == "__main__":
    print(look_for_violation(int(sys.argv[1])))
