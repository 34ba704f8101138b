"""A machine on which a driver's own code runs, down to its sockets, between two scripted clouds.

Time passes only where the driver waits, and no thread runs unless the test runs it.
"""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

from one2one import runtime
from one2one.driver.events import Event
from one2one.driver.local import LocalCloud
from one2one.driver.operation import Job, Outcome, Steps, resume
from one2one.driver.remotes import Remote, Remotes
from one2one.hybrid.naming import Marks, format_deploy_id, format_marks, format_remote_name
from one2one.hybrid.request import Request
from tests.driver.scripted import BORN, STATES, ScriptedVm
from tests.driver.scripted_changes import ChangingOned

HOST_ID, HOST = 2, "burst1"
HYBRID_ID = "hybrid-a"
SHUTDOWN_TIMEOUT = 60.0
LOSS_S = 1.0
"""How long it takes to notice that a call is lost. No other call takes any time."""
MARKS = Marks(HYBRID_ID, 7, BORN, 0)
"""Those of the remote VM of local VM 7."""


class _Socket:
    """A connection, which takes one call."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._answer = b""

    def connect(self, place: tuple[str, int]) -> None:
        self._oned = self._world.servers.get(place[0], self._world.remote)
        if self._oned.is_down:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    def send(self, data: memoryview) -> int:
        self._answer = self._oned.exchange(bytes(data).partition(b"\r\n\r\n")[2])
        if not self._answer:
            self._world.wait(LOSS_S)
        return len(data)

    def recv_into(self, buffer: memoryview) -> int:
        taken, self._answer = self._answer[: len(buffer)], self._answer[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)

    def gettimeout(self) -> None:
        """Nothing here waits."""

    def settimeout(self, _seconds: float) -> None:
        """Nothing here waits."""

    def setsockopt(self, *_: object) -> None:
        """All options are as they should be."""

    def close(self) -> None:
        """Nothing is held."""


class World:
    """A machine with a driver's process, its local cloud and one remote."""

    def __init__(self, directory: Path) -> None:
        self.now = 1000.0
        self.clock_ahead = 0.0
        """By how many seconds the front-end's clock was set forward."""
        self.threads: list[Callable[[], object]] = []
        """Those that were started, and not run yet."""
        self.local, self.remote = ChangingOned(), ChangingOned()
        self.servers: dict[str, ChangingOned] = {"local": self.local}
        """The oneds, by the names of their machines; any other name leads to the remote."""
        self.events: list[Event] = []
        self.log: list[str] = []
        """The VM's own log."""
        self.local.hosts[HOST_ID] = {
            "ONE_ENDPOINT": "http://remote/RPC2",
            "ONE_USER": "burst",
            "ONE_PASSWORD": "geheim",
            "ONE_HYBRID_ID": HYBRID_ID,
            "ONE_SHUTDOWN_TIMEOUT": str(SHUTDOWN_TIMEOUT),
        }
        self.remote.templates[0] = {}
        self.directory = directory
        self.environment = {
            "ONE_LOCATION": str(directory),
            "ONE_AUTH": str(directory / "one_auth"),
            "ONE_XMLRPC": "http://local/RPC2",
        }
        (directory / "one_auth").write_text("oneadmin:opennebula")
        (directory / "var").mkdir()
        runtime.use(self.build_runtime())
        self.cloud = LocalCloud()
        self.remotes = Remotes(self.cloud, self.events.append)

    def build_runtime(self, **others: Any) -> runtime.Runtime:
        """Return what the machine gives to the driver, but for *others*."""
        usual: dict[str, Any] = {
            "monotonic": lambda: self.now,
            "time": lambda: BORN + self.now + self.clock_ahead,
            "sleep": self.wait,
            "random": lambda: 0.0,
            "random_bytes": bytes,
            "start_thread": lambda _name, run: self.threads.append(run),
            "getaddrinfo": lambda host, port, *_: [(0, 0, 0, "", (host, port))],
            "open_socket": lambda *_: _Socket(self),
            "environment": self.environment,
        }
        return runtime.Runtime(**usual | others)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def open(self) -> Remote:
        """Return the remote that the host names now."""
        return self.remotes.open_for_host(HOST_ID, HOST)

    def add_local(self, vm_id: int = 7, state: str = "RUNNING", **values: Any) -> ScriptedVm:
        """Give the front-end a VM on the host."""
        vm = ScriptedVm(vm_id, state, **{"hosts": [(HOST_ID, HOST)]} | values)
        vm.template = {"CPU": "0.5", "MEMORY": "256", **vm.template}
        section = {"PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "0"}}
        vm.user_template = {**section, **vm.user_template}
        self.local.vms[vm_id] = vm
        return vm

    def add_remote(
        self, remote_id: int = 9, state: str = "RUNNING", marks: Marks | None = MARKS
    ) -> ScriptedVm:
        """Give the remote a VM, that of local VM 7 or as the marks say."""
        vm = self.remote.vms[remote_id] = ScriptedVm(remote_id, state)
        if marks:
            vm.name = format_remote_name(marks.vm_id)
            vm.user_template = dict(format_marks(marks))
        return vm

    def add_both(self, state: str = "RUNNING", remote_state: str = "RUNNING") -> ScriptedVm:
        """Give both sides a VM, 7 here and 9 there; return the remote one."""
        self.add_local(7, state, deploy_id=format_deploy_id(9))
        return self.add_remote(9, remote_state)

    def make_job(self, action: str = "SAVE", state: str = "SAVE_SUSPEND", vm_id: int = 7) -> Job:
        """Return the job for what oned asks, in the state that oned has put the VM into."""
        vm = self.local.vms[vm_id]
        vm.state = state
        request = Request(action, vm.read(), HOST, vm.deploy_id)
        return Job(request, self.cloud, self.remotes, self.log.append, self.now)

    def open_job(self, action: str = "SAVE", state: str = "SAVE_SUSPEND") -> Job:
        """Return the same with its remote open, and forget the calls so far."""
        job = self.make_job(action, state)
        job.open_remote(self.now)
        self.local.calls.clear()
        return job


def finish(steps: Steps, *outcomes: Outcome | str) -> str:
    """Let *steps* go on with what each of its waits comes to, and return what it answers."""
    for number, outcome in enumerate((None, *outcomes)):
        try:
            resume(steps, STATES[outcome] if isinstance(outcome, str) else outcome)
        except StopIteration as end:
            assert number == len(outcomes), f"it waited {number} times"
            return str(end.value)
    raise AssertionError("it waits still")
