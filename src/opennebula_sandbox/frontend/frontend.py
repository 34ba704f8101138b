"""A front-end: a local oned with its drivers, for tests and the demonstration.

with FrontEnd("6.10", driver=["one_vmm_one2one"]) as frontend:
    host = frontend.add_host("burst1", ONE_ENDPOINT=…, ONE_USER=…, ONE_PASSWORD=…)
    vm = frontend.add_vm({"CPU": "1", "MEMORY": "128", "PUBLIC_CLOUD": {"TYPE": …}})
    vm.deploy(host)
    vm.wait("RUNNING")
    vm.act("suspend")
    vm.wait("SUSPENDED")
"""

import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from one2one.opennebula.states import RaftState
from one2one.opennebula.template import Template, Value, to_xml
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.faults import Faults
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal
from opennebula_sandbox.cloud.wire.server import XmlRpcServer
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from opennebula_sandbox.frontend.home import Home
from opennebula_sandbox.frontend.im.monitord import Monitord
from opennebula_sandbox.frontend.im.monitoring import Monitoring, MonitoringSettings
from opennebula_sandbox.frontend.im.shell import ImShell
from opennebula_sandbox.frontend.mad import Mad
from opennebula_sandbox.frontend.oned.oned import Driver, LocalOned
from opennebula_sandbox.frontend.oned.pools import Pools
from opennebula_sandbox.frontend.release import RELEASES
from opennebula_sandbox.frontend.vmm.shell import VmmShell

ARGUMENTS = "-t 15 -r 0 one"
"""The ARGUMENTS of the VMM driver in the stock oned.conf."""
IM_ARGUMENTS = "-c -t 15 -r 0 one"
"""The ARGUMENTS of the IM driver in the stock oned.conf and monitord.conf."""


class FrontEnd:
    """A local oned of a release (5.10, 6.10, 7.2 or 7.4), which runs in its context."""

    def __init__(
        self,
        release: str,
        *,
        driver: Sequence[str] | None = None,
        im_driver: Sequence[str] | None = None,
        remotes: Path | None = None,
        arguments: str = ARGUMENTS,
        im_arguments: str = IM_ARGUMENTS,
        settings: MonitoringSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Use these drivers, or the stock shells with the scripts in *remotes*.

        *driver* and *im_driver* are argv; oned appends *arguments* and *im_arguments* as one
        element each. Without *im_driver* and ``remotes/im`` there is no monitoring.
        """
        self.release = RELEASES[release]
        self._vmm = driver, arguments
        self._im = im_driver, im_arguments
        self._remotes = remotes
        self._settings = settings or MonitoringSettings()
        self.clock = clock or Clock()
        self.faults = Faults()
        self._password = secrets.token_hex(16)
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        """Start all parts; raises OnedDoesNotStart if a driver's handshake fails."""
        with ExitStack() as stack:
            # A process that a script has just left may still write there.
            directory = tempfile.TemporaryDirectory(prefix="one2one-", ignore_cleanup_errors=True)
            path = stack.enter_context(directory)
            self.home = Home(Path(path))
            one_key = secrets.token_hex(16)
            self.home.create(self.session, one_key)
            if self._remotes:
                self.home.remotes.symlink_to(self._remotes)
            self.oned = LocalOned(self.release, self.home, self.clock, one_key)
            self.oned.add_user("oneadmin", self._password, "oneadmin")
            self.server = XmlRpcServer(
                self.api, delivery=self.faults.deliver, accept=self.faults.accept
            )
            self.clock.start()
            stack.callback(self.clock.stop)
            self.server.start()
            stack.callback(self.server.stop)
            self.oned.driver = self._start_driver(self._create_vmm_driver())
            stack.callback(lambda: self.oned.driver.stop())
            self._start_monitoring(stack)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all parts."""
        self._exit.close()

    @property
    def pools(self) -> Pools:
        """The local objects."""
        return self.oned.pools

    @property
    def driver(self) -> Driver:
        """The VMM driver."""
        return self.oned.driver

    @property
    def monitoring(self) -> Monitoring | None:
        """The monitoring of hosts; None without it."""
        return self.oned.monitoring

    @property
    def session(self) -> str:
        """The session string of oneadmin."""
        return f"oneadmin:{self._password}"

    @property
    def endpoint(self) -> str:
        """URL of the local XML-RPC."""
        return self.server.endpoint

    @property
    def log(self) -> list[str]:
        """The lines of ``oned.log``."""
        return self.pools.log

    def restart(self, pause: Callable[[], object] = lambda: None) -> None:
        """Kill oned, run *pause*, and start oned again with the same database.

        The API stops, and the pipes of the drivers close without a message. The API starts
        after the drivers. Scripts and the monitoring processes that they left run on.
        """
        monitoring = self.oned.monitoring
        self.server.stop()
        for driver in (self.oned.driver, self.oned.im_driver):
            if isinstance(driver, Mad):
                driver.abandon()
            elif isinstance(driver, VmmShell):
                driver.abandon()
                self._exit.callback(driver.stop)
        if monitoring:
            monitoring.halt()
        pause()
        self.home.note_start()
        self.oned.driver = self._start_driver(self._create_vmm_driver())
        if isinstance(self.oned.im_driver, Mad) and monitoring:
            self.oned.im_driver = self._start_driver(self._create_im_driver(monitoring))
        if monitoring:
            with self.clock.lock:
                monitoring.resume()
        self.server.start()

    def set_raft_state(self, state: RaftState) -> None:
        """Set the HA state of this server; monitord learns of it, drivers do not."""
        with self.clock.lock:
            self.pools.raft = state
            if isinstance(self.oned.monitoring, Monitord) and state is RaftState.LEADER:
                self.oned.monitoring.take_over()

    def wait_for_log(self, text: str, timeout: float = 30.0) -> None:
        """Wait until a line of ``oned.log`` contains *text*; raises TimeoutError."""
        if not self.pools.wait_for(lambda: any(text in line for line in self.log), timeout):
            raise TimeoutError(f"no {text!r} in oned.log")

    def api(self, method: str, arguments: tuple[object, ...]) -> Sequence[bool | int | str | bytes]:
        """Answer a call of the local API; its first argument is the session."""
        return self.oned.api.call(method, arguments)

    def call(self, method: str, *arguments: str | int | bool) -> str | int:
        """Do a call of the local API as oneadmin; raises Refusal."""
        success, value, code, *more = self.api(method, (self.session, *arguments))
        if not success:
            raise Refusal(ErrorCode(int(code)), str(value), int(more[0]))
        return value if isinstance(value, int) else str(value)

    def add_user(self, name: str, password: str) -> None:
        """Create an ordinary user."""
        self.oned.add_user(name, password, "users")

    def add_host(self, name: str, **attributes: Value) -> LocalHost:
        """Create a host of the hybrid drivers; its monitoring begins at once.

        It has PUBLIC_CLOUD=YES unless *attributes* say otherwise. An administrator sets this
        too, so that oned can deploy VMs before the first monitoring.
        """
        with self.clock.lock:
            number = int(self.call("one.host.allocate", name, "one", "one"))
            host = LocalHost(number, self.pools, self.call, self.oned.monitor)
            host.update(**{"PUBLIC_CLOUD": "YES", "HYPERVISOR": "opennebula"} | attributes)
        return host

    def add_image(self, name: str, **attributes: Value) -> int:
        """Create an image, and return its id."""
        with self.clock.lock:
            return self.oned.resources.add_image(name, Template(attributes.items())).id

    def add_network(self, name: str, first: str, **attributes: Value) -> int:
        """Create a virtual network whose addresses begin with *first*, and return its id."""
        template = Template(attributes.items())
        with self.clock.lock:
            return self.oned.resources.add_network(name, first, template).id

    def add_template(self, template: Mapping[str, Value], *, name: str = "") -> int:
        """Create a VM template, and return its id."""
        others = len(self.pools.templates)
        name = name or ("hybrid-template" + (f"-{others}" if others else ""))
        text = to_xml(Template([("NAME", name), *template.items()]))
        return int(self.call("one.template.allocate", text))

    def add_vm(self, template: Mapping[str, Value] | int, *, name: str = "") -> LocalVm:
        """Create a VM in PENDING, from a new VM template or from the id of one."""
        number = template if isinstance(template, int) else self.add_template(template)
        vm_id = self.call("one.template.instantiate", number, name, False, "", False)
        return LocalVm(int(vm_id), self.pools, self.call)

    def _create_vmm_driver(self) -> Driver:
        argv, arguments = self._vmm
        receive = self.oned.answers.receive
        if argv:
            return self._create_process(argv, arguments, receive)
        if self._remotes is None:
            raise ValueError("a front-end needs a driver or scripts")
        environment = self.home.environment(self.endpoint)
        return VmmShell(self.home.remotes, arguments, environment, self.release, receive)

    def _start_monitoring(self, stack: ExitStack) -> None:
        if not self._im[0] and not (self.home.remotes / "im").is_dir():
            return
        monitoring = self.oned.create_monitoring(self._settings)
        if isinstance(monitoring, Monitord):
            self._write_monitord_conf(monitoring)
        monitoring.start()
        stack.callback(monitoring.stop)
        stack.callback(self._stop_im_driver)
        self.oned.im_driver = self._start_driver(self._create_im_driver(monitoring))
        self.oned.monitoring = monitoring

    def _write_monitord_conf(self, monitord: Monitord) -> None:
        argv, arguments = self._im
        executable = argv[0] if argv else "one_im_sh"
        im_mad = {"NAME": "one", "EXECUTABLE": executable, "ARGUMENTS": arguments}
        key_file = self.home.etc / "monitord.pub"
        key_file.write_text(monitord.public_key)
        (self.home.etc / "monitord.conf").write_text(monitord.format_conf(im_mad, str(key_file)))

    def _stop_im_driver(self) -> None:
        if self.oned.im_driver:
            self.oned.im_driver.stop()

    def _create_im_driver(self, monitoring: Monitoring) -> Driver:
        argv, arguments = self._im
        if argv:
            return self._create_process(argv, arguments, monitoring.receive)
        environment = self.home.environment(self.endpoint)
        return ImShell(self.home.remotes, arguments, environment, self.release, monitoring.receive)

    def _create_process(
        self, argv: Sequence[str], arguments: str, receive: Callable[[str], None]
    ) -> Driver:
        environment = self.home.environment(self.endpoint)
        return Mad([*argv, arguments], environment, self.release, receive, self._log_driver)

    def _log_driver(self, severity: str, text: str) -> None:
        with self.clock.lock:
            self.pools.write_log("MAD", severity, text)

    def _start_driver(self, driver: Driver) -> Driver:
        driver.start()
        return driver
