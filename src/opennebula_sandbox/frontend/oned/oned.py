"""The local oned with its parts: objects, life cycle, API and monitoring."""

from collections.abc import Callable
from typing import Protocol

from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.cloud.vm.resources import Resources
from opennebula_sandbox.frontend.api.calls import Api
from opennebula_sandbox.frontend.api.host_methods import HostMethods
from opennebula_sandbox.frontend.api.resource_methods import make_resource_methods
from opennebula_sandbox.frontend.api.template_methods import TemplateMethods
from opennebula_sandbox.frontend.api.vm_methods import VmMethods
from opennebula_sandbox.frontend.home import Home
from opennebula_sandbox.frontend.im.client_messages import ClientMessages
from opennebula_sandbox.frontend.im.host_reports import HostReports
from opennebula_sandbox.frontend.im.listener import Listener, Port
from opennebula_sandbox.frontend.im.monitord import Monitord
from opennebula_sandbox.frontend.im.monitoring import Monitoring, MonitoringSettings
from opennebula_sandbox.frontend.im.polling import Polling
from opennebula_sandbox.frontend.im.vm_polls import VmPolls
from opennebula_sandbox.frontend.im.vm_reports import VmReports
from opennebula_sandbox.frontend.im.vm_states import VmStates
from opennebula_sandbox.frontend.oned.dispatch import Dispatch
from opennebula_sandbox.frontend.oned.hotplug import Hotplug
from opennebula_sandbox.frontend.oned.lifecycle import LifeCycle
from opennebula_sandbox.frontend.oned.pools import Pools
from opennebula_sandbox.frontend.oned.vm_builder import VmBuilder
from opennebula_sandbox.frontend.release import Release
from opennebula_sandbox.frontend.vmm.answers import DriverAnswers
from opennebula_sandbox.frontend.vmm.messenger import Messenger


class Driver(Protocol):
    """A driver, which answers oned's messages: a process, or a stock shell."""

    def start(self) -> None:
        """Start the driver."""

    def send(self, line: str) -> None:
        """Send the driver a message."""

    def stop(self) -> None:
        """Stop the driver."""


class LocalOned:
    """A local oned; FrontEnd sets its drivers and its monitoring."""

    driver: Driver
    """The VMM driver."""
    im_driver: Driver | None = None
    monitoring: Monitoring | None = None

    def __init__(self, release: Release, home: Home, clock: Clock, one_key: str) -> None:
        pools = self.pools = Pools(clock, restricted=[*release.profile.restricted])
        self._release = release
        self._datastores = str(home.var / "datastores")
        self.resources = Resources()
        vm_builder = VmBuilder(release, one_key, self.resources)
        messenger = Messenger(pools, release, home, vm_builder, self._send)
        lifecycle = LifeCycle(pools, release, messenger.send)
        dispatch = Dispatch(pools, release, lifecycle, vm_builder)
        hotplug = Hotplug(pools, release, lifecycle, vm_builder)
        reports = VmReports(pools, release, lifecycle)
        self._host_reports = HostReports(pools, release, reports)
        self._vm_states = VmStates(pools, release, self._host_reports, reports)
        self._polls = VmPolls(pools, reports, lambda vm: messenger.send("POLL", vm))
        self.answers = DriverAnswers(pools, release, lifecycle, self._polls)
        hosts = HostMethods(pools, release.profile, one_key, self._watch)
        self.add_user = hosts.add_user
        templates = TemplateMethods(pools, release.profile, dispatch)
        vms = VmMethods(pools, release, dispatch, hotplug, vm_builder)
        methods = {**hosts.methods(), **templates.methods(), **vms.methods()}
        self.api = Api(pools, {**methods, **make_resource_methods(self.resources)})

    def create_monitoring(
        self,
        settings: MonitoringSettings,
        listen: Callable[[Callable[[bytes], None], int], Port] = Listener,
    ) -> Monitoring:
        """Return the monitoring of this release; it uses ``im_driver``.

        *listen* opens monitord's port.
        """
        if not self._release.monitord:
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
            self._release,
            self._host_reports,
            ClientMessages(self.pools, self._host_reports, self._vm_states),
            settings,
            self._datastores,
            self._send_im,
            listen,
        )

    def monitor(self, host: Host) -> None:
        """Monitor a host now, if the front-end has monitoring."""
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
