"""An operation: what the function that carries it out is given, and how it waits.

That function is a generator. It calls the remote directly, and yields a ``Change`` where it must
wait for a VM, or a ``Pause`` before it tries again; it is sent what the VM has become. So a
thousand VMs can wait without a thread each, and a script can wait all the same.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remote
from one2one.driver.watch import StateWait
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
Steps = Generator[Wait, State | None, str]
"""A running operation; it returns what to answer oned besides SUCCESS, perhaps nothing."""


@dataclass(frozen=True)
class Job:
    """What an operation works with."""

    request: Request
    not_before: float
    """When, by ``time.monotonic()``; infinite if the VM was busy with another operation then."""
    local: LocalCloud
    remote: Remote
    log: Callable[[str], None]
    """Writes a line into the VM's own log."""


def explain(error: OneError, request: Request, remote: Remote | None = None) -> str:
    """Return one line with the cause, the remedy, and then the VM, its host and the remote.

    The cause comes first because oned shows its users little more than the first hundred
    characters. A long one is cut, so that the others stay. oned takes a text that begins with a
    hyphen for none.
    """
    endpoint = error.endpoint or (remote.cloud.url if remote else "")
    where = [f"VM {request.vm.id}", request.deploy_id or request.vm.deploy_id]
    where += [f"host {request.host_name}", error.call, endpoint]
    helps = error.remedy or find_remedy(error.cause)
    helps = f"{helps}. " if helps else ""
    rest = clean_line(f"{helps}[{', '.join(filter(None, where))}]", LIMIT // 2)
    cause = f"Error: {error.cause}" if error.cause.startswith("-") else error.cause
    return f"{clean_line(cause, LIMIT - len(rest) - 2).rstrip('.')}. {rest}"
