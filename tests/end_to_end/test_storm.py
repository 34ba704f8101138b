"""A short storm on each generation; ``python -m bench.soak`` lets one rage for as long as asked."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.end_to_end.burst import GENERATIONS
from tests.end_to_end.storm import Storm

SETTINGS = settings(
    max_examples=1,
    stateful_step_count=20,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_nothing_is_lost_doubled_or_forgotten(generation: str) -> None:
    machine = type("Storm", (Storm,), {"generation": generation})
    run_state_machine_as_test(machine, settings=SETTINGS)
