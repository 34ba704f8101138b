"""Waits for remote VMs to change state: one call a second for each remote, and no worker.

A remote has one thread while operations wait for its VMs. That thread calls them back.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from one2one import runtime
from one2one.driver.threads import run_guarded, start_thread
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.errors import (
    ConfigurationError,
    InternalError,
    OneError,
    ProtocolError,
    Refused,
    to_one_error,
)
from one2one.opennebula.states import State, VmState

INTERVAL_S = 1.0
FIRST_S = 0.1
"""First poll delay; it doubles up to INTERVAL_S. Many actions take a cloud less than a second."""
GONE = State(VmState.DONE)
"""The state of a VM that the remote says it does not know."""

Callback = Callable[[State | OneError], None]


@dataclass(frozen=True, slots=True)
class StateWait:
    """A wait for a state other than *last_state*, until the *deadline*."""

    remote_id: int
    last_state: State
    deadline: float
    """By ``runtime.monotonic()``."""


class Watch:
    """The waits on one remote. Thread-safe."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = runtime.lock()
        self._waits: list[tuple[StateWait, Callback]] = []
        self._running = False

    def wait(self, wait: StateWait, callback: Callback) -> None:
        """Call *callback* once with the new state, or with the last one at the deadline.

        At a deadline during an outage, and at once when the remote refuses to be asked, it is
        called with the error instead. Raises Busy where nothing can wait: see ``start_thread``.
        """
        with self._lock:
            if not self._running:
                start_thread("watch", self._run)
                self._running = True
            self._waits.append((wait, callback))

    def _run(self) -> None:
        pause = FIRST_S
        while True:
            runtime.sleep(pause)
            pause = min(2 * pause, INTERVAL_S)
            with self._lock:
                waits, self._waits = self._waits, []
            left = list(self._serve(waits))
            with self._lock:
                self._waits += left
                self._running = bool(self._waits)
                if not self._running:
                    return

    def _serve(
        self, waits: list[tuple[StateWait, Callback]]
    ) -> Iterator[tuple[StateWait, Callback]]:
        """Call back those whose wait ends, and yield the others."""
        states: dict[int, State] = {}
        failure: OneError | None = None
        try:
            states = read_states(self._cloud, [wait.remote_id for wait, _ in waits])
        except Exception as error:  # noqa: BLE001 - after a bug too, all waits are answered
            failure = to_one_error(error)
        now = runtime.monotonic()
        for wait, callback in waits:
            outcome = end_wait(wait, failure or states.get(wait.remote_id, wait.last_state), now)
            if outcome is None:
                yield wait, callback
            else:
                run_guarded(partial(callback, outcome))


def end_wait(wait: StateWait, read: State | OneError, now: float) -> State | OneError | None:
    """Return what ends *wait*, None while it goes on; *read* is what was just read of its VM.

    A failed reading ends it only at the deadline, or where asking again cannot help.
    """
    late = now >= wait.deadline
    if isinstance(read, OneError):
        return read if late or is_final(read) else None
    return read if late or read != wait.last_state else None


def read_states(cloud: Cloud, remote_ids: Iterable[int]) -> dict[int, State]:
    """Return the state of each VM; ``GONE`` for one that the remote, asked for it alone, denies.

    Raises the errors of a call: what could not be read is never guessed. Among several, one that
    the remote shows as no VM is left out.
    """
    ids = set(remote_ids)
    states = {row.id: row.state for row in cloud.list_vms_by_id(ids)}
    for missing in ids - states.keys():
        try:
            vm = cloud.find_summary(missing)
        except ProtocolError:
            if len(ids) == 1:
                raise
        else:
            states[missing] = vm.state if vm else GONE
    return states


def is_final(error: OneError) -> bool:
    """Tell whether asking again cannot help."""
    return isinstance(error, ConfigurationError | Refused | InternalError)
