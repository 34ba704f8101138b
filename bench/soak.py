"""Let everything fail for as long as asked: ``python -m bench.soak --seconds 600``.

The storm of ``tests/end_to_end`` rages over a local and a remote cloud of the sandbox, with real
driver processes, one generation after the other. It ends at the first violation of a promise, which
it tells, and prints what happened. The same ``--seed`` draws the same steps.
"""

import argparse
import itertools
import sys
import time
from collections import Counter

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.end_to_end.burst import GENERATIONS
from tests.end_to_end.storm import Storm

_RUNS_AT_ONCE = 5
_STEPS_A_RUN = 50


class _Telling(Storm):
    """A storm that tells of a violation at once: none comes twice in quite the same way."""

    def hold(self, promise: bool, story: str) -> None:
        if not promise:
            print(f"{self.generation}: {story}", file=sys.stderr, flush=True)
        super().hold(promise, story)


def main() -> int:
    """Run until one of the limits; returns 1 after a violation."""
    options = _options()
    tally = Counter[str]()
    begun = time.monotonic()
    failure: Exception | None = None
    for number, generation in enumerate(itertools.cycle(GENERATIONS)):
        if tally["steps"] >= options.steps or time.monotonic() - begun >= options.seconds:
            break
        machine = type("Storm", (_Telling,), {"generation": generation, "tally": tally})
        try:
            run_state_machine_as_test(
                seed(options.seed + number)(machine),
                settings=settings(
                    max_examples=_RUNS_AT_ONCE,
                    stateful_step_count=_STEPS_A_RUN,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                    report_multiple_bugs=False,
                ),
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the figures are to be seen
            failure = error
            print(f"{generation}, seed {options.seed + number}: {error}", file=sys.stderr)
            break
    print(f"{time.monotonic() - begun:.0f} s, seed {options.seed}")
    tally.setdefault("violations", 0)
    for what, count in sorted(tally.items()):
        print(f"{count:8} {what}")
    return int(failure is not None)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Let everything fail, and see what holds.")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after this time")
    parser.add_argument("--steps", type=float, default=float("inf"), help="end after this number")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.seconds == options.steps == float("inf"):
        options.seconds = 60.0
    return options


if __name__ == "__main__":
    sys.exit(main())
