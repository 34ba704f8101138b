"""A simulated front-end and a simulated remote cloud of each generation, and the command."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from one2one.opennebula.states import RUNNING
from one2one.opennebula.template import Value
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from opennebula_sandbox.frontend.oned.oned import Driver
from tests.admin.command import one2one

GENERATIONS = ("5.10", "6.10", "7.2")
DRIVER = str(Path(sys.executable).with_name("one_vmm_one2one"))
HYBRID: dict[str, Value] = {
    "CPU": "0.1",
    "MEMORY": "128",
    "PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "0"},
    "SCHED_REQUIREMENTS": 'HYPERVISOR="opennebula"',
}


class LazyDriver:
    """A driver that starts with its first message: most commands need none."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._runs = False

    def start(self) -> None:
        """Wait for a message."""

    def send(self, line: str) -> None:
        if not self._runs:
            self._driver.start()
            self._runs = True
        self._driver.send(line)

    def stop(self) -> None:
        if self._runs:
            self._driver.stop()


class LazyFrontEnd(FrontEnd):
    """A front-end whose driver starts with its first message."""

    def _create_vmm_driver(self) -> Driver:
        return LazyDriver(super()._create_vmm_driver())


@dataclass(frozen=True)
class Clouds:
    """Both sides, and ``one2one`` between them."""

    front_end: FrontEnd
    remote: SimulatedCloud

    def run(self, *arguments: str | Path, **options: Any) -> CompletedProcess[str]:
        """Run ``one2one`` as oneadmin of the front-end."""
        environment = self.front_end.home.environment(self.front_end.endpoint)
        more: dict[str, str] = options.pop("environment", {})
        return one2one(*arguments, environment=environment | more, **options)

    def output(self, *arguments: str | Path, **options: Any) -> str:
        """Run it successfully and return what it prints."""
        done = self.run(*arguments, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def failure(self, *arguments: str | Path, **options: Any) -> str:
        """See it fail with one line, and return the line."""
        done = self.run(*arguments, **options)
        assert done.returncode == 255, done.stdout
        assert len(done.stderr.splitlines()) == 1, done.stderr
        return done.stderr

    def add_host(self, name: str = "burst1", **attributes: Value) -> LocalHost:
        """Create a host for the remote without our command."""
        settings: dict[str, Value] = {
            "ONE_ENDPOINT": self.remote.endpoint,
            "ONE_USER": self.remote.user,
            "ONE_PASSWORD": self.remote.password,
        }
        return self.front_end.add_host(name, **settings | attributes)

    def run_vm(self, host: LocalHost | None = None) -> LocalVm:
        """Return a new VM called web that runs, on both sides; on a new host unless on *host*."""
        vm = self.front_end.add_vm(HYBRID, name="web")
        vm.deploy(host or self.add_host())
        vm.wait("RUNNING")
        assert self.remote.wait_for(remote_id(vm), RUNNING)  # until then PENDING counts as running
        return vm


def remote_id(vm: LocalVm) -> int:
    """Return the id of a local VM's remote VM."""
    return int(vm.deploy_id.removeprefix("opennebula-hybrid-"))


@contextmanager
def open_clouds(generation: str = "7.2") -> Iterator[Clouds]:
    """Give both sides of one release."""
    with (
        SimulatedCloud(generation) as remote,
        LazyFrontEnd(generation, driver=[DRIVER]) as front_end,
    ):
        yield Clouds(front_end, remote)
