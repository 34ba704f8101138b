"""Readings that answer all callers who asked before the reading began.

A burst of operations asks a cloud the same thing hundreds of times. Each caller gets a reading
that began after it asked, and that is not older than the maximum age.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable
from copy import copy
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from one2one import runtime
from one2one.opennebula.errors import OneError, to_one_error

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass
class _Reading(Generic[Value]):
    """The newest reading of one thing."""

    lock: runtime.Lock = field(default_factory=runtime.lock)
    began_at: float = float("-inf")
    outcome: Value | OneError | None = None
    """None until it has been read."""


class SingleFlight(Generic[Key, Value]):
    """The newest readings of several things of one kind. Thread-safe."""

    def __init__(self, max_age: float = float("inf")) -> None:
        """Use no reading for longer than *max_age* seconds."""
        self._max_age = max_age
        self._readings: defaultdict[Key, _Reading[Value]] = defaultdict(_Reading)

    def get(
        self,
        key: Key,
        not_before: float,
        read: Callable[[], Value],
        serves: Callable[[Value], bool] = lambda _: True,
    ) -> Value:
        """Return what *read* returns, now or for another caller, begun at *not_before* or later.

        *not_before* is a time by ``runtime.monotonic()``. If it is infinite, *read* is called
        in any case. *serves* may refuse an older reading too. Raises the errors of *read*, the same
        one for all callers that waited for it: a burst fails in one timeout.
        """
        reading = self._readings[key]
        with reading.lock:
            now = runtime.monotonic()
            outcome = reading.outcome
            old = reading.began_at < max(not_before, now - self._max_age)
            if outcome is None or old or not (isinstance(outcome, OneError) or serves(outcome)):
                try:
                    outcome = read()
                except Exception as error:  # noqa: BLE001 - a bug is shared as any other failure
                    outcome = to_one_error(error)
                reading.began_at, reading.outcome = now, outcome
        if isinstance(outcome, OneError):
            raise copy(outcome)
        return outcome
