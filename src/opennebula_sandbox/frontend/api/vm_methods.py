"""The calls about VMs."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from one2one.opennebula.states import VmState
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.accounts import User
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.merging import merge
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal
from opennebula_sandbox.cloud.wire.grammar import parse
from opennebula_sandbox.cloud.wire.render_vm import render_vm_body, render_vm_row
from opennebula_sandbox.frontend.generation import Generation
from opennebula_sandbox.frontend.oned.contents import Contents
from opennebula_sandbox.frontend.oned.dispatch import Dispatch
from opennebula_sandbox.frontend.oned.hotplug import Hotplug
from opennebula_sandbox.frontend.oned.pools import Pools

_OWN = (-3, -1)
_ALL = -2
_NOT_DONE, _ANY_STATE = -1, -2


class VmMethods:
    """Answers the calls."""

    def __init__(
        self,
        pools: Pools,
        generation: Generation,
        dispatch: Dispatch,
        hotplug: Hotplug,
        contents: Contents,
    ) -> None:
        self._pools = pools
        self._profile = generation.profile
        self._dispatch = dispatch
        self._hotplug = hotplug
        self._contents = contents

    def methods(self) -> Mapping[str, Method]:
        """Return the calls by name."""
        known = {
            "one.vm.action": Method(self._action, (str, int)),
            "one.vm.attach": Method(self._attach_disk, (int, str)),
            "one.vm.attachnic": Method(self._attach_nic, (int, str)),
            "one.vm.deploy": Method(self._deploy, (int, int), (bool, int, str)),
            "one.vm.detach": Method(self._on_part("DETACHDISK", "DISK", "ATTACH"), (int, int)),
            "one.vm.detachnic": Method(self._on_part("DETACHNIC", "NIC", "ATTACH"), (int, int)),
            "one.vm.info": Method(self._info, (int,), (bool,)),
            "one.vm.migrate": Method(self._migrate, (int, int, bool), (bool, int, int)),
            "one.vm.recover": Method(self._recover, (int, int)),
            "one.vm.resize": Method(self._resize, (int, str, bool)),
            "one.vm.snapshotcreate": Method(self._snapshot, (int,), (str,)),
            "one.vm.snapshotdelete": Method(self._on_snapshot("DELETE"), (int, int)),
            "one.vm.snapshotrevert": Method(self._on_snapshot("REVERT"), (int, int)),
            "one.vm.update": Method(self._update, (int, str, int)),
            "one.vm.updateconf": Method(self._update_configuration, (int, str), (int,)),
            "one.vmpool.info": Method(self._rows, (int, int, int, int), (str,)),
            "one.vmpool.infoextended": Method(self._bodies, (int, int, int, int), (str,)),
        }
        if self._profile.has_infoset:
            known["one.vmpool.infoset"] = Method(self._set, (str,), (bool,))
        return known

    def _info(self, user: User, vm_id: int, decrypt: bool = False) -> str:
        vm = self._vm(user, vm_id)
        closed = vm.template
        if decrypt and user.is_admin:
            vm.template = self._contents.opened(vm)
        try:
            return render_vm_body(vm, self._profile, history=enumerate(vm.history), monitoring=True)
        finally:
            vm.template = closed

    def _rows(self, user: User, *query: Any) -> str:
        return self._pool(self._select(user, *query), extended=False)

    def _bodies(self, user: User, *query: Any) -> str:
        return self._pool(self._select(user, *query), extended=True)

    def _set(self, user: User, ids: str, extended: bool = False) -> str:
        wanted = {int(word) for word in ids.split(",") if word.strip().isdecimal()}
        visible = self._visible(user, _ALL)
        return self._pool((vm for vm in visible if vm.id in wanted), extended=extended)

    def _pool(self, vms: Iterable[Vm], *, extended: bool) -> str:
        def body(vm: Vm) -> str:
            last = list(enumerate(vm.history))[-1:]
            return render_vm_body(vm, self._profile, history=last, monitoring=False)

        def row(vm: Vm) -> str:
            return render_vm_row(vm, self._profile)

        return f"<VM_POOL>{''.join(map(body if extended else row, vms))}</VM_POOL>"

    def _select(
        self, user: User, who: int, first: int, last: int, state: int, search: str = ""
    ) -> list[Vm]:
        if search:
            raise Refusal(ErrorCode.INTERNAL, self._profile.search_refused)
        found = [
            vm
            for vm in self._visible(user, who)
            if state == _ANY_STATE
            or (state == _NOT_DONE and vm.state.state != VmState.DONE)
            or vm.state.state == state
        ]
        if last < -1:
            return found[first : first - last]
        return [vm for vm in found if first <= vm.id and (last == -1 or vm.id <= last)]

    def _visible(self, user: User, who: int) -> list[Vm]:
        """Return the VMs of *who* that *user* may see, newest first."""
        owner = user.id if who in _OWN or not user.is_admin else who
        vms = sorted(self._pools.vms.values(), key=lambda vm: vm.id, reverse=True)
        return [vm for vm in vms if owner in (_ALL, vm.uid)]

    def _vm(self, user: User, vm_id: int) -> Vm:
        vm = self._pools.vm(vm_id)
        if not user.is_admin and vm.uid != user.id:
            text = f"User [{user.id}] : Not authorized to perform USE VM [{vm_id}]."
            raise Refusal(ErrorCode.AUTHORIZATION, text)
        return vm

    def _action(self, user: User, action: str, vm_id: int) -> int:
        self._dispatch.act(self._vm(user, vm_id), action)
        return vm_id

    def _deploy(self, user: User, vm_id: int, host_id: int, *_options: object) -> int:
        self._dispatch.deploy(self._vm(user, vm_id), self._pools.host(host_id))
        return vm_id

    def _migrate(self, user: User, vm_id: int, host_id: int, live: bool, *_more: object) -> int:
        if not live:
            raise Refusal(ErrorCode.ACTION, "The sandbox migrates live only")
        self._hotplug.migrate(self._vm(user, vm_id), self._pools.host(host_id))
        return vm_id

    def _recover(self, user: User, vm_id: int, operation: int) -> int:
        self._dispatch.recover(self._vm(user, vm_id), operation)
        return vm_id

    def _attach_disk(self, user: User, vm_id: int, template: str) -> int:
        self._hotplug.attach_disk(self._vm(user, vm_id), parse(template).vector("DISK"))
        return vm_id

    def _attach_nic(self, user: User, vm_id: int, template: str) -> int:
        self._hotplug.attach_nic(self._vm(user, vm_id), parse(template).vector("NIC"))
        return vm_id

    def _on_part(self, action: str, name: str, mark: str) -> Callable[[User, int, int], int]:
        def do(user: User, vm_id: int, number: int) -> int:
            self._hotplug.on_part(self._vm(user, vm_id), action, name, number, {mark: "YES"})
            return vm_id

        return do

    def _on_snapshot(self, what: str) -> Callable[[User, int, int], int]:
        def do(user: User, vm_id: int, number: int) -> int:
            marks = {"ACTIVE": "YES", "ACTION": what}
            vm = self._vm(user, vm_id)
            self._hotplug.on_part(vm, f"SNAPSHOT{what}", "SNAPSHOT", number, marks)
            return vm_id

        return do

    def _snapshot(self, user: User, vm_id: int, name: str = "") -> int:
        return self._hotplug.snapshot(self._vm(user, vm_id), name)

    def _resize(self, user: User, vm_id: int, template: str, _enforce: bool) -> int:
        self._hotplug.resize(self._vm(user, vm_id), parse(template))
        return vm_id

    def _update(self, user: User, vm_id: int, template: str, append: int) -> int:
        vm = self._vm(user, vm_id)
        vm.user_template = merge(vm.user_template if append else Template(), parse(template))
        return vm_id

    def _update_configuration(self, user: User, vm_id: int, template: str, _append: int = 0) -> int:
        self._hotplug.update_configuration(self._vm(user, vm_id), parse(template))
        return vm_id
