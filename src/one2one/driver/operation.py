"""A job: one action of oned under way, what its operation works with, and how it waits.

An operation is a generator. It calls the remote directly, and yields a ``StateWait`` where it must
wait for a VM, or a ``Pause`` before it tries again; it is sent the VM's new state. So a thousand
VMs can wait without a thread each, and a script can wait in the same way.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remote, Remotes
from one2one.driver.watch import StateWait
from one2one.hybrid.naming import Marks
from one2one.hybrid.pass_through import Unsupported
from one2one.hybrid.remedies import find_remedy
from one2one.hybrid.request import Request
from one2one.opennebula.clean import LIMIT, clean_line
from one2one.opennebula.errors import OneError
from one2one.opennebula.states import State


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait of some seconds."""

    seconds: float


Wait = StateWait | Pause
Outcome = State | OneError | None
"""What a wait came to: the VM's state, an error, or nothing after a pause."""
Steps = Generator[Wait, State | None, str]
"""A running operation; it returns what to answer oned besides SUCCESS, perhaps nothing."""


@dataclass
class Job:
    """One action of oned under way."""

    request: Request
    local: LocalCloud
    remotes: Remotes
    log: Callable[[str], None]
    """Writes a line into the VM's own log."""
    not_before: float
    """When oned asked, by ``runtime.monotonic()``: what was read earlier does not count. Infinite
    if the VM was busy with another operation then."""
    opened: Remote | None = None
    """The remote, once ``open_remote`` has opened it."""

    @property
    def remote(self) -> Remote:
        """The remote; only after ``open_remote``."""
        assert self.opened is not None  # noqa: S101 - operations begin after it
        return self.opened

    @property
    def marks(self) -> Marks:
        """Those of the VM's remote VM; without a hybrid id before the host's first DEPLOY."""
        vm, sequence = self.request.vm, self.request.placement.sequence
        return Marks(self.remote.settings.hybrid_id, vm.id, vm.stime, sequence)

    def open_remote(self, not_before: float) -> Remote:
        """Return the remote that the host names, read at *not_before* or later.

        Raises as ``Remotes.open_for_host`` does.
        """
        host_id, host_name = self.request.placement.host_id, self.request.host_name
        self.opened = self.remotes.open_for_host(host_id, host_name, not_before)
        return self.opened


Operation = Callable[[Job], Steps]


def resume(steps: Steps, outcome: Outcome) -> Wait:
    """Let *steps* go on after a wait; raises StopIteration at its end, and its errors."""
    if isinstance(outcome, OneError):
        return steps.throw(outcome)
    return steps.send(outcome)


def explain(error: OneError, request: Request, remote: Remote | None = None) -> str:
    """Return one line with the cause, the remedy, and then the VM, its host and the remote.

    The cause comes first because oned shows its users little more than the first hundred
    characters. A long one is cut, so that the others stay. oned takes a text that begins with a
    hyphen for none. What is not supported is told with no place.
    """
    if isinstance(error, Unsupported):
        return str(error)
    endpoint = error.endpoint or (remote.cloud.url if remote else "")
    where = [f"VM {request.vm.id}", request.deploy_id or request.vm.deploy_id]
    where += [f"host {request.host_name}", error.call, endpoint]
    helps = error.remedy or find_remedy(error.cause)
    helps = f"{helps}. " if helps else ""
    rest = clean_line(f"{helps}[{', '.join(filter(None, where))}]", LIMIT // 2)
    cause = f"Error: {error.cause}" if error.cause.startswith("-") else error.cause
    return f"{clean_line(cause, LIMIT - len(rest) - 2).rstrip('.')}. {rest}"
