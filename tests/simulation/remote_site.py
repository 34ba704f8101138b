"""A remote cloud as a simulated site."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import NamedTuple

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.api import calls
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.vm.machine import FAILS
from opennebula_sandbox.cloud.wire import xmlrpc
from tests.simulation.clock import SimulatedClock
from tests.simulation.network import Network, Stream
from tests.simulation.process import Process
from tests.simulation.scheduler import Scheduler
from tests.simulation.service import PORT, Service
from tests.simulation.states import AT_REST


class Call(NamedTuple):
    """A call that has arrived at a remote."""

    sender: Process
    sent_at: float
    is_given_up: bool
    """Whether its sender waits for the answer no longer."""
    method: str
    arguments: tuple[object, ...]
    """Those after the session."""


Hear = Callable[[Call], None]
"""Hears of a call before it is done."""


class RemoteSite:
    """A remote cloud."""

    def __init__(
        self,
        scheduler: Scheduler,
        network: Network,
        name: str,
        profile: str,
        delay: float,
        hear: Hear,
    ) -> None:
        self.name = name
        self.clock = SimulatedClock(scheduler)
        self.cloud = SimulatedCloud(profile, clock=self.clock, delay=delay, templates=1)
        self.is_up = False
        self._scheduler = scheduler
        self._network = network
        self._hear = hear
        self._service = Service(
            scheduler, self._call, self.cloud.faults.deliver, self.cloud.faults.accept
        )
        self.up()

    @property
    def endpoint(self) -> str:
        """The URL of its XML-RPC."""
        return f"http://{self.name}:{PORT}/RPC2"

    def up(self) -> None:
        """Listen."""
        if not self.is_up:
            self.is_up = True
            process = Process(self._scheduler, self._network, self.name, "oned", self.clock.now)
            self._process = process
            self._network.listen((self.name, PORT), process, self._service.serve)

    def down(self) -> None:
        """Close all connections and listen no more; the VMs live on."""
        self.is_up = False
        self._process.end()

    def fail_boots(self, seconds: float) -> None:
        """Let VMs that are made in the next seconds not start."""
        template = self.cloud.oned.templates[0]
        if template.template.text(FAILS):
            return
        right, template.template = (
            template.template,
            Template([*template.template, (FAILS, "BOOT")]),
        )

        def end() -> None:
            template.template = right

        self._scheduler.after(seconds, end)

    def snapshot(self) -> Callable[[], None]:
        """Return what has it find its present VMs again when it starts, but those on their way."""
        vms = deepcopy([vm for vm in self.cloud.vms if str(vm.state) in AT_REST])
        next_id = self.cloud.vms.next_id
        return lambda: self.cloud.machine.restore(deepcopy(vms), next_id)

    def _call(
        self, stream: Stream, method: str, arguments: tuple[object, ...]
    ) -> Sequence[xmlrpc.Value]:
        peer = stream.peer
        assert peer is not None
        self._hear(Call(peer.process, peer.sent_at, peer.is_closed, method, arguments[1:]))
        return calls.call(self.cloud.oned, method, arguments)
