"""Changing a remote VM where it is, as its local VM is changed: snapshots, size, context, devices.

An operation has a plan, which says for the remote VM as it is what there is to ask for, or that
all is done. So it can begin again at any time. ``change`` asks, waits until the remote has carried
that out, and looks again.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from one2one import runtime
from one2one.driver.operation import Job, Steps, Wait
from one2one.driver.ownership import find_remote_vm, read_own
from one2one.driver.reach import SETTLE_S
from one2one.driver.watch import StateWait
from one2one.hybrid import verdicts
from one2one.hybrid.goals import Goal, Step
from one2one.opennebula.errors import Busy, OneError, Unreachable, WrongState
from one2one.opennebula.records import Vm
from one2one.opennebula.states import State

_UNREAD = State(-1)


@dataclass(frozen=True)
class Ask:
    """What there is to ask the remote for."""

    name: str
    """Names it in errors. Within an operation it is the only one with this name."""
    call: Callable[[], object]


@dataclass(frozen=True)
class Done:
    """Everything is done."""

    answer: str = ""
    """What to answer oned."""
    visible: bool = True
    """Whether the remote VM shows it. Otherwise a new ERROR there means that it failed."""


Plan = Callable[[Vm, frozenset[str]], Ask | Done | None]
"""Gets the remote VM and the names of what it has accepted; returns None where one must wait.

It may raise Refused.
"""


Follower = Callable[[Vm, frozenset[str]], Ask | None]
"""Gets the same, and returns what is left to ask for before a VM starts."""


def change(job: Job, plan: Plan, ready: Goal, remote: Vm | None = None) -> Steps:
    """Carry *plan* out, in those states of the remote VM that *ready* calls reached.

    *remote* is the remote VM where it was just read.

    What it asks for again, after the remote accepted it, has failed there. Raises Refused when the
    VM is another's, when its state does not allow the change, and when that is not done in time;
    and the errors of a call. A call whose answer was lost is not made again: its error is raised,
    unless the remote VM shows what came of it.
    """
    remote = remote or read_own(job, find_remote_vm(job))
    return (yield from _Change(job, plan, ready, remote).run())


class _Change:
    """A change under way."""

    def __init__(self, job: Job, plan: Plan, ready: Goal, remote: Vm) -> None:
        self._job = job
        self._plan = plan
        self._ready = ready
        self._limit = job.remote.settings.shutdown_timeout
        self._deadline = runtime.monotonic() + self._limit
        self._remote = remote
        self._error = remote.user_template.text("ERROR")
        self._accepted: frozenset[str] = frozenset()
        self._accepted_at = float("-inf")
        self._doubt: tuple[str, OneError] | None = None
        """What may not have been accepted, and the error that says so."""

    def run(self) -> Steps:
        while True:
            wake = self._deadline
            step = self._ready.step(self._remote.state)
            wanted = self._plan(self._remote, self._accepted) if step is Step.REACHED else None
            if isinstance(wanted, Done):
                self._require_success(wanted)
                return wanted.answer
            if wanted is not None:
                if self._doubt is not None and self._doubt[0] == wanted.name:
                    raise self._doubt[1]
                self._settle_doubt()
                if wanted.name not in self._accepted:
                    yield from self._ask(wanted)
                    continue
                wake = self._accepted_at + SETTLE_S
                if self._new_error or runtime.monotonic() >= wake:
                    raise verdicts.failed_change_error(self._remote, wanted.name, self._new_error)
            elif step is Step.NEVER:
                raise verdicts.unchangeable_error(self._remote, self._action)
            else:
                self._settle_doubt()
            yield from self._wait(min(wake, self._deadline))

    @property
    def _action(self) -> str:
        return self._job.request.action

    def _ask(self, wanted: Ask) -> Generator[Wait, State | None, None]:
        """Ask for *wanted*, and read the remote VM after that."""
        try:
            wanted.call()
        except WrongState as error:
            self._doubt = wanted.name, error
        except (Unreachable, Busy) as error:
            if not error.sent:
                raise
            self._doubt = wanted.name, error
        else:
            self._accept(wanted.name)
        if self._doubt is None:
            yield from self._read_patiently()
            return
        try:
            self._remote = read_own(self._job, self._remote.id)
        except (Unreachable, Busy):
            raise self._doubt[1] from None

    def _accept(self, name: str) -> None:
        self._accepted |= {name}
        self._accepted_at = runtime.monotonic()

    def _settle_doubt(self) -> None:
        """Take what may not have been accepted for accepted, where the remote VM does or shows it.

        An answer of WrongState was no lost one.
        """
        if self._doubt is not None and not isinstance(self._doubt[1], WrongState):
            self._accept(self._doubt[0])
        self._doubt = None

    def _require_success(self, done: Done) -> None:
        if not done.visible and self._new_error:
            raise verdicts.failed_change_error(self._remote, self._action, self._new_error)

    @property
    def _new_error(self) -> str:
        """The remote VM's ERROR, nothing where it had that before."""
        error = self._remote.user_template.text("ERROR")
        return "" if error == self._error else error

    def _wait(self, wake: float) -> Generator[Wait, State | None, None]:
        """Wait until the remote VM is in another state, at most until *wake*, and read it."""
        if runtime.monotonic() >= self._deadline:
            state = self._remote.state
            raise verdicts.too_late_error(self._remote.id, state, self._action, self._limit)
        yield StateWait(self._remote.id, self._remote.state, wake)
        yield from self._read_patiently()

    def _read_patiently(self) -> Generator[Wait, State | None, None]:
        """Read the remote VM, through an outage until the deadline."""
        while True:
            try:
                self._remote = read_own(self._job, self._remote.id)
            except (Unreachable, Busy):
                if runtime.monotonic() >= self._deadline:
                    raise
            else:
                return
            yield StateWait(self._remote.id, _UNREAD, self._deadline)
