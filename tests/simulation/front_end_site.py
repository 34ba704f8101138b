"""A front-end as a simulated site: oned, monitord, and their drivers."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path

from one2one.driver.events import Event
from one2one.mad.process import Arguments
from one2one.opennebula.template import Template, Value, to_xml
from opennebula_sandbox.cloud.faults import Faults
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal
from opennebula_sandbox.cloud.wire import xmlrpc
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from opennebula_sandbox.frontend.home import Home
from opennebula_sandbox.frontend.im.monitord import Monitord
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from opennebula_sandbox.frontend.oned.oned import LocalOned
from opennebula_sandbox.frontend.release import RELEASES
from tests.simulation.clock import SimulatedClock
from tests.simulation.driver import (
    IM_EXECUTABLE,
    Make,
    SimulatedDriver,
    make_im_driver,
    make_vmm_driver,
)
from tests.simulation.network import Network, Stream
from tests.simulation.process import Process
from tests.simulation.scheduler import Scheduler
from tests.simulation.service import PORT, Service

_MONITORD = 4124
_PASSWORD, _ONE_KEY = "0123456789abcdef", "fedcba9876543210fedcba9876543210"

Emit = Callable[[Process, Event], None]


class _Home(Home):
    """A front-end's files, of which only those are written that drivers read."""

    def write_vm_file(self, vm_id: int, name: str, text: str) -> None:
        pass


class FrontEndSite:
    """A local oned with its drivers."""

    def __init__(
        self,
        scheduler: Scheduler,
        network: Network,
        name: str,
        generation: str,
        directory: Path,
        arguments: Arguments,
        settings: MonitoringSettings,
        hear_vmm: Callable[[Process, str], None],
        hear_im: Callable[[Process, str], None],
        tell_vmm: Callable[[Process, str], None],
        hear_monitord: Callable[[Process, bytes], None],
        emit: Emit,
    ) -> None:
        """*hear_…* get what the drivers write before oned does, *tell_vmm* what oned does."""
        self.name = name
        self.clock = SimulatedClock(scheduler)
        self.faults = Faults()
        self.is_up = False
        self._scheduler = scheduler
        self._network = network
        self._hear = hear_vmm, hear_im, hear_monitord
        self._tell_vmm = tell_vmm
        self._emit = emit
        self._arguments = arguments
        home = _Home(directory)
        home.create(f"oneadmin:{_PASSWORD}", _ONE_KEY)
        self.environment = {
            "ONE_LOCATION": str(home.path),
            "ONE_XMLRPC": f"http://localhost:{PORT}/RPC2",
            "ONE_AUTH": str(home.one_auth),
            "HOME": str(home.var),
        }
        self.oned = LocalOned(RELEASES[generation], home, self.clock, _ONE_KEY)
        self.oned.add_user("oneadmin", _PASSWORD, "oneadmin")
        self._service = Service(scheduler, self._call, self.faults.deliver, self.faults.accept)
        self.oned.driver = _NoDriver()
        self._new_process()
        monitoring = self.oned.create_monitoring(settings, partial(_Port, self))
        self.oned.monitoring = monitoring
        self.pushes = isinstance(monitoring, Monitord)
        if isinstance(monitoring, Monitord):
            conf = monitoring.format_conf(
                {"NAME": "one", "EXECUTABLE": IM_EXECUTABLE, "ARGUMENTS": ""}, ""
            )
            (home.etc / "monitord.conf").write_text(conf)
        monitoring.start()

    def _new_process(self) -> None:
        self.process = Process(self._scheduler, self._network, self.name, "oned", self.clock.now)
        self._network.listen((self.name, PORT), self.process, self._service.serve)

    def up(self) -> None:
        """Start oned and its drivers."""
        if self.is_up:
            return
        self.is_up = True
        if self.process.is_down:
            self._new_process()
        self.vmm = self._start("vmm", partial(make_vmm_driver, self._arguments), self._vmm_line)
        self.im = self._start("im", partial(make_im_driver, self._emit), self._im_line)
        self.oned.driver, self.oned.im_driver = _VmmDriver(self), self.im
        assert self.oned.monitoring is not None
        self.oned.monitoring.resume()

    def down(self) -> None:
        """Kill oned: its connections end, and its drivers' pipes."""
        if self.is_up:
            self.is_up = False
            self.process.end()
            self.vmm.stop()
            self.im.stop()
            self.oned.driver, self.oned.im_driver = _NoDriver(), None

    def snapshot(self) -> Callable[[], None]:
        """Return what has oned find its present database again when it starts."""
        pools = self.oned.pools
        saved = deepcopy((pools.vms, pools.hosts, pools.templates))

        def restore() -> None:
            pools.vms, pools.hosts, pools.templates = deepcopy(saved)
            self.clock.lock.notify_all()

        return restore

    def call(self, method: str, *arguments: str | int | bool) -> str | int:
        """Make a call as oneadmin, by hand; raises Refusal."""
        session = f"oneadmin:{_PASSWORD}"
        success, value, code, *more = self.oned.api.call(method, (session, *arguments))
        if not success:
            raise Refusal(ErrorCode(int(code)), str(value), int(more[0]))
        return value if isinstance(value, int) else str(value)

    def add_host(self, name: str, **attributes: Value) -> LocalHost:
        """Create a host of the hybrid drivers."""
        number = int(self.call("one.host.allocate", name, "one", "one"))
        host = LocalHost(number, self.oned.pools, self.call, self.oned.monitor)
        host.update(**{"PUBLIC_CLOUD": "YES", "HYPERVISOR": "opennebula"} | attributes)
        return host

    def add_template(self, **template: Value) -> int:
        """Create a VM template."""
        return int(self.call("one.template.allocate", to_xml(Template(template.items()))))

    def add_vm(self, template_id: int) -> LocalVm:
        """Create a VM, PENDING."""
        return self.vm(
            int(self.call("one.template.instantiate", template_id, "", False, "", False))
        )

    def vm(self, vm_id: int) -> LocalVm:
        """Return what a user has of a VM."""
        return LocalVm(vm_id, self.oned.pools, self.call)

    @property
    def vms(self) -> list[Vm]:
        """The local VMs, DONE or not."""
        return list(self.oned.pools.vms.values())

    def _start(
        self, name: str, make: Make, receive: Callable[[Process, str], None]
    ) -> SimulatedDriver:
        driver = SimulatedDriver(
            self._scheduler,
            self._network,
            self.name,
            name,
            make,
            receive,
            self.clock.now,
            self.environment,
        )
        driver.start()
        return driver

    def _vmm_line(self, process: Process, line: str) -> None:
        self._hear[0](process, line)
        self.oned.answers.receive(line)

    def _im_line(self, process: Process, line: str) -> None:
        self._hear[1](process, line)
        assert self.oned.monitoring is not None
        self.oned.monitoring.receive(line)

    def tell(self, line: str) -> None:
        """Send the VMM driver a line."""
        if self.vmm.is_ready:
            self._tell_vmm(self.vmm.process, line)
            self.vmm.send(line)

    def hear_monitord(self, sender: Process, data: bytes) -> None:
        """Hear what arrives at monitord's port."""
        self._hear[2](sender, data)

    def _call(
        self, _stream: Stream, method: str, arguments: tuple[object, ...]
    ) -> Sequence[xmlrpc.Value]:
        return self.oned.api.call(method, arguments)


class _Port:
    """monitord's port, at the front-end's loopback."""

    port = _MONITORD

    def __init__(self, site: FrontEndSite, take: Callable[[bytes], None], _port: int) -> None:
        self._site = site
        self._take = take

    def start(self) -> None:
        """Listen."""
        site, address = self._site, (self._site.name, _MONITORD)
        site._network.listen_for_datagrams(address, site.process, self._receive)
        site._network.listen(address, site.process, self._serve)

    def stop(self) -> None:
        """It ends with its process."""

    def _serve(self, stream: Stream) -> None:
        stream.settimeout(10.0)
        data = bytearray()
        try:
            while piece := stream.recv(1 << 16):
                data += piece
        except OSError:
            return
        finally:
            stream.close()
        if stream.peer:
            self._receive(stream.peer.process, bytes(data))

    def _receive(self, sender: Process, data: bytes) -> None:
        self._site.hear_monitord(sender, data)
        self._take(data)


class _VmmDriver:
    """oned's VMM driver."""

    def __init__(self, site: FrontEndSite) -> None:
        self._site = site

    def start(self) -> None: ...
    def stop(self) -> None: ...

    def send(self, line: str) -> None:
        self._site.tell(line)


class _NoDriver:
    """The driver of an oned that is down."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def send(self, line: str) -> None: ...
