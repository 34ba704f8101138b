"""Both sides in one simulated world, and all that is known of them."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from one2one.mad.process import Arguments
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from tests.simulation.answers import AnswerWatcher
from tests.simulation.calls import CallWatcher
from tests.simulation.front_end_site import FrontEndSite
from tests.simulation.invariants import SOUND, Violation
from tests.simulation.memory import Memory, Moment
from tests.simulation.network import Network
from tests.simulation.plan import Setting
from tests.simulation.process import Process
from tests.simulation.remote_site import Call, RemoteSite
from tests.simulation.reports import ReportWatcher
from tests.simulation.scheduler import Scheduler
from tests.simulation.side import Side

_GRACE_S = 30
_QUIET = (b"BEACON_HOST", b"MONITOR_HOST", b"MONITOR_VM")
"""Messages that would only make a history longer."""


class World:
    """The clouds, the network between them, and all that is known of both."""

    def __init__(self, seed: int, generation: str, setting: Setting, directory: Path) -> None:
        self.setting = setting
        self.history: list[str] = []
        self.scheduler = Scheduler(seed)
        self.network = Network(self.scheduler)
        self._sides: dict[str, Side] = {}
        self._memories: dict[str, Memory] = {}
        self.answers = AnswerWatcher(self._memories)
        self.calls = CallWatcher(self._sides, self._memories, self.answers)
        self._reports = ReportWatcher(self._memories)
        self.remotes = [self._new_remote(number, generation) for number in range(setting.remotes)]
        self.sides = [
            self._new_side(number, generation, directory) for number in range(setting.front_ends)
        ]
        self.passwords = dict.fromkeys(self._memories, 0)
        """How often each remote's password was changed."""
        self.strangers: dict[tuple[str, int], str] = {}
        """VMs of the account that no driver made, with the state that they were left in."""
        self.snapshots = {remote.name: remote.snapshot() for remote in self.remotes}
        """What puts back the databases that were saved, by the cloud's name."""

    def close(self) -> None:
        """End all that is under way."""
        self.scheduler.close()

    def note(self, text: str) -> None:
        """Write into the history."""
        self.history.append(f"{self.scheduler.now:10.3f} {text}")

    def choose_side(self, number: float) -> Side:
        """Return the front-end that a number from 0 to 1 means."""
        return self.sides[int(number * len(self.sides))]

    def choose_remote(self, number: float) -> RemoteSite:
        """Return the remote that a number from 0 to 1 means."""
        return self.remotes[int(number * len(self.remotes))]

    # time

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """Do something in so many seconds, which a cloud may refuse."""

        def do() -> None:
            with contextlib.suppress(Refusal):
                call()

        self.scheduler.after(seconds, do)

    def run_until(self, holds: Callable[[], bool], limit: float) -> bool:
        """Go on until something holds; tell whether it does within *limit* seconds."""
        end = self.scheduler.now + limit
        while not holds():
            if self.scheduler.now >= end:
                return False
            self.run_for(min(1.0, end - self.scheduler.now))
        return True

    def run_for(self, seconds: float) -> None:
        """Go on for so many seconds."""
        scheduler, over = self.scheduler, list[bool]()
        scheduler.after(seconds, lambda: over.append(True))
        while not over:
            scheduler.step()
            if scheduler.failures:
                name, error = scheduler.failures[0]
                is_violation = isinstance(error, Violation)
                raise error if is_violation else Violation(SOUND, f"{name}: {error!r}")
            self._observe()

    def _observe(self) -> None:
        for remote in self.remotes:
            if remote.clock.has_changed():
                memory = self._memories[remote.name]
                memory.observe(remote.cloud.vms, self.scheduler.now)
        for side in self.sides:
            if side.site.clock.has_changed():
                side.memory.observe(side.site.vms, self.scheduler.now)
                side.learn_hybrid_ids()

    # making it

    def _new_remote(self, number: int, generation: str) -> RemoteSite:
        name = f"cloud{number + 1}"

        def tell(vm_id: int, before: Moment | None, now: Moment) -> None:
            self.note(f"{name} VM {vm_id} is {now.state}")
            if before is None:
                self.calls.see_birth(remote, remote.cloud.vms[vm_id])

        def hear(call: Call) -> None:
            if not call.method.endswith(
                ("info", "infoset", "version", "infoextended", "monitoring")
            ):
                self.note(f"{call.sender.name} calls {name} {call.method} {call.arguments[:2]}")
            self.calls.see_call(remote, call)

        remote = RemoteSite(
            self.scheduler, self.network, name, generation, self.setting.delay, hear
        )
        if self.setting.devices:
            remote.cloud.add_network("lan", "10.0.0.10")
        self._memories[name] = Memory(tell)
        return remote

    def _new_side(self, number: int, generation: str, directory: Path) -> Side:
        name, setting = f"front{number + 1}", self.setting

        def tell(vm_id: int, _before: Moment | None, now: Moment) -> None:
            self.note(f"{name} VM {vm_id} is {now.state} as {now.deploy_id or '-'}")

        site = FrontEndSite(
            self.scheduler,
            self.network,
            name,
            generation,
            directory / name,
            Arguments(setting.threads, setting.retries),
            MonitoringSettings(state_vm=setting.state_vm),
            hear_vmm=lambda process, line: self._hear_vmm(side, process, line),
            hear_im=lambda process, line: self._hear_im(side, process, line),
            tell_vmm=lambda process, line: self.answers.hear_oned(
                side, process, line, self.scheduler.now
            ),
            hear_monitord=lambda process, data: self._hear_monitord(side, process, data),
            emit=lambda process, event: self._reports.see_reading(
                process, event, self.scheduler.now
            ),
        )
        # Up to 5.10 one answer has all that several calls have read.
        patience = (5 if site.pushes else 20) * setting.timeout + 60.0
        side = Side(site, Memory(tell), {}, _GRACE_S, patience)
        self._sides[name] = side
        site.up()
        for host in range(setting.hosts):
            remote = self.remotes[(number + host) % len(self.remotes)]
            made = site.add_host(f"burst{host}", **self._attributes(remote))
            side.remotes[made.id] = remote
        if setting.devices:
            site.oned.resources.add_network(
                "lan", "10.0.0.10", Template([("ONE_REMOTE_NETWORK", "0")])
            )
        site.add_template(
            NAME="web",
            CPU="0.1",
            MEMORY="128",
            PUBLIC_CLOUD={"TYPE": "opennebula", "TEMPLATE_ID": "0"},
        )
        return side

    def _attributes(self, remote: RemoteSite) -> dict[str, str]:
        return {
            "ONE_ENDPOINT": remote.endpoint,
            "ONE_USER": remote.cloud.user,
            "ONE_PASSWORD": remote.cloud.password,
            "ONE_TIMEOUT": str(self.setting.timeout),
            "ONE_SHUTDOWN_TIMEOUT": str(self.setting.shutdown_timeout),
            "ONE_PASS_THROUGH": "DISK, NIC" if self.setting.devices else "",
        }

    def tell_hosts_password(self, remote: RemoteSite) -> None:
        """Write the remote's present password into its hosts."""
        for side in self.sides:
            for host, of in side.remotes.items():
                if of is remote:
                    text = f'ONE_PASSWORD = "{remote.cloud.password}"'
                    side.site.call("one.host.update", host, text, 1)

    # what is said in it

    def _hear_vmm(self, side: Side, process: Process, line: str) -> None:
        self.note(f"{process.name}: {' '.join(line.split()[:3])}")
        self.answers.hear_driver(side, process, line, self.scheduler.now)

    def _hear_im(self, side: Side, process: Process, line: str) -> None:
        self.note(f"{process.name}: {' '.join(line.split()[:3])}")
        self._reports.hear_driver(side, process, line, self.scheduler.now)

    def _hear_monitord(self, side: Side, sender: Process, data: bytes) -> None:
        kind, status, host, *_ = data.split(maxsplit=3)
        if kind not in _QUIET:
            words = f"{kind.decode()} {status.decode()} {host.decode()}"
            self.note(f"{side.site.name} monitord hears {words}")
        self._reports.hear_message(side, sender, data, self.scheduler.now)
