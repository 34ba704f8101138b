"""Both sides in one simulated world, and how its events happen."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from one2one.driver.events import Event as DriverEvent
from one2one.mad.process import Arguments
from one2one.opennebula.states import VmState
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.cloud.wire.server import ApiRequest, Drop, deliver
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from opennebula_sandbox.frontend.oned.operations import OPERATIONS
from tests.simulation.invariants import SOUND, Broken
from tests.simulation.memory import Memory, Moment
from tests.simulation.network import Network
from tests.simulation.plan import (
    ACTIONS,
    EFFECTS,
    ELECTIONS,
    GUESTS,
    INSTANTIATE,
    LOCAL_METHODS,
    METHODS,
    RECOVERIES,
    REMOTE_ACTIONS,
    Event,
    Setting,
)
from tests.simulation.process import Process
from tests.simulation.scheduler import Scheduler
from tests.simulation.sites import FrontEndSite, RemoteSite
from tests.simulation.watcher import Side, Watcher

_MOST_VMS = 8
_GRACE_S = 30


class World:
    """The clouds, the network between them, and all that is known of both."""

    def __init__(self, seed: int, generation: str, setting: Setting, directory: Path) -> None:
        self.setting = setting
        self.history: list[str] = []
        self.scheduler = Scheduler(seed)
        self.network = Network(self.scheduler)
        self.watcher = Watcher()
        self.passwords: dict[str, int] = {}
        self.remotes = [self._new_remote(number, generation) for number in range(setting.remotes)]
        self.sides = [
            self._new_side(number, generation, directory) for number in range(setting.front_ends)
        ]
        self.strangers: dict[tuple[str, int], str] = {}
        """VMs of the account that no driver made, with the state that they were left in."""
        self._snapshots: dict[str, object] = {}
        self._events: dict[str, Callable[[Event], None]] = {
            "create": self._create,
            "act": self._act,
            "deploy": self._deploy,
            "recover": self._recover,
            "act at the remote": self._act_at_the_remote,
            "stranger": self._make_stranger,
            "guest": self._change_guest,
            "fail": self._fail,
            "fail locally": self._fail_locally,
            "instantiate is lost": self._lose_instantiate,
            "dies at a call": self._die_at_a_call,
            "cut": self._cut,
            "unknown name": self._forget_name,
            "election": self._elect,
            "refuse": self._refuse,
            "remote restart": self._restart_remote,
            "front-end restart": self._restart_front_end,
            "VMM driver dies": self._kill_vmm,
            "IM driver dies": self._kill_im,
            "clock": self._set_clock,
            "password": self._change_password,
            "snapshot": self._take_snapshot,
            "restore": self._restore,
            "pause": lambda _: None,
        }

    def close(self) -> None:
        """End all that is under way."""
        self.scheduler.close()

    def note(self, text: str) -> None:
        """Write into the history."""
        self.history.append(f"{self.scheduler.now:10.3f} {text}")

    # time

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
        scheduler, end = self.scheduler, self.scheduler.now + seconds
        over: list[bool] = []
        scheduler.after(end - scheduler.now, lambda: over.append(True))
        while not over:
            scheduler.step()
            self.watcher.now = scheduler.now
            if scheduler.failures:
                name, error = scheduler.failures[0]
                raise error if isinstance(error, Broken) else Broken(SOUND, f"{name}: {error!r}")
            self._observe()

    def _observe(self) -> None:
        for remote in self.remotes:
            if remote.clock.has_changed():
                memory = self.watcher.memories[remote.name]
                memory.observe(remote.cloud.vms, self.scheduler.now)
        for side in self.sides:
            if side.site.clock.has_changed():
                side.memory.observe(side.site.vms, self.scheduler.now)

    # making it

    def _new_remote(self, number: int, generation: str) -> RemoteSite:
        name = f"cloud{number + 1}"

        def told(vm_id: int, before: Moment | None, now: Moment) -> None:
            self.note(f"{name} VM {vm_id} is {now.state}")
            if before is None:
                self.watcher.born(remote, remote.cloud.vms[vm_id])

        def heard(
            process: Process,
            sent_at: float,
            given_up: bool,
            method: str,
            arguments: tuple[object, ...],
        ) -> None:
            if not method.endswith(("info", "infoset", "version", "infoextended", "monitoring")):
                self.note(f"{process.name} calls {name} {method} {arguments[:2]}")
            self.watcher.call(remote, process, sent_at, given_up, method, arguments)

        remote = RemoteSite(
            self.scheduler, self.network, name, generation, self.setting.delay, heard
        )
        self.watcher.memories[name] = Memory(told)
        self.passwords[name] = 0
        return remote

    def _new_side(self, number: int, generation: str, directory: Path) -> Side:
        name, setting = f"front{number + 1}", self.setting

        def told(vm_id: int, _before: Moment | None, now: Moment) -> None:
            self.note(f"{name} VM {vm_id} is {now.state} as {now.deploy_id or '-'}")

        def vmm_says(process: Process, line: str) -> None:
            self.note(f"{process.name}: {' '.join(line.split()[:3])}")
            self.watcher.vmm_says(side, process, line)

        def im_says(process: Process, line: str) -> None:
            self.note(f"{process.name}: {' '.join(line.split()[:3])}")
            self.watcher.im_says(side, process, line)

        def monitord_hears(sender: Process, data: bytes) -> None:
            kind, status, host, *_ = data.split(maxsplit=3)
            if kind not in (b"BEACON_HOST", b"MONITOR_HOST", b"MONITOR_VM"):
                self.note(
                    f"{name} monitord hears {kind.decode()} {status.decode()} {host.decode()}"
                )
            self.watcher.monitord_hears(side, sender, data)

        def emit(process: Process, event: DriverEvent) -> None:
            self.watcher.heard(process, event, self.scheduler.now)

        site = FrontEndSite(
            self.scheduler,
            self.network,
            name,
            generation,
            directory / name,
            Arguments(setting.threads, setting.retries),
            MonitoringSettings(state_vm=setting.state_vm),
            hear_vmm=vmm_says,
            hear_im=im_says,
            tell_vmm=lambda process, line: self.watcher.oned_says(side, process, line),
            hear_monitord=monitord_hears,
            emit=emit,
        )
        side = Side(site, Memory(told), {}, _GRACE_S, 5 * setting.timeout + 60.0)
        self.watcher.sides[name] = side
        site.up()
        for host in range(setting.hosts):
            remote = self.remotes[(number + host) % len(self.remotes)]
            made = site.add_host(f"burst{host}", **self._attributes(remote))
            side.remotes[made.id] = remote
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
        }

    # events

    def happen(self, event: Event) -> None:
        """Let an event happen now."""
        self.note(f"event: {event.what} {event.first:.3f} {event.second:.3f} {event.third:.3f}")
        with contextlib.suppress(Refusal):
            self._events[event.what](event)

    def _side(self, event: Event) -> Side:
        return self.sides[int(event.first * len(self.sides))]

    def _remote(self, event: Event) -> RemoteSite:
        return self.remotes[int(event.first * len(self.remotes))]

    def _local_vm(self, event: Event, can: Callable[[Vm], bool]) -> tuple[Side, Vm] | None:
        """Return one of the VMs that are not DONE and fit, of all front-ends that are up."""
        found = [
            (side, vm)
            for side in self.sides
            if side.site.is_up
            for vm in side.site.vms
            if vm.state.state != VmState.DONE and can(vm)
        ]
        return found[int(event.first * len(found))] if found else None

    def _create(self, event: Event) -> None:
        side = self._side(event)
        living = [vm for vm in side.site.vms if vm.state.state != VmState.DONE]
        if not side.site.is_up or len(living) >= _MOST_VMS:
            return
        for _ in range(1 + int(3 * event.third**2)):
            vm = side.site.add_vm(0)
            self.deploy(side, vm.id, event.second)

    def _deploy(self, event: Event) -> None:
        if found := self._local_vm(event, lambda vm: vm.state.state == VmState.PENDING):
            self.deploy(found[0], found[1].id, event.second)

    def deploy(self, side: Side, vm_id: int, number: float) -> None:
        """Put a VM on one of its front-end's hosts."""
        hosts = sorted(side.remotes)
        host = hosts[int(number * len(hosts))]
        side.site.call("one.vm.deploy", vm_id, host)

    def _act(self, event: Event) -> None:
        found = self._local_vm(event, lambda vm: any(vm.state in OPERATIONS[a] for a in ACTIONS))
        if found is None:
            return
        side, vm = found
        possible = [action for action in ACTIONS if vm.state in OPERATIONS[action]]
        action = event.choose(possible, event.second)
        if action.startswith("terminate"):
            side.ended.add((vm.id, vm.stime))
        self.note(f"{side.site.name} user: {action} VM {vm.id}")
        side.site.vm(vm.id).act(action)

    def _recover(self, event: Event) -> None:
        if found := self._local_vm(event, lambda _: True):
            side, vm = found
            way = event.choose(RECOVERIES, event.second)
            if str(vm.state).endswith("FAILURE") and event.third < 0.6:
                way = "retry"
            self.note(f"{side.site.name} admin: recover --{way} VM {vm.id}")
            if way in ("delete", "recreate", "success"):
                side.ended.add((vm.id, vm.stime))
            side.site.vm(vm.id).recover(way)

    def _act_at_the_remote(self, event: Event) -> None:
        remote = self._remote(event)
        vms = [vm for vm in remote.cloud.vms if vm.state.state != VmState.DONE]
        if not vms:
            return
        vm = vms[int(event.second * len(vms))]
        action = event.choose(REMOTE_ACTIONS, event.third)
        self.note(f"{remote.name} user: {action} VM {vm.id}")
        remote.cloud.act(vm.id, action)
        self.strangers.pop((remote.name, vm.id), None)

    def _make_stranger(self, event: Event) -> None:
        remote = self._remote(event)
        names = ("mine", "remote-opennebula-0", "remote-opennebula-1")
        vm = remote.cloud.instantiate(0, event.choose(names, event.second))
        self.strangers[remote.name, vm.id] = "RUNNING"

    def _change_guest(self, event: Event) -> None:
        remote = self._remote(event)
        vms = [vm for vm in remote.cloud.vms if (remote.name, vm.id) not in self.strangers]
        if vms:
            name, _, value = event.choose(GUESTS, event.third).partition("=")
            vm = vms[int(event.second * len(vms))]
            remote.cloud.call("one.vm.update", vm.id, f'{name} = "{value}"', 1)

    def _fail(self, event: Event) -> None:
        effect = event.choose(sorted(EFFECTS), event.second)
        method = event.choose(METHODS, event.third)
        times = 1 + int(40 * event.third) % 4
        self.note(f"{self._remote(event).name}: {times} {method} {effect}")
        self._remote(event).cloud.faults.on(EFFECTS[effect], method, times=times)

    def _fail_locally(self, event: Event) -> None:
        effect = event.choose(sorted(EFFECTS), event.second)
        method = event.choose(LOCAL_METHODS, event.third)
        times = 1 + int(40 * event.third) % 3
        self.note(f"{self._side(event).site.name}: {times} {method} {effect}")
        self._side(event).site.faults.on(EFFECTS[effect], method, times=times)

    def _lose_instantiate(self, event: Event) -> None:
        """Lose the answer to an instantiate, or let it be done when its driver has given it up.

        Perhaps the next calls are lost too. The administrator tries again soon.
        """
        rules = self._remote(event).cloud.faults
        self.scheduler.after(1 + 60 * event.first, self._retry_boots)
        self._create(event)
        if event.second > 0.7:
            rules.on(faults.delay((1 + event.third) * self.setting.timeout), INSTANTIATE)
            return
        rules.on(faults.drop_after if event.second < 0.4 else faults.reset, INSTANTIATE)
        if event.third < 0.7:
            rules.on(faults.drop_before, "one.vmpool.*", times=1 + int(10 * event.third))

    def _retry_boots(self) -> None:
        for side in self.sides:
            for vm in side.site.vms if side.site.is_up else ():
                if str(vm.state) == "BOOT_FAILURE":
                    self.note(f"{side.site.name} admin: recover --retry VM {vm.id}")
                    side.site.vm(vm.id).recover("retry")

    def _die_at_a_call(self, event: Event) -> None:
        """Let a driver or oned die when a certain call arrives, before or after its effect."""
        site = self._side(event).site
        who = (self._kill_vmm, self._kill_vmm, self._kill_im, self._restart_front_end)
        die = partial(who[int(4 * event.third)], event)
        method = event.choose(METHODS, event.second)
        cloud = self._remote(event).cloud
        rules = site.faults if event.second < 0.2 else cloud.faults

        def before(request: ApiRequest) -> Iterator[bytes]:
            die()
            yield from deliver(request)

        def after(request: ApiRequest) -> Iterator[bytes]:
            request.execute()
            die()
            raise Drop

        rules.on(before if int(40 * event.third) % 2 else after, method)

    def _cut(self, event: Event) -> None:
        """Cut a link, in one direction or both."""
        front, remote = (
            self._side(event).site.name,
            self.remotes[int(event.second * len(self.remotes))],
        )
        until = self.scheduler.now + 150 * event.third**3
        way = int(30 * event.third) % 3
        if way != 0:
            self.network.cut[front, remote.name] = until
        if way != 1:
            self.network.cut[remote.name, front] = until

    def _forget_name(self, event: Event) -> None:
        remote = self._remote(event)
        self.network.unknown[remote.name] = self.scheduler.now + 60 * event.second**2

    def _elect(self, event: Event) -> None:
        rules = (self._remote(event).cloud if event.third < 0.7 else self._side(event).site).faults
        words = event.choose(ELECTIONS, event.second)
        rule = rules.on(faults.answer_without_leader(words), times=None)

        def end() -> None:
            if rule in rules.rules:
                rules.rules.remove(rule)

        self.scheduler.after(1 + 20 * event.third, end)

    def _refuse(self, event: Event) -> None:
        self._remote(event).cloud.faults.refused_connections = 1 + int(4 * event.second)

    def _restart_remote(self, event: Event) -> None:
        remote = self._remote(event)
        remote.down()
        self.scheduler.after(120 * event.second**2, remote.up)

    def _restart_front_end(self, event: Event) -> None:
        site = self._side(event).site
        site.down()
        self.scheduler.after(60 * event.second**2, site.up)

    def _kill_vmm(self, event: Event) -> None:
        site = self._side(event).site
        if site.is_up:
            site.vmm.crash()

    def _kill_im(self, event: Event) -> None:
        site = self._side(event).site
        if site.is_up:
            site.im.crash()

    def _set_clock(self, event: Event) -> None:
        clocks = [cloud.clock for cloud in self.remotes] + [side.site.clock for side in self.sides]
        seconds = event.choose(("-1800", "-30", "30", "1800"), event.second)
        clocks[int(event.first * len(clocks))].jump(float(seconds))

    def _change_password(self, event: Event) -> None:
        """Change a password at the remote, and a moment later what the hosts have."""
        remote = self._remote(event)
        self.passwords[remote.name] += 1
        remote.cloud.owner.password = f"password{self.passwords[remote.name]}"
        self.scheduler.after(20 * event.second, partial(self.tell_hosts_passwords, remote))

    def tell_hosts_passwords(self, remote: RemoteSite) -> None:
        """Write the remote's present password into its hosts."""
        for side in self.sides:
            for host, of in side.remotes.items():
                if of is remote:
                    text = f'ONE_PASSWORD = "{remote.cloud.password}"'
                    side.site.call("one.host.update", host, text, 1)

    def _take_snapshot(self, event: Event) -> None:
        side = self._side(event)
        self.watcher.learn_hybrid_ids(side)
        if len(side.hybrid_ids) == len(side.remotes):
            self._snapshots[side.site.name] = side.site.snapshot()

    def _restore(self, event: Event) -> None:
        side = self._side(event)
        snapshot = self._snapshots.get(side.site.name)
        if snapshot is None or not side.site.is_up:
            return
        self.note(f"{side.site.name}: its database is restored")
        side.site.down()
        side.site.restore(snapshot)
        for vm in side.site.vms:
            side.ended.add((vm.id, vm.stime))
        for remote in self.remotes:
            self.tell_hosts_passwords(remote)
        self.scheduler.after(5.0, side.site.up)
