"""The calls about VMs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from one2one.opennebula.states import VmState
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.accounts import User
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.merging import merge
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.quotas import sum_amounts
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal, no_such_error
from opennebula_sandbox.cloud.wire.grammar import parse
from opennebula_sandbox.cloud.wire.render_accounting import render_accounting
from opennebula_sandbox.cloud.wire.render_vm import render_vm_body, render_vm_row
from opennebula_sandbox.frontend.oned.dispatch import Dispatch
from opennebula_sandbox.frontend.oned.hotplug import Hotplug
from opennebula_sandbox.frontend.oned.pools import Pools
from opennebula_sandbox.frontend.oned.vm_builder import VmBuilder
from opennebula_sandbox.frontend.release import Release

_OWN = (-3, -1)
_ALL = -2
_NOT_DONE, _ANY_STATE = -1, -2


class VmMethods:
    """Answers the calls about VMs."""

    def __init__(
        self,
        pools: Pools,
        release: Release,
        dispatch: Dispatch,
        hotplug: Hotplug,
        vm_builder: VmBuilder,
    ) -> None:
        self._pools = pools
        self._profile = release.profile
        self._dispatch = dispatch
        self._hotplug = hotplug
        self._vm_builder = vm_builder

    def methods(self) -> Mapping[str, Method]:
        """Return the calls by name."""
        known = {
            "one.vm.action": Method(self._action, (str, int)),
            "one.vm.allocate": Method(self._allocate, (str,), (bool,)),
            "one.vm.attach": Method(self._attach_disk, (int, str)),
            "one.vm.attachnic": Method(self._attach_nic, (int, str)),
            "one.vm.chown": Method(self._change_owner, (int, int, int)),
            "one.vm.deploy": Method(self._deploy, (int, int), (bool, int, str)),
            "one.vm.detach": Method(self._detach_disk, (int, int)),
            "one.vm.detachnic": Method(self._detach_nic, (int, int)),
            "one.vm.diskresize": Method(self._resize_disk, (int, int, str)),
            "one.vm.info": Method(self._info, (int,), (bool,)),
            "one.vm.migrate": Method(self._migrate, (int, int, bool), (bool, int, int)),
            "one.vm.recover": Method(self._recover, (int, int)),
            "one.vm.resize": Method(self._resize, (int, str, bool)),
            "one.vm.snapshotcreate": Method(self._snapshot, (int,), (str,)),
            "one.vm.snapshotdelete": Method(self._make_snapshot_call("DELETE"), (int, int)),
            "one.vm.snapshotrevert": Method(self._make_snapshot_call("REVERT"), (int, int)),
            "one.vm.update": Method(self._update, (int, str, int)),
            "one.vm.updateconf": Method(self._update_configuration, (int, str), (int,)),
            "one.vmpool.accounting": Method(self._accounting, (int, int, int)),
            "one.vmpool.info": Method(self._rows, (int, int, int, int), (str,)),
            "one.vmpool.infoextended": Method(self._bodies, (int, int, int, int), (str,)),
        }
        if self._profile.has_infoset:
            known["one.vmpool.infoset"] = Method(self._info_set, (str,), (bool,))
        return known

    def _info(self, user: User, vm_id: int, decrypt: bool = False) -> str:
        vm = self._find_vm(user, vm_id)
        closed = vm.template
        if decrypt and user.is_admin:
            vm.template = self._vm_builder.decrypt_template(vm)
        try:
            return render_vm_body(vm, self._profile, history=enumerate(vm.history), monitoring=True)
        finally:
            vm.template = closed

    def _rows(self, user: User, *query: Any) -> str:
        return self._render_pool(self._select(user, *query), extended=False)

    def _bodies(self, user: User, *query: Any) -> str:
        return self._render_pool(self._select(user, *query), extended=True)

    def _info_set(self, user: User, ids: str, extended: bool = False) -> str:
        wanted = {int(word) for word in ids.split(",") if word.strip().isdecimal()}
        visible = self._list_visible(user, _ALL)
        return self._render_pool((vm for vm in visible if vm.id in wanted), extended=extended)

    def _accounting(self, user: User, who: int, start: int, end: int) -> str:
        return render_accounting(self._list_visible(user, who), self._profile, start, end)

    def _render_pool(self, vms: Iterable[Vm], *, extended: bool) -> str:
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
        vms = [
            vm
            for vm in self._list_visible(user, who)
            if state == _ANY_STATE
            or (state == _NOT_DONE and vm.state.state != VmState.DONE)
            or vm.state.state == state
        ]
        if last < -1:
            return vms[first : first - last]
        return [vm for vm in vms if first <= vm.id and (last == -1 or vm.id <= last)]

    def _list_visible(self, user: User, who: int) -> list[Vm]:
        """Return the VMs of *who* that *user* may use, newest first."""
        owner = user.id if who in _OWN or not user.is_admin else who
        vms = sorted(self._pools.vms.values(), key=lambda vm: vm.id, reverse=True)
        return [vm for vm in vms if owner in (_ALL, vm.uid)]

    def _parse(self, text: str) -> Template:
        return parse(text, trims=self._profile.trims)

    def _find_vm(self, user: User, vm_id: int) -> Vm:
        vm = self._pools.find_vm(vm_id)
        if not user.is_admin and vm.uid != user.id:
            text = f"User [{user.id}] : Not authorized to perform USE VM [{vm_id}]."
            raise Refusal(ErrorCode.AUTHORIZATION, text)
        return vm

    def _allocate(self, user: User, template: str, hold: bool = False) -> int:
        source = self._parse(template)
        return self._dispatch.create(source, name=source.text("NAME"), owner=user, hold=hold).id

    def _change_owner(self, user: User, vm_id: int, user_id: int, group_id: int) -> int:
        vm, accounts = self._find_vm(user, vm_id), self._pools.accounts
        owner = accounts.find_user(vm.uid if user_id < 0 else user_id)
        if owner is None:
            raise no_such_error("user", user_id)
        wanted = vm.gid if group_id < 0 else group_id
        group = next((g for g in accounts.groups.values() if g.id == wanted), None)
        if group is None:
            raise no_such_error("group", wanted)
        request, metrics = sum_amounts(vm.template), self._profile.quota_metrics
        if problem := accounts.find_exceeded_quota(replace(owner, group=group), request, metrics):
            raise Refusal(ErrorCode.AUTHORIZATION, problem)
        vm.uid, vm.uname, vm.gid, vm.gname = owner.id, owner.name, group.id, group.name
        return vm_id

    def _action(self, user: User, action: str, vm_id: int) -> int:
        self._dispatch.act(self._find_vm(user, vm_id), action)
        return vm_id

    def _deploy(self, user: User, vm_id: int, host_id: int, *_options: object) -> int:
        self._dispatch.deploy(self._find_vm(user, vm_id), self._pools.find_host(host_id))
        return vm_id

    def _migrate(self, user: User, vm_id: int, host_id: int, live: bool, *_more: object) -> int:
        if not live:
            raise Refusal(ErrorCode.ACTION, "The sandbox migrates live only")
        self._hotplug.migrate(self._find_vm(user, vm_id), self._pools.find_host(host_id))
        return vm_id

    def _recover(self, user: User, vm_id: int, operation: int) -> int:
        self._dispatch.recover(self._find_vm(user, vm_id), operation)
        return vm_id

    def _attach_disk(self, user: User, vm_id: int, template: str) -> int:
        self._hotplug.attach_disk(self._find_vm(user, vm_id), self._parse(template).vector("DISK"))
        return vm_id

    def _attach_nic(self, user: User, vm_id: int, template: str) -> int:
        self._hotplug.attach_nic(self._find_vm(user, vm_id), self._parse(template).vector("NIC"))
        return vm_id

    def _detach_nic(self, user: User, vm_id: int, number: int) -> int:
        self._hotplug.detach_nic(self._find_vm(user, vm_id), number)
        return vm_id

    def _resize_disk(self, user: User, vm_id: int, number: int, size: str) -> int:
        self._hotplug.resize_disk(self._find_vm(user, vm_id), number, int(size))
        return number

    def _detach_disk(self, user: User, vm_id: int, number: int) -> int:
        vm = self._find_vm(user, vm_id)
        self._hotplug.change_device(vm, "DETACHDISK", "DISK", number, {"ATTACH": "YES"})
        return vm_id

    def _make_snapshot_call(self, what: str) -> Callable[[User, int, int], int]:
        def do(user: User, vm_id: int, number: int) -> int:
            marks = {"ACTIVE": "YES", "ACTION": what}
            vm = self._find_vm(user, vm_id)
            self._hotplug.change_device(vm, f"SNAPSHOT{what}", "SNAPSHOT", number, marks)
            return vm_id

        return do

    def _snapshot(self, user: User, vm_id: int, name: str = "") -> int:
        return self._hotplug.create_snapshot(self._find_vm(user, vm_id), name)

    def _resize(self, user: User, vm_id: int, template: str, _enforce: bool) -> int:
        self._hotplug.resize(self._find_vm(user, vm_id), self._parse(template))
        return vm_id

    def _update(self, user: User, vm_id: int, template: str, append: int) -> int:
        vm = self._find_vm(user, vm_id)
        vm.user_template = merge(vm.user_template if append else Template(), self._parse(template))
        return vm_id

    def _update_configuration(self, user: User, vm_id: int, template: str, _append: int = 0) -> int:
        self._hotplug.update_configuration(self._find_vm(user, vm_id), self._parse(template))
        return vm_id
