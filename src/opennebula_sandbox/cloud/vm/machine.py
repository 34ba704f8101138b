"""The state machine of VMs: moves them from state to state by the tables and the clock.

Attributes of a VM say how its guest and its drivers behave. A template, an extra template or
one.vm.update may set them:

- ``SANDBOX_IGNORES_ACPI = "YES"``: a graceful shutdown ends in RUNNING again;
- ``SANDBOX_FAILS = "BOOT SAVE_SUSPEND"``: the work of these LCM states fails.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial

from one2one.opennebula.states import LcmState, State
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.accounts import Accounts, User, find_quotas
from opennebula_sandbox.cloud.clock import Clock, Timer
from opennebula_sandbox.cloud.merging import merge, remove
from opennebula_sandbox.cloud.objects import Host, Vm
from opennebula_sandbox.cloud.profile import Profile
from opennebula_sandbox.cloud.quotas import Quotas, sum_amounts, sum_running_amounts
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal
from opennebula_sandbox.cloud.vm import history, lifecycle
from opennebula_sandbox.cloud.vm.creation import add_requirements
from opennebula_sandbox.cloud.vm.lifecycle import DONE, PENDING, Path
from opennebula_sandbox.cloud.vm.vms import Vms

_WITHOUT_SNAPSHOTS = frozenset({"POWEROFF", "SUSPENDED", "STOPPED", "UNDEPLOYED"})
"""States in which a VM has no system snapshots, unless its driver keeps them."""

FAILS, IGNORES_ACPI = "SANDBOX_FAILS", "SANDBOX_IGNORES_ACPI"


class Machine:
    """oned's life-cycle manager."""

    def __init__(
        self, clock: Clock, profile: Profile, accounts: Accounts, vms: Vms, hosts: list[Host]
    ) -> None:
        self._clock = clock
        self._profile = profile
        self._accounts = accounts
        self._vms = vms
        self._hosts = hosts
        self._timers: dict[int, Timer] = {}
        self._requests = 0
        self._scheduling = True
        self._shortage = ""
        self.delay = 0.0
        """Seconds that each intermediate state lasts."""
        self.delays: dict[LcmState, float] = {}
        """The same for single states."""
        self.acceptance = 0.0
        """Seconds from the acceptance of an action to its first effect."""
        self.scheduling_delay = 0.0
        """Seconds that a VM stays PENDING."""
        self.keep_snapshots = True
        """KEEP_SNAPSHOTS of the VMM driver: whether VMs that are off have system snapshots."""
        self.live_resize = False
        """LIVE_RESIZE of the VMM driver: whether a VM that runs can be resized, since 6.0."""
        self.shutdown_timeout = 1.0
        """Seconds that oned waits for a guest that ignores ACPI."""

    @property
    def shortage(self) -> str:
        """Why the scheduler finds no place for a PENDING VM; it says so in SCHED_MESSAGE.

        Empty where it does find one.
        """
        return self._shortage

    @shortage.setter
    def shortage(self, why: str) -> None:
        with self._clock.lock:
            self._shortage = why
            for vm in self._vms:
                self._schedule(vm)

    @property
    def scheduling(self) -> bool:
        """Whether PENDING VMs are deployed."""
        return self._scheduling

    @scheduling.setter
    def scheduling(self, wanted: bool) -> None:
        with self._clock.lock:
            self._scheduling = wanted
            if wanted:
                for vm in self._vms:
                    self._schedule(vm)

    def add(self, vm: Vm) -> None:
        """Add a new VM."""
        self._vms.add(vm)
        for quotas in self._find_quotas(vm):
            quotas.count_devices(vm.template, 1)
            quotas.count(sum_amounts(vm.template))
            quotas.count(sum_running_amounts(vm.template))
        self._schedule(vm)

    def restore(self, vms: Iterable[Vm], next_id: int) -> None:
        """Have these VMs in place of those that there are, as after an older database is restored.

        None of them may be in an intermediate state. The next new VM gets *next_id*.
        """
        for vm in self._vms:
            self.enter(vm, DONE)
        self._vms.clear()
        for vm in vms:
            self.add(vm)
            self._count(vm, PENDING)
        self._vms.next_id = next_id

    def act(self, vm: Vm, action: str, user: User) -> None:
        """Accept *action* for *vm*, or raise Refusal with oned's reason."""
        base, hard = _split(action)
        if (at_once := lifecycle.AT_ONCE.get(base, {}).get(vm.state)) is not None:
            if at_once != vm.state:
                self.enter(vm, at_once)
            return
        if self._find_path(vm, base, hard) is None:
            state = vm.state
            reason = f"This action is not available for state {state}"
            if base == "terminate":
                reason = f"Could not terminate VM {vm.id}, wrong state {state}."
            raise Refusal(ErrorCode.ACTION, f'Error performing action "{action}": {reason}')
        self._clock.after(self.acceptance, partial(self._carry_out, vm, base, hard, user))

    def hotplug(
        self,
        vm: Vm,
        kind: str,
        user: User,
        begin: Callable[[], None],
        end: Callable[[bool], None],
    ) -> bool:
        """Begin a change to *vm*; return False in wrong states.

        *begin* is called at once, *end* after the driver's work, with whether it succeeded.
        """
        path = lifecycle.HOTPLUGS[kind].get(vm.state)
        if path is None or (_is_deletion_while_off(vm, kind) and not self.keep_snapshots):
            return False
        if kind in history.ACTIONS:
            history.sign_record(vm, kind, user.id, user.group.id, self._next_request_id())
            history.split_record(vm, int(self._clock.now()))
        begin()
        self.enter(vm, path[0])
        then = partial(self._end_hotplug, vm, kind, path, end)
        if len(path) == 1:
            then()
        else:
            lasts = self.delays.get(LcmState(path[0].lcm_state), self.delay)
            self._timers[vm.id] = self._clock.after(lasts, then)
        return True

    def enter(self, vm: Vm, state: State) -> None:
        """Put *vm* into *state* and end what it did before; a VM in DONE stays there."""
        with self._clock.lock:
            if timer := self._timers.pop(vm.id, None):
                timer.cancelled = True
            if vm.state != DONE:
                self._enter(vm, state)

    def _end_hotplug(self, vm: Vm, kind: str, path: Path, end: Callable[[bool], None]) -> None:
        failed = LcmState(path[0].lcm_state).name in vm.user_template.text(FAILS).split()
        end(not failed)
        if failed:
            action = lifecycle.HOTPLUG_ERRORS.get(kind, kind)
            self._write_message(vm, "ERROR", f" {action}: the hypervisor does not do it")
        if vm.state != path[-1]:
            self.enter(vm, path[-1])

    def _carry_out(self, vm: Vm, base: str, hard: bool, user: User) -> None:
        path = self._find_path(vm, base, hard)
        if not path:
            # oned only writes into its log that the state is wrong.
            return
        history.sign_record(
            vm, f"{base}-hard" if hard else base, user.id, user.group.id, self._next_request_id()
        )
        self._run(vm, path, graceful=not hard)

    def _find_path(self, vm: Vm, base: str, hard: bool) -> Path | None:
        path = lifecycle.PATHS.get(base, {}).get(vm.state)
        if path is None and hard and self._profile.hard_overrides:
            path = lifecycle.HARD_OVERRIDES.get(base, {}).get(vm.state)
        return path

    def _run(self, vm: Vm, path: Path, *, graceful: bool = True) -> None:
        self.enter(vm, path[0])
        if len(path) == 1:
            return
        lasts = self.delays.get(LcmState(path[0].lcm_state), self.delay)
        then = partial(self._run, vm, path[1:])
        if _fails(vm, path[0]):
            then = partial(self._fail, vm, path[0])
        elif graceful and path[0] in lifecycle.GRACEFUL and _ignores_acpi(vm):
            lasts = self.shutdown_timeout
            then = partial(self.enter, vm, lifecycle.FAILURES[path[0]])
        self._timers[vm.id] = self._clock.after(lasts, then)

    def _fail(self, vm: Vm, at: State) -> None:
        if words := lifecycle.ERRORS.get(str(at).partition("_")[0]):
            self._write_message(vm, "ERROR", words)
        self.enter(vm, lifecycle.FAILURES[at])

    def _write_message(self, vm: Vm, name: str, words: str) -> None:
        """Write *words*, after the time, into an attribute."""
        separator = ": " if self._profile.newer_body else " : "
        text = f"{time.ctime(self._clock.now())}{separator}{words}"
        vm.user_template = merge(vm.user_template, Template([(name, text)]))
        self._vms.note_change(vm)

    def _clear_message(self, vm: Vm) -> None:
        """Clear SCHED_MESSAGE; the scheduler of 6.x leaves an empty one."""
        if vm.user_template.text("SCHED_MESSAGE"):
            vm.user_template = remove(vm.user_template, "SCHED_MESSAGE")
            if self._profile.newer_body and not self._profile.plans:
                vm.user_template.add("SCHED_MESSAGE", "")
            self._vms.note_change(vm)

    def _enter(self, vm: Vm, state: State) -> None:
        before, now = vm.state, int(self._clock.now())
        if state == PENDING:
            vm.template = add_requirements(vm.template, self._profile)
        vm.state = state
        history.record_state(vm, state, now, self._hosts[vm.id % len(self._hosts)], self._profile)
        if not self.keep_snapshots and str(state) in _WITHOUT_SNAPSHOTS:
            vm.template = remove(vm.template, "SNAPSHOT")
        self._count(vm, before)
        self._vms.note_change(vm)
        self._schedule(vm)

    def _count(self, vm: Vm, before: State) -> None:
        was, now = (lifecycle.counts_as_running(state) for state in (before, vm.state))
        for quotas in self._find_quotas(vm):
            if vm.state == DONE:
                quotas.count(sum_amounts(vm.template), -1)
                quotas.count_devices(vm.template, -1)
            if was != now:
                quotas.count(sum_running_amounts(vm.template), now - was)

    def _schedule(self, vm: Vm) -> None:
        if vm.state == PENDING and self._scheduling:
            self._clock.after(self.scheduling_delay, partial(self._deploy, vm))

    def _deploy(self, vm: Vm) -> None:
        if vm.state == PENDING and self._scheduling:
            if self._shortage:
                self._write_message(vm, "SCHED_MESSAGE", self._shortage)
                return
            self._clear_message(vm)
            if not vm.template.text("TM_MAD_SYSTEM"):
                vm.template.add("TM_MAD_SYSTEM", "dummy")
            self._run(vm, lifecycle.DEPLOYMENTS[State(history.read_previous_state(vm))])

    def _find_quotas(self, vm: Vm) -> list[Quotas]:
        owner = self._accounts.find_user(vm.uid)
        return find_quotas(owner) if owner else []

    def _next_request_id(self) -> int:
        self._requests = (self._requests + 16) % 10_000
        return self._requests


def _split(action: str) -> tuple[str, bool]:
    base = action.removesuffix("-hard")
    return (base, True) if base != action and base in lifecycle.HARD_VARIANTS else (action, False)


def _fails(vm: Vm, state: State) -> bool:
    return str(state) in vm.user_template.text(FAILS).split() and state in lifecycle.FAILURES


def _is_deletion_while_off(vm: Vm, kind: str) -> bool:
    return kind == "snapshot-delete" and vm.state == lifecycle.POWEROFF


def _ignores_acpi(vm: Vm) -> bool:
    return vm.user_template.text(IGNORES_ACPI).upper() == "YES"
