"""All VMs of a cloud, and their XML, which is written once after each change."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from one2one.opennebula.states import VmState
from opennebula_sandbox.cloud.accounts import Right, User
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.profile import Profile
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal
from opennebula_sandbox.cloud.vm.usage import Usage
from opennebula_sandbox.cloud.wire.render_vm import render_vm_body, render_vm_row

_ANY_STATE, _NOT_DONE = -2, -1
_OWN_GROUP, _OWN, _ALL, _OWN_AND_GROUPS = -4, -3, -2, -1


class Vms:
    """VMs by id. Code that changes a VM must then call ``note_change``."""

    def __init__(self, clock: Clock, profile: Profile, usage: Usage) -> None:
        self._clock = clock
        self._profile = profile
        self._usage = usage
        self._by_id: dict[int, Vm] = {}
        self._written: dict[tuple[int, bool], tuple[int, bytes]] = {}
        self.next_id = 0

    def __iter__(self) -> Iterator[Vm]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, vm_id: int) -> Vm:
        return self._by_id[vm_id]

    def get(self, vm_id: int) -> Vm | None:
        """Return the VM with this id, also one that is DONE; None without it."""
        return self._by_id.get(vm_id)

    def add(self, vm: Vm) -> None:
        """Add a VM whose id is ``next_id``."""
        self._by_id[vm.id] = vm
        self.next_id = vm.id + 1
        self.note_change(vm)

    def clear(self) -> None:
        """Forget all VMs."""
        with self._clock.lock:
            self._by_id.clear()
            self._written.clear()
            self._clock.lock.notify_all()

    def note_change(self, vm: Vm) -> None:
        """Drop the stored XML of *vm*, and wake all threads that wait for a change."""
        with self._clock.lock:
            self._written.pop((vm.id, False), None)
            self._written.pop((vm.id, True), None)
            self._clock.lock.notify_all()

    def render_entry(self, vm: Vm, *, extended: bool) -> bytes:
        """Return the entry of *vm* in a pool, short or extended, escaped for XML-RPC."""
        stamp = 0
        if not self._profile.monitoring_apart:
            self._usage.refresh(vm)
            stamp = vm.last_poll
        written = self._written.get((vm.id, extended))
        if written is None or written[0] != stamp:
            written = stamp, escape(self._write(vm, extended)).encode()
            self._written[vm.id, extended] = written
        return written[1]

    def render_body(self, vm: Vm) -> str:
        """Return the answer of one.vm.info about *vm*."""
        self._usage.refresh(vm)
        history = enumerate(vm.history)
        return render_vm_body(vm, self._profile, history=history, monitoring=True)

    def select(self, user: User, whose: int, start: int, end: int, state: int) -> list[Vm]:
        """Return the VMs that a pool call asks for and that *user* may use, newest first.

        *end* −1 means no end; with a smaller *end*, *start* is an offset and −*end* a limit.
        """
        if whose < _OWN_GROUP:
            raise Refusal(ErrorCode.XML_RPC_API, "Incorrect filter_flag")
        vms = [
            vm
            for vm in reversed(self._by_id.values())
            if (state == _ANY_STATE or _is_in_state(vm, state)) and _is_selected(vm, user, whose)
        ]
        if end < -1:
            return vms[max(start, 0) : max(start, 0) - end]
        if start < 0:
            return vms
        return [vm for vm in vms if start <= vm.id and (end < 0 or vm.id <= end)]

    def _write(self, vm: Vm, extended: bool) -> str:
        if not extended:
            return render_vm_row(vm, self._profile)
        newest = list(enumerate(vm.history))[-1:]
        old = not self._profile.monitoring_apart
        return render_vm_body(vm, self._profile, history=newest, monitoring=old)


def _is_in_state(vm: Vm, state: int) -> bool:
    if state == _NOT_DONE:
        return vm.state.state != VmState.DONE
    return vm.state.state == state


def _is_selected(vm: Vm, user: User, whose: int) -> bool:
    """Tell whether the filter flag *whose* of a pool call selects *vm*, and *user* may use it."""
    if whose == _OWN:
        return vm.uid == user.id
    if whose == _OWN_GROUP:
        return vm.gid == user.group.id
    if whose >= 0 and vm.uid != whose:
        return False
    if whose == _OWN_AND_GROUPS and vm.uid != user.id and vm.gid != user.group.id:
        return False
    return user.may(Right.USE, vm)
