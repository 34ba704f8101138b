"""Operations that are cut at one of their calls, several VMs at a time.

A lane is a local VM on a host of its own with a remote cloud of its own, so that every call of the
driver tells by its target or its argument whose it is. All lanes of a round do the same operation,
are cut at the same call in the same way, and differ in what is done next.

Remote clouds have virtual clocks: what a remote carries out behind its answer happens after the
first status that the driver reads, so an operation makes the same calls each time, and it waits.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from one2one.driver.local import LocalCloud
from one2one.driver.reaper import Reaper
from one2one.driver.remotes import Remotes
from one2one.hybrid.orphans import NO_GRACE
from one2one.mad.scripts.layout import write_scripts
from one2one.opennebula.states import VmState
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.wire.delivery import ApiRequest, deliver
from opennebula_sandbox.cloud.wire.server import XmlRpcServer
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from opennebula_sandbox.frontend.mad import Mad
from opennebula_sandbox.frontend.oned.oned import Driver
from opennebula_sandbox.frontend.vmm.shell import VmmShell
from tests.end_to_end.burst import DRIVER, TEMPLATE, of_the_host

STEADY = ("PENDING", "RUNNING", "POWEROFF", "SUSPENDED", "STOPPED", "UNDEPLOYED", "DONE")
LANES = 4
"""As many as the driver has connections to the local oned."""


@dataclass(frozen=True)
class Operation:
    """What a user asks for."""

    begin: Callable[["Lane"], None]
    message: str
    """What the driver is told."""
    goal: str
    after: str = ""
    """The operation that brings a VM to where this one is possible."""
    at_once: int = LANES
    """In how many lanes it may be held."""
    kind: str = ""
    """The kind of what is changed, as ONE_PASS_THROUGH names it, if anything is."""
    has_effect: Callable[[LocalVm], bool] = lambda vm: True
    """Tells whether a VM that is where it is to be has also got what was asked for."""


@dataclass(frozen=True)
class Call:
    """A call that the driver makes."""

    method: str
    remote: bool


Effect = Callable[["Lane", ApiRequest], Iterator[bytes]]


@dataclass
class Lane:
    """A host, its remote cloud, and the VM that an operation is done to."""

    frontend: FrontEnd
    cloud: SimulatedCloud
    host: LocalHost
    vm: LocalVm
    network: int = -1
    """A local network that stands for one of the remote."""
    operation: Operation = field(init=False)
    mark: int = 0
    """How long ``oned.log`` was when the operation began."""
    calls: list[Call] = field(default_factory=list)
    eager: bool = True
    """Whether the remote carries out at once what it is asked for."""
    cuts: dict[int, Effect] = field(default_factory=dict)
    """What happens to the calls of an operation, by their places in it."""

    def deliver(self, request: ApiRequest, *, remote: bool) -> Iterator[bytes]:
        """Answer a call of this lane, unless it is to be cut."""
        index = len(self.calls)
        self.calls.append(Call(request.method, remote))
        yield from self.cuts.get(index, Lane.answer)(self, request)

    def answer(self, request: ApiRequest) -> Iterator[bytes]:
        """Answer a call as it should be."""
        return deliver(self.prepare_request(request))

    def owns(self, request: ApiRequest) -> bool:
        """Tell whether a local call is about this lane's host or VM."""
        subject = request.arguments[1] if len(request.arguments) > 1 else None
        if request.method.startswith("one.host."):
            return subject == self.host.id
        if request.method.startswith("one.vn."):
            return subject == self.network
        return request.method.startswith("one.vm.") and subject == self.vm.id

    def prepare_request(self, request: ApiRequest) -> ApiRequest:
        """Return *request*, which when it is done has its consequences as any other."""
        return replace(request, execute=lambda: self._execute(request))

    def _execute(self, request: ApiRequest) -> bytes:
        body = request.execute()
        if self.eager or request.method.startswith("one.vmpool."):
            self.cloud.clock.settle()
        return body

    def begin(self) -> None:
        """Begin the operation; the count of its calls starts at 0."""
        self.calls, self.mark = [], len(self.frontend.log)
        self.operation.begin(self)

    def has_succeeded(self) -> bool:
        """Tell whether there is nothing to repeat."""
        there = self.vm.state == self.operation.goal and self.operation.has_effect(self.vm)
        return there or self.vm.state == "DONE"

    def is_settled(self) -> bool:
        """Tell whether oned waits for no answer about the VM."""
        return self.vm.state in STEADY or self.vm.state.endswith("FAILURE")

    def wait_answered(self, message: str, timeout: float = 60.0) -> bool:
        """Wait until the driver has answered *message* since the operation began."""
        words = [
            f"Message received: {message} {result} {self.vm.id} "
            for result in ("SUCCESS", "FAILURE")
        ]
        log = self.frontend.log

        def has_answer() -> bool:
            return any(word in line for line in log[self.mark :] for word in words)

        return self.frontend.pools.wait_for(has_answer, timeout)

    def clean_up(self, way: str) -> None:
        """``onevm recover --delete`` or ``--recreate``, to its end."""
        if self.vm.state == "DONE":
            return
        silent = {"PENDING", "CLEANUP_RESUBMIT"}
        if not self.frontend.release.public_cloud:
            silent |= {"POWEROFF", "SUSPENDED", "STOPPED", "UNDEPLOYED"}
        asks = self.vm.state not in silent
        self.mark = len(self.frontend.log)
        self.vm.recover(way)
        assert not asks or self.wait_answered("CLEANUP")

    def list_left(self) -> list[int]:
        """Return the remote VMs that are not DONE, after the reaper came where there are any."""
        if self.list_alive():
            self.reap()
        return self.list_alive()

    def list_alive(self) -> list[int]:
        """Return the remote VMs that are not DONE."""
        self.cloud.clock.settle()
        return [vm.id for vm in self.cloud.vms if vm.state.state != VmState.DONE]

    def reap(self) -> None:
        """Look for orphans twice, without a grace period."""
        local = LocalCloud(self.frontend.home.environment(self.frontend.endpoint))
        with closing(local.cloud.client), closing(Remotes(local)) as remotes:
            remote = remotes.open_for_host(self.host.id, self.host.name)
            reaper = Reaper(self.host.id, local, lambda _: None, grace=NO_GRACE)
            for _ in range(2):
                reaper.reap(remote, remote.cloud.list_summaries())


@dataclass
class Lanes:
    """A front-end with its driver, and its lanes."""

    frontend: FrontEnd
    lanes: list[Lane]
    _shells: list[Driver] = field(default_factory=list)
    """Those whose oned was killed."""

    def kill_driver(self) -> None:
        """Kill the driver's process, or the scripts that run."""
        driver = self.frontend.driver
        if isinstance(driver, VmmShell):
            driver.kill_scripts()
        else:
            assert isinstance(driver, Mad)
            driver.kill()

    def kill_oned(self) -> None:
        """Kill oned and start it again. A driver ends with it, and scripts go on."""
        self._shells.append(self.frontend.driver)
        self.frontend.restart()

    def wait_for_scripts(self) -> None:
        """Wait until no script runs."""
        for shell in (*self._shells, self.frontend.driver):
            if isinstance(shell, VmmShell):
                shell.join()

    def deliver(self, request: ApiRequest) -> Iterator[bytes]:
        """Answer a local call; those that name no host and no VM belong to no lane."""
        for lane in self.lanes:
            if lane.owns(request):
                return lane.deliver(request, remote=False)
        return deliver(request)

    def server(self, lane: Lane, call: Call) -> XmlRpcServer:
        """Return what answers *call*."""
        return lane.cloud.server if call.remote else self.frontend.server


@contextmanager
def lanes(generation: str, way: str) -> Iterator[Lanes]:
    """Give a front-end with its driver or its scripts, and its lanes.

    Nothing is monitored, so that all calls are those of operations.
    """
    with ExitStack() as stack:
        scripts = Path(stack.enter_context(TemporaryDirectory(prefix="one2one-")))
        if way == "scripts":
            write_scripts(scripts)
            shutil.rmtree(scripts / "im")
        driver = [DRIVER] if way == "resident" else None
        frontend = stack.enter_context(FrontEnd(generation, driver=driver, remotes=scripts))
        both = Lanes(frontend, [])
        for number in range(LANES):
            cloud = stack.enter_context(SimulatedCloud(generation, clock=Clock(virtual=True)))
            attributes = of_the_host(cloud) | {
                "ONE_HYBRID_ID": f"hybrid-{number}",
                "ONE_PASS_THROUGH": "SNAPSHOT RESIZE UPDATECONF DISK NIC",
            }
            cloud.machine.live_resize = True
            host = frontend.add_host(f"burst{number}", **attributes)
            remote = cloud.add_network("backend", "10.0.0.10")
            mapping = {"ONE_REMOTE_NETWORK": str(remote)}
            network = frontend.add_network(f"mirror{number}", "10.0.0.10", **mapping)
            lane = Lane(frontend, cloud, host, frontend.add_vm(TEMPLATE), network)
            cloud.faults.on(_deliver_remote(lane), times=None)
            both.lanes.append(lane)
        frontend.faults.on(both.deliver, times=None)
        yield both


def _deliver_remote(lane: Lane) -> Callable[[ApiRequest], Iterator[bytes]]:
    return lambda request: lane.deliver(request, remote=True)
