"""Both sides of the demonstration: a simulated front-end with the real driver, and a cloud."""

import secrets
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from one2one.hybrid.naming import HYBRID_ID, read_marks
from one2one.mad.scripts import layout
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import ConfigurationError
from one2one.opennebula.states import State, VmState
from opennebula_sandbox.cloud.cloud import SimulatedCloud as SandboxCloud
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from opennebula_sandbox.frontend.mad import OnedDoesNotStart

HYBRID_ID_PREFIX = "one2one-trial-"
"""The beginning of hybrid ids that are used only once."""
_DELAY_S = 0.3
"""Seconds of each intermediate state in the simulated cloud, long enough to be seen."""


@dataclass(frozen=True)
class Account:
    """A user of a real cloud, and a template for the trial."""

    endpoint: str
    user: str
    password: str = field(repr=False)
    template_id: int
    ca_file: str | None = None
    proxy: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class DemoClouds:
    """The front-end, and the remote cloud as its user sees it."""

    frontend: FrontEnd
    host: LocalHost
    remote: Cloud
    template_id: int
    hybrid_id: str
    states: Callable[[Collection[int]], Mapping[int, State]]
    """Reads the states of remote VMs, without a call where that is possible."""
    calls: Callable[[], Counter[str]] | None
    """How many calls of each kind arrived; None for a real cloud."""

    def create_vm(self, number: int) -> LocalVm:
        """Return a new local VM, PENDING."""
        template: dict[str, str | dict[str, str]] = {
            "CPU": "0.1",
            "MEMORY": "128",
            "CONTEXT": {"GREETING": f"hello from {number}"},
            "PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": str(self.template_id)},
        }
        return self.frontend.add_vm(template, name=f"demo-{number}")

    def list_left_vms(self) -> list[int]:
        """Return the remote VMs of this demonstration that are not DONE; raises as calls do."""
        return [
            vm.id
            for vm in self.remote.list_whole_vms()
            if (marks := read_marks(vm))
            and marks.hybrid_id == self.hybrid_id
            and vm.state.state != VmState.DONE
        ]


@contextmanager
def open_clouds(
    generation: str,
    account: Account | None,
    *,
    scripts: bool = False,
    monitoring: MonitoringSettings | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Iterator[DemoClouds]:
    """Give both clouds; without an *account* the remote is simulated, of the same release.

    With *monitoring* the host is monitored in these periods. *attributes* are added to the host.
    Raises ConfigurationError if a driver does not start, and the errors of a call.
    """
    with ExitStack() as stack:
        sandbox = None
        if account is None:
            sandbox = stack.enter_context(SandboxCloud(generation, delay=_DELAY_S))
            sandbox.owner.quotas.limit(CPU=20, MEMORY=32768)
            account = Account(sandbox.endpoint, sandbox.user, sandbox.password, 0)
        server = Endpoint(account.endpoint, ca_file=account.ca_file, proxy=account.proxy)
        remote = Cloud([server], f"{account.user}:{account.password}")
        stack.callback(remote.close)
        remote.get_template(account.template_id)
        remotes = Path(stack.enter_context(TemporaryDirectory(prefix="one2one-")))
        if scripts:
            layout.write_scripts(remotes)
        frontend = FrontEnd(
            generation,
            driver=None if scripts else [_find_executable("one_vmm_one2one")],
            im_driver=[_find_executable("one_im_one2one")] if monitoring else None,
            remotes=remotes,
            settings=monitoring,
        )
        try:
            stack.enter_context(frontend)
        except OnedDoesNotStart as error:
            raise ConfigurationError(
                f"the driver {error.executable} does not start",
                remedy=f"Install one2one again, or see why with: echo INIT | {error.executable}",
            ) from None
        hybrid_id = f"{HYBRID_ID_PREFIX}{secrets.token_hex(8)}"
        of_the_host = {
            "ONE_ENDPOINT": account.endpoint,
            "ONE_USER": account.user,
            "ONE_PASSWORD": account.password,
            "ONE_CA_FILE": account.ca_file or "",
            "ONE_PROXY": account.proxy or "",
            HYBRID_ID: hybrid_id,
        }
        host = frontend.add_host("burst1", **of_the_host | dict(attributes or {}))
        states = _read_listing(remote) if sandbox is None else _read_sandbox(sandbox)
        calls = sandbox.calls.counts if sandbox else None
        yield DemoClouds(frontend, host, remote, account.template_id, hybrid_id, states, calls)


def _find_executable(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _read_sandbox(cloud: SandboxCloud) -> Callable[[Collection[int]], Mapping[int, State]]:
    return lambda ids: {id_: cloud.vms[id_].state for id_ in ids}


def _read_listing(cloud: Cloud) -> Callable[[Collection[int]], Mapping[int, State]]:
    return lambda ids: {row.id: row.state for row in cloud.list_vms_by_id(ids)}
