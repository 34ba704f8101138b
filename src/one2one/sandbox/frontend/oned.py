"""The parts of a local oned, put together: objects, reactions, API and monitoring."""

from typing import Protocol

from one2one.sandbox.cloud.clock import Clock
from one2one.sandbox.cloud.objects import Host
from one2one.sandbox.frontend.api import Api
from one2one.sandbox.frontend.client_messages import ClientMessages
from one2one.sandbox.frontend.contents import Contents
from one2one.sandbox.frontend.dispatch import Dispatch
from one2one.sandbox.frontend.generation import Generation
from one2one.sandbox.frontend.home import Home
from one2one.sandbox.frontend.host_methods import HostMethods
from one2one.sandbox.frontend.host_reports import HostReports
from one2one.sandbox.frontend.hotplug import Hotplug
from one2one.sandbox.frontend.lifecycle import LifeCycle
from one2one.sandbox.frontend.messenger import Messenger
from one2one.sandbox.frontend.monitord import Monitord
from one2one.sandbox.frontend.monitoring import Monitoring, Settings
from one2one.sandbox.frontend.polling import Polling
from one2one.sandbox.frontend.polls import Polls
from one2one.sandbox.frontend.pools import Pools
from one2one.sandbox.frontend.reports import Reports
from one2one.sandbox.frontend.results import Results
from one2one.sandbox.frontend.template_methods import TemplateMethods
from one2one.sandbox.frontend.vm_methods import VmMethods
from one2one.sandbox.frontend.vm_states import VmStates


class Driver(Protocol):
    """What answers oned's messages: a process, or a stock shell."""

    def start(self) -> None:
        """Be ready for messages."""

    def send(self, line: str) -> None:
        """Take a message."""

    def stop(self) -> None:
        """End."""


class Oned:
    """A local oned; the drivers, and whether it monitors, are set from outside."""

    driver: Driver
    """The VMM driver."""
    im_driver: Driver | None = None
    monitoring: Monitoring | None = None

    def __init__(self, generation: Generation, home: Home, clock: Clock, one_key: str) -> None:
        pools = self.pools = Pools(clock)
        self._generation = generation
        self._datastores = str(home.var / "datastores")
        contents = Contents(generation, one_key)
        messenger = Messenger(pools, generation, home, contents, self._send)
        lifecycle = LifeCycle(pools, generation, messenger.send)
        dispatch = Dispatch(pools, generation, lifecycle, contents)
        hotplug = Hotplug(pools, generation, lifecycle, contents)
        reports = Reports(pools, generation, lifecycle)
        self._host_reports = HostReports(pools, generation, reports)
        self._vm_states = VmStates(pools, generation, self._host_reports, reports)
        self._polls = Polls(pools, reports, lambda vm: messenger.send("POLL", vm))
        self.results = Results(pools, generation, lifecycle, self._polls)
        hosts = HostMethods(pools, generation.profile, one_key, self._watch)
        self.add_user = hosts.add_user
        templates = TemplateMethods(pools, dispatch)
        vms = VmMethods(pools, generation, dispatch, hotplug, contents)
        self.api = Api(pools, {**hosts.methods(), **templates.methods(), **vms.methods()})

    def new_monitoring(self, settings: Settings) -> Monitoring:
        """Return the generation's way of monitoring; it uses ``im_driver``."""
        if not self._generation.monitord:
            return Polling(
                self.pools,
                self._host_reports,
                self._polls,
                settings,
                self._datastores,
                self._send_im,
            )
        return Monitord(
            self.pools,
            self._generation,
            self._host_reports,
            ClientMessages(self.pools, self._host_reports, self._vm_states),
            settings,
            self._datastores,
            self._send_im,
        )

    def monitor(self, host: Host) -> None:
        """Monitor a host now, if oned monitors at all."""
        if self.monitoring:
            self.monitoring.renew(host)

    def _send(self, line: str) -> None:
        self.driver.send(line)

    def _send_im(self, line: str) -> None:
        if self.im_driver:
            self.im_driver.send(line)

    def _watch(self, host: Host, *, deleted: bool = False) -> None:
        if self.monitoring and deleted:
            self.monitoring.forget(host)
        elif self.monitoring:
            self.monitoring.watch(host)
