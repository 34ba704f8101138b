"""The drivers in a simulated world; ``python -m bench.simulation`` runs as many steps as asked."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from one2one.driver import lifecycle
from one2one.driver.operation import Job
from one2one.opennebula.states import State
from tests.simulation.invariants import TRUE
from tests.simulation.plan import DEVICES_FROM, GENERATIONS, draw
from tests.simulation.shrink import shrink, tell
from tests.simulation.simulate import simulate

STEPS = 20_000
"""Of each generation."""
ROOT = Path(__file__).parent.parent.parent
DIGEST = """
from tests.simulation.simulate import simulate
print(simulate("6.10", 7).digest)
"""


@pytest.mark.parametrize("first", [1, DEVICES_FROM])
@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_promise_holds(generation: str, first: int) -> None:
    steps, seed = 0, first
    while steps < STEPS:
        outcome = simulate(generation, seed)
        steps, seed = steps + outcome.steps, seed + 1
        if outcome.broken:
            pytest.fail(tell(shrink(outcome)))


def test_a_seed_gives_the_same_history_whatever_the_hashes() -> None:
    digests = [
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert digests[0] == digests[1]


def test_a_broken_promise_is_told_by_its_shortest_history(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer_at_once(
        job: Job, remote_id: int, _goal: object, action: str
    ) -> Generator[Any, State | None, str]:
        job.remote.cloud.vm_action(action, remote_id)
        yield from ()
        return ""

    monkeypatch.setattr(lifecycle, "reach", answer_at_once)
    found = simulate("6.10", 1, draw(1, 25))
    assert found.broken
    assert found.broken.invariant is TRUE
    shortest = shrink(found)
    assert len(shortest.events) <= 3
    again = simulate("6.10", 1, shortest.events)
    assert again.history == shortest.history
    assert "succeeded, and cloud1 VM" in tell(shortest)
