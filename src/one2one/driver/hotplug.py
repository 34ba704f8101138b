"""Changing a remote VM where it is, as its local VM is changed: snapshots, size, context, devices.

Each operation has a rule (a Chooser) which says, for the remote VM as it is, what to call next, or
that all is done. So it can begin again at any time. ``change`` makes the call, waits until the
remote has carried it out, and looks again.
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
from one2one.hybrid.pass_through import is_error_of
from one2one.hybrid.words import read_words
from one2one.opennebula.errors import Busy, OneError, ProtocolError, Unreachable, WrongState
from one2one.opennebula.records import Vm
from one2one.opennebula.states import State

_UNREAD = State(-1)
_LOST = (Unreachable, Busy, ProtocolError)
"""What may become of an answer on its way: none, or a damaged one."""


@dataclass(frozen=True)
class Call:
    """A call of the remote that is to be made."""

    name: str
    """Names it in errors: a command of ``onevm``, and perhaps more words. Within an operation it is
    the only one with this name."""
    make: Callable[[], object]


@dataclass(frozen=True)
class Result:
    """The end of a change that succeeded."""

    answer: str = ""
    """What to answer oned."""
    unseen: str = ""
    """The call whose effect the remote VM does not show: ERROR alone tells that it failed."""


Chooser = Callable[[Vm, frozenset[str]], Call | Result | None]
"""Chooses what comes next, None where one must wait.

It gets the remote VM, and the names of the calls that the remote has accepted. It may raise
Refused, and the errors of a call that reads.
"""


Follower = Callable[[Vm, frozenset[str]], Call | None]
"""Gets the same, and chooses what is left to call before a VM starts."""


def change(job: Job, choose: Chooser, ready: Goal, remote: Vm | None = None) -> Steps:
    """Make the calls that *choose* returns, one by one, until it returns the result.

    They are made in those states of the remote VM that *ready* calls reached. *remote* is the
    remote VM where it was just read.

    A call that is chosen again, after the remote accepted it, has failed there. Raises Refused when
    the VM is another's, when its state does not allow the change, and when that is not done in
    time; and the errors of a call. A call whose answer was lost or damaged is not made again: its
    error is raised, unless the remote VM shows what came of it.
    """
    remote = remote or read_own(job, find_remote_vm(job))
    return (yield from _Change(job, choose, ready, remote).run())


class _Change:
    """A change under way."""

    def __init__(self, job: Job, choose: Chooser, ready: Goal, remote: Vm) -> None:
        self._job = job
        self._choose = choose
        self._ready = ready
        self._limit = job.remote.settings.shutdown_timeout
        self._deadline = runtime.monotonic() + self._limit
        self._remote = remote
        self._error = self._read_error()
        self._accepted: frozenset[str] = frozenset()
        self._accepted_at = float("-inf")
        self._doubt: tuple[str, OneError] | None = None
        """What may not have been accepted, and the error that says so."""

    def run(self) -> Steps:
        while True:
            wake = self._deadline
            step = self._ready.step(self._remote.state)
            wanted = self._choose(self._remote, self._accepted) if step is Step.REACHED else None
            if isinstance(wanted, Result):
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
                error = self._find_error(wanted.name)
                if error or runtime.monotonic() >= wake:
                    raise verdicts.failed_change_error(self._remote, wanted.name, error)
            elif step is Step.NEVER:
                raise verdicts.unchangeable_error(self._remote, self._action)
            else:
                self._settle_doubt()
            yield from self._wait(min(wake, self._deadline))

    @property
    def _action(self) -> str:
        return self._job.request.action

    def _ask(self, wanted: Call) -> Generator[Wait, State | None, None]:
        """Make a call, and read the remote VM after that."""
        try:
            wanted.make()
        except WrongState as error:
            self._doubt = wanted.name, error
        except _LOST as error:
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
        except _LOST:
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

    def _require_success(self, result: Result) -> None:
        if result.unseen and (error := self._find_error(result.unseen)):
            raise verdicts.failed_change_error(self._remote, result.unseen, error)

    def _find_error(self, name: str) -> str:
        """Return what the remote VM's ERROR says of a call; nothing where it had that before."""
        error = self._read_error()
        return error if error != self._error and is_error_of(name, error) else ""

    def _read_error(self) -> str:
        return read_words(self._remote, "ERROR", self._job.remote.settings.password)

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
