"""A remote cloud and a front-end with the real driver, joined by a host."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from one2one.mad.scripts.layout import write
from one2one.opennebula.states import RUNNING, State, VmState
from one2one.opennebula.template import Value
from one2one.sandbox.cloud.cloud import Cloud
from one2one.sandbox.frontend.frontend import FrontEnd
from one2one.sandbox.frontend.handles import LocalHost, LocalVm

GENERATIONS = ("5.10", "6.10", "7.2")
WAYS = ("resident", "scripts")
DRIVER = str(Path(sys.executable).with_name("one_vmm_one2one"))
STATES = {state.name: State(state) for state in VmState} | {"RUNNING": RUNNING}
TEMPLATE: dict[str, Value] = {
    "CPU": "0.1",
    "MEMORY": "128",
    "PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "0"},
}


@dataclass(frozen=True)
class Burst:
    """Both sides."""

    cloud: Cloud
    frontend: FrontEnd
    host: LocalHost

    def vm(self, **template: Value) -> LocalVm:
        """Return a new local VM, PENDING."""
        return self.frontend.add_vm(TEMPLATE | template)

    def running(self, **template: Value) -> LocalVm:
        """Return a new local VM that runs, on both sides."""
        vm = self.vm(**template)
        vm.deploy(self.host)
        vm.wait("RUNNING")
        self.wait_remote(vm, "RUNNING")
        return vm

    def remote_id(self, vm: LocalVm) -> int:
        """Return the id of a local VM's remote VM."""
        return int(vm.deploy_id.removeprefix("opennebula-hybrid-"))

    def wait_remote(self, vm: LocalVm, state: str) -> None:
        """Wait until the remote VM is in the state of that name."""
        assert self.cloud.wait_for(self.remote_id(vm), STATES[state]), f"no {state} at the remote"

    def alive(self) -> list[int]:
        """Return the ids of the remote VMs that are not DONE."""
        return [vm.id for vm in self.cloud.vms if vm.state != STATES["DONE"]]


@contextmanager
def burst(
    generation: str = "6.10",
    way: str = "resident",
    *,
    profile: str | None = None,
    delay: float = 0.0,
    arguments: str = "-t 15 -r 0 one",
    **attributes: Value,
) -> Iterator[Burst]:
    """Give both sides, of one release unless *profile* names another for the remote."""
    with TemporaryDirectory(prefix="one2one-") as directory:
        remotes = Path(directory)
        driver = [DRIVER] if way == "resident" else None
        if way == "scripts":
            write(remotes)
        with (
            Cloud(profile or generation, delay=delay) as cloud,
            FrontEnd(generation, driver=driver, remotes=remotes, arguments=arguments) as frontend,
        ):
            settings: dict[str, Value] = {
                "ONE_ENDPOINT": cloud.endpoint,
                "ONE_USER": cloud.user,
                "ONE_PASSWORD": cloud.password,
                "ONE_CAPACITY": {"CPU": "0", "MEMORY": "0"},
                "ONE_SHUTDOWN_TIMEOUT": "20",
            }
            yield Burst(cloud, frontend, frontend.add_host("burst1", **settings | attributes))
