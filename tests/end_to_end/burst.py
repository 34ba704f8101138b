"""A remote cloud and a front-end with the real driver, joined by a host."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from one2one.mad.scripts.layout import write_scripts
from one2one.opennebula.states import RUNNING, State, VmState
from one2one.opennebula.template import Value
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.frontend.frontend import ARGUMENTS, IM_ARGUMENTS, FrontEnd
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings

GENERATIONS = ("5.10", "6.10", "7.2")
WAYS = ("resident", "scripts")
PAIRS = (("5.10", "scripts"), ("6.10", "resident"), ("7.2", "scripts"))
"""Each release, and each way: for what does not depend on both together."""
GUARD_S = 31
"""Seconds for which oned distrusts a report about a VM that it has just moved."""
DRIVER = str(Path(sys.executable).with_name("one_vmm_one2one"))
IM_DRIVER = str(Path(sys.executable).with_name("one_im_one2one"))
STATES = {state.name: State(state) for state in VmState} | {"RUNNING": RUNNING}
TEMPLATE: dict[str, Value] = {
    "CPU": "0.1",
    "MEMORY": "128",
    "PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "0"},
}


def monitoring_settings(generation: str, **settings: float | bool) -> MonitoringSettings:
    """Return periods of a moment each; oned itself asks as often too, monitord once."""
    periods = dict.fromkeys(("beacon_host", "monitor_host", "state_vm", "monitor_vm"), 0.2)
    interval = 0.2 if generation == "5.10" else 180
    return MonitoringSettings(**{"timer": 0.2, "interval": interval} | periods | settings)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Burst:
    """Both sides."""

    cloud: SimulatedCloud
    frontend: FrontEnd
    host: LocalHost

    def vm(self, **template: Value) -> LocalVm:
        """Return a new local VM, PENDING."""
        return self.frontend.add_vm(TEMPLATE | template)

    def run_vm(self, **template: Value) -> LocalVm:
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

    def end_long_ago(self, *vms: LocalVm) -> None:
        """Terminate VMs that are off, of which no driver is told, and let it be ten minutes ago."""
        for vm in vms:
            vm.act("terminate-hard")
            vm.wait("DONE")
            self.frontend.pools.find_vm(vm.id).etime -= 600

    def rounds(self, number: int) -> None:
        """Wait until so many more whole rounds have been read, where each reads the quotas."""
        begun = threading.Semaphore(0)
        rule = self.cloud.faults.on(faults.run(begun.release), "one.group.info", times=None)
        for _ in range(number + 1):
            assert begun.acquire(timeout=30), "no round"
        self.cloud.faults.rules.remove(rule)

    @contextmanager
    def second_cloud(self, **attributes: Value) -> Iterator["Burst"]:
        """Give another cloud for the same front-end, by another host of it."""
        with SimulatedCloud(self.cloud.oned.profile.name) as cloud:
            host = self.frontend.add_host("burst2", **of_the_host(cloud) | attributes)
            yield Burst(cloud, self.frontend, host)

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
    grpc: bool = False,
    arguments: str = ARGUMENTS,
    im_arguments: str = IM_ARGUMENTS,
    monitoring: MonitoringSettings | None = None,
    **attributes: Value,
) -> Iterator[Burst]:
    """Give both sides, of one release unless *profile* names another for the remote.

    The resident IM driver runs only with *monitoring*; the scripts' way monitors in any case.
    With *grpc* the remote is called by gRPC.
    """
    with TemporaryDirectory(prefix="one2one-") as directory:
        remotes = Path(directory)
        driver = [DRIVER] if way == "resident" else None
        im_driver = [IM_DRIVER] if way == "resident" and monitoring else None
        if way == "scripts":
            write_scripts(remotes)
        with (
            SimulatedCloud(profile or generation, delay=delay, grpc=grpc) as cloud,
            FrontEnd(
                generation,
                driver=driver,
                im_driver=im_driver,
                remotes=remotes,
                arguments=arguments,
                im_arguments=im_arguments,
                settings=monitoring,
            ) as frontend,
        ):
            settings = of_the_host(cloud) | attributes
            yield Burst(cloud, frontend, frontend.add_host("burst1", **settings))


def of_the_host(cloud: SimulatedCloud) -> dict[str, Value]:
    """Return the attributes of a host that stands for *cloud*."""
    return {
        "ONE_ENDPOINT": cloud.endpoint,
        "ONE_USER": cloud.user,
        "ONE_PASSWORD": cloud.password,
        "ONE_CAPACITY": {"CPU": "0", "MEMORY": "0"},
        "ONE_SHUTDOWN_TIMEOUT": "20",
    }
