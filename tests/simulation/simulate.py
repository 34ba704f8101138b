"""One run of the simulation: a seed, a world, its events, and what came of it."""

import gc
import hashlib
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.calm import Calm
from tests.simulation.events import happen
from tests.simulation.invariants import Violation
from tests.simulation.plan import Event, draw, draw_setting
from tests.simulation.world import World

EVENTS = 100


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    seed: int
    generation: str
    events: Sequence[Event]
    """Those that happened."""
    steps: int
    operations: int
    """Actions that oned asked for."""
    calls: int
    """Of the drivers to the remotes."""
    seconds: float
    """Virtual ones."""
    history: Sequence[str]
    broken: Violation | None

    @property
    def digest(self) -> str:
        """What two runs with the same history have in common."""
        return hashlib.sha256("\n".join(self.history).encode()).hexdigest()[:16]


def simulate(generation: str, seed: int, events: Sequence[Event] | None = None) -> Outcome:
    """Run a seed, with its own *events* unless others are given."""
    happened: list[Event] = []
    broken: Violation | None = None
    hook, threading.excepthook = threading.excepthook, _raise
    gc.disable()  # a task that is left would end when Python likes
    try:
        with tempfile.TemporaryDirectory(prefix="one2one-") as directory:
            world = World(seed, generation, draw_setting(seed), Path(directory))
            try:
                for event in draw(seed, EVENTS) if events is None else events:
                    world.run_for(max(0.0, event.at - world.scheduler.now))
                    happened.append(event)
                    happen(world, event)
                Calm(world).check()
            except Violation as error:
                broken = error
            finally:
                world.close()
    finally:
        threading.excepthook = hook
        gc.enable()
        gc.collect()
    return Outcome(
        seed,
        generation,
        happened,
        world.scheduler.steps,
        world.answers.operations,
        world.calls.calls,
        world.scheduler.now,
        world.history,
        broken,
    )


def _raise(bug: threading.ExceptHookArgs) -> None:
    """Let a bug end the simulated thread in which nothing else would show it."""
    if bug.exc_value is not None:
        raise bug.exc_value
