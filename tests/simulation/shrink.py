"""A run that broke a promise, made as short as it gets, and how it is told."""

from collections.abc import Iterator, Sequence

from tests.simulation.plan import Event
from tests.simulation.simulate import Outcome, simulate

_MOST_RUNS = 400


def shrink(outcome: Outcome) -> Outcome:
    """Leave out events, many at first and then one by one, while the same promise is broken."""
    assert outcome.broken
    runs, size = 0, max(1, len(outcome.events) // 2)
    while True:
        is_shorter = False
        for events in _without(outcome.events, size):
            if runs == _MOST_RUNS:
                return outcome
            runs += 1
            tried = simulate(outcome.generation, outcome.seed, events)
            if tried.broken and tried.broken.invariant == outcome.broken.invariant:
                outcome, is_shorter = tried, True
                break
        if not is_shorter and size == 1:
            return outcome
        size = size if is_shorter else max(1, size // 2)


def tell(outcome: Outcome) -> str:
    """Return how to repeat a run, its history, and what it broke."""
    command = f"python -m bench.simulation --generation {outcome.generation} --seed {outcome.seed}"
    times = f"{len(outcome.events)} events, {outcome.steps} steps"
    return "\n".join(
        [*outcome.history, f"{command} --runs 1 ({times}, {outcome.digest})", f"{outcome.broken}"]
    )


def _without(events: Sequence[Event], size: int) -> Iterator[Sequence[Event]]:
    """Yield *events* without some that follow each other, the last first."""
    for end in range(len(events), 0, -size):
        yield [*events[: max(0, end - size)], *events[end:]]
