"""A front-end: a local oned with one VMM driver, as tests and the demonstration use it.

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
from types import TracebackType
from typing import Protocol, Self

from one2one.opennebula.template import Template, Value, to_xml
from one2one.sandbox.cloud.clock import Clock
from one2one.sandbox.cloud.objects import Host
from one2one.sandbox.cloud.refusal import Code, Refusal
from one2one.sandbox.cloud.server import Server
from one2one.sandbox.frontend.api import Api
from one2one.sandbox.frontend.contents import Contents
from one2one.sandbox.frontend.dispatch import Dispatch
from one2one.sandbox.frontend.generation import GENERATIONS
from one2one.sandbox.frontend.handles import LocalHost, LocalVm
from one2one.sandbox.frontend.home import Home
from one2one.sandbox.frontend.host_methods import HostMethods
from one2one.sandbox.frontend.host_reports import HostReports
from one2one.sandbox.frontend.im_shell import ImShell
from one2one.sandbox.frontend.lifecycle import LifeCycle
from one2one.sandbox.frontend.mad import Mad
from one2one.sandbox.frontend.messenger import Messenger
from one2one.sandbox.frontend.monitord import Monitord
from one2one.sandbox.frontend.monitoring import Monitoring, Settings
from one2one.sandbox.frontend.polling import Polling
from one2one.sandbox.frontend.polls import Polls
from one2one.sandbox.frontend.pools import Pools
from one2one.sandbox.frontend.reports import Reports
from one2one.sandbox.frontend.results import Results
from one2one.sandbox.frontend.shell import Shell
from one2one.sandbox.frontend.vm_methods import VmMethods
from one2one.sandbox.frontend.vm_states import VmStates

ARGUMENTS = "-t 15 -r 0 one"
"""What the stock oned.conf gives the VMM driver, in one string."""
IM_ARGUMENTS = "-c -t 15 -r 0 one"
"""What the stock oned.conf and monitord.conf give the IM driver."""


class Driver(Protocol):
    """What answers oned's messages: a process, or the stock shell."""

    def start(self) -> None:
        """Be ready for messages."""

    def send(self, line: str) -> None:
        """Take a message."""

    def stop(self) -> None:
        """End."""


class FrontEnd:
    """A local oned of a generation (5.10, 6.10 or 7.2), while its context lasts."""

    def __init__(
        self,
        generation: str,
        *,
        driver: Sequence[str] | None = None,
        im_driver: Sequence[str] | None = None,
        remotes: Path | None = None,
        arguments: str = ARGUMENTS,
        im_arguments: str = IM_ARGUMENTS,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Use these drivers, or the stock shells with the scripts in *remotes*.

        *driver* and *im_driver* are argv, to which *arguments* and *im_arguments* are added as
        one string each. Without either *im_driver* or ``remotes/im`` nobody monitors.
        """
        self.generation = GENERATIONS[generation]
        self._driver_argv, self._im_argv = driver, im_driver
        self._scripts = remotes
        self._arguments, self._im_arguments = arguments, im_arguments
        self._settings = settings or Settings()
        self.clock = clock or Clock()
        self.pools = Pools(self.clock)
        self._one_key = secrets.token_hex(16)
        self._password = secrets.token_hex(16)
        self._exit = ExitStack()
        self.driver: Driver
        self.im_driver: Driver | None = None
        self.monitoring: Monitoring | None = None

    def __enter__(self) -> Self:
        """Start it all; raises OnedDoesNotStart where a driver's handshake fails."""
        with ExitStack() as stack:
            path = stack.enter_context(tempfile.TemporaryDirectory(prefix="one2one-"))
            self.home = Home(Path(path))
            self.home.create(f"oneadmin:{self._password}", self._one_key)
            if self._scripts:
                self.home.remotes.symlink_to(self._scripts)
            self._build()
            self.clock.start()
            stack.callback(self.clock.stop)
            self.server.start()
            stack.callback(self.server.stop)
            self.driver = self._make_driver()
            self.driver.start()
            stack.callback(self.driver.stop)
            self._start_monitoring(stack)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it all."""
        self._exit.close()

    @property
    def session(self) -> str:
        """Oneadmin's session string."""
        return f"oneadmin:{self._password}"

    @property
    def endpoint(self) -> str:
        """URL of the local XML-RPC."""
        return self.server.endpoint

    @property
    def log(self) -> list[str]:
        """The lines of ``oned.log``."""
        return self.pools.log

    def wait_for_log(self, text: str, timeout: float = 30.0) -> None:
        """Wait until a line of ``oned.log`` contains *text*; raises TimeoutError."""
        if not self.pools.wait_for(lambda: any(text in line for line in self.log), timeout):
            raise TimeoutError(f"no {text!r} in oned.log")

    def call(self, method: str, *arguments: str | int | bool) -> str | int:
        """Do a call of the local API as oneadmin; raises Refusal."""
        success, value, code, *more = self.api.call(method, (self.session, *arguments))
        if not success:
            raise Refusal(Code(int(code)), str(value), int(more[0]))
        return value if isinstance(value, int) else str(value)

    def add_user(self, name: str, password: str) -> None:
        """Create an ordinary user."""
        self._hosts.add_user(name, password, "users")

    def add_host(self, name: str, **attributes: Value) -> LocalHost:
        """Create a host of the hybrid drivers; its monitoring begins at once.

        It says PUBLIC_CLOUD=YES unless *attributes* say otherwise, as an administrator would
        set it so that VMs can be deployed before the first monitoring.
        """
        with self.clock.lock:
            number = int(self.call("one.host.allocate", name, "one", "one"))
            host = LocalHost(number, self.pools, self.call, self._monitor_now)
            host.update(**{"PUBLIC_CLOUD": "YES", "HYPERVISOR": "opennebula"} | attributes)
        return host

    def add_template(self, template: Mapping[str, Value], *, name: str = "hybrid-template") -> int:
        """Create a VM template, and return its id."""
        text = to_xml(Template([("NAME", name), *template.items()]))
        return int(self.call("one.template.allocate", text))

    def add_vm(self, template: Mapping[str, Value] | int, *, name: str = "") -> LocalVm:
        """Create a VM, PENDING, from a VM template: a new one, or one that exists."""
        number = template if isinstance(template, int) else self.add_template(template)
        vm_id = self.call("one.template.instantiate", number, name, False, "", False)
        return LocalVm(int(vm_id), self.pools, self.call)

    def _build(self) -> None:
        """Put oned's parts together, but for the drivers."""
        pools, generation = self.pools, self.generation
        contents = Contents(generation, self._one_key)
        messenger = Messenger(pools, generation, self.home, contents, self._send)
        lifecycle = LifeCycle(pools, generation, messenger.send)
        dispatch = Dispatch(pools, generation, lifecycle, contents)
        reports = Reports(pools, generation, lifecycle)
        self._host_reports = HostReports(pools, generation, reports)
        self._vm_states = VmStates(pools, generation, self._host_reports, reports)
        self._polls = Polls(pools, reports, lambda vm: messenger.send("POLL", vm))
        self._results = Results(pools, generation, lifecycle, self._polls)
        self._hosts = HostMethods(pools, generation.profile, self._one_key, self._watch)
        self._hosts.add_user("oneadmin", self._password, "oneadmin")
        vms = VmMethods(pools, generation, dispatch, contents)
        self.api = Api(pools, {**self._hosts.methods(), **vms.methods()})
        self.server = Server(self.api.call)

    def _make_driver(self) -> Driver:
        if self._driver_argv:
            return self._mad(self._driver_argv, self._arguments, self._results.receive)
        if self._scripts is None:
            raise ValueError("a front-end needs a driver or scripts")
        return Shell(
            self.home.remotes,
            self._arguments,
            self.home.environment(self.endpoint),
            self.generation,
            self._results.receive,
        )

    def _start_monitoring(self, stack: ExitStack) -> None:
        probes = self._scripts is not None and (self._scripts / "im").is_dir()
        if not self._im_argv and not probes:
            return
        monitoring = self._make_monitoring()
        if self._im_argv:
            driver: Driver = self._mad(self._im_argv, self._im_arguments, monitoring.receive)
        else:
            driver = ImShell(
                self.home.remotes,
                self._im_arguments,
                self.home.environment(self.endpoint),
                self.generation,
                monitoring.receive,
            )
        monitoring.start()
        stack.callback(monitoring.stop)
        self.im_driver = driver
        driver.start()
        stack.callback(driver.stop)
        self.monitoring = monitoring

    def _make_monitoring(self) -> Monitoring:
        datastores = str(self.home.var / "datastores")
        if self.generation.monitord:
            return Monitord(
                self.pools,
                self.generation,
                self._host_reports,
                self._vm_states,
                self._settings,
                datastores,
                self._send_im,
            )
        return Polling(
            self.pools,
            self._host_reports,
            self._polls,
            self._settings,
            datastores,
            self._send_im,
        )

    def _mad(self, argv: Sequence[str], arguments: str, receive: Callable[[str], None]) -> Mad:
        environment = self.home.environment(self.endpoint)
        return Mad([*argv, arguments], environment, self.generation, receive, self._log_driver)

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

    def _monitor_now(self, host: Host) -> None:
        if self.monitoring:
            self.monitoring.renew(host)

    def _log_driver(self, severity: str, text: str) -> None:
        with self.clock.lock:
            self.pools.write_log("MAD", severity, text)
