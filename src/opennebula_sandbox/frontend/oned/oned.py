"""The parts of a local oned, put together: objects, reactions, API and monitoring."""

from typing import Protocol

from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.frontend.api.calls import Api
from opennebula_sandbox.frontend.api.host_methods import HostMethods
from opennebula_sandbox.frontend.api.template_methods import TemplateMethods
from opennebula_sandbox.frontend.api.vm_methods import VmMethods
from opennebula_sandbox.frontend.generation import Generation
from opennebula_sandbox.frontend.home import Home
from opennebula_sandbox.frontend.im.client_messages import ClientMessages
from opennebula_sandbox.frontend.im.host_reports import HostReports
from opennebula_sandbox.frontend.im.monitord import Monitord
from opennebula_sandbox.frontend.im.monitoring import Monitoring, Settings
from opennebula_sandbox.frontend.im.polling import Polling
from opennebula_sandbox.frontend.im.polls import Polls
from opennebula_sandbox.frontend.im.reports import Reports
from opennebula_sandbox.frontend.im.vm_states import VmStates
from opennebula_sandbox.frontend.oned.contents import Contents
from opennebula_sandbox.frontend.oned.dispatch import Dispatch
from opennebula_sandbox.frontend.oned.hotplug import Hotplug
from opennebula_sandbox.frontend.oned.lifecycle import LifeCycle
from opennebula_sandbox.frontend.oned.pools import Pools
from opennebula_sandbox.frontend.vmm.messenger import Messenger
from opennebula_sandbox.frontend.vmm.results import Results


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
        pools = self.pools = Pools(clock, restricted=[*generation.profile.restricted])
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
