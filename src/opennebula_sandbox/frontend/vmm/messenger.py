"""Writes the files of a message to the driver, and sends the message."""

from collections.abc import Callable

from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.wire.render_vm import render_vm_body
from opennebula_sandbox.frontend.home import Home, format_context_sh
from opennebula_sandbox.frontend.oned.pools import Pools
from opennebula_sandbox.frontend.oned.vm_builder import VmBuilder
from opennebula_sandbox.frontend.release import Release
from opennebula_sandbox.frontend.secret import encrypt
from opennebula_sandbox.frontend.vmm import message


class Messenger:
    """Sends VMM actions with *send* to a driver process or to the stock shell."""

    def __init__(
        self,
        pools: Pools,
        release: Release,
        home: Home,
        vm_builder: VmBuilder,
        send: Callable[[str], None],
    ) -> None:
        self._pools = pools
        self._release = release
        self._home = home
        self._vm_builder = vm_builder
        self._send = send

    def send(self, action: str, vm: Vm) -> None:
        """Send *action* about *vm* in its current state."""
        if action == "DRIVER_CANCEL":
            self._send(message.format_line(action, vm.id, "", self._release))
            return
        if action in message.WITH_CONTEXT and _has_datastore(vm):
            self._write_context(vm)
        record = (len(vm.history) - 1, vm.history[-1])
        profile = self._release.profile
        xml = render_vm_body(vm, profile, history=[record], monitoring=not profile.monitoring_apart)
        if action == "DEPLOY":
            path = self._home.deployment_file(vm.id, record[0])
            self._home.write_vm_file(vm.id, path.name, xml)
            self._pools.write_log("VMM", "I", f"Generating deployment file: {path}", vm)
        payload = message.format_action_data(action, vm, xml, self._home)
        self._send(message.format_line(action, vm.id, payload, self._release))

    def _write_context(self, vm: Vm) -> None:
        """Write ``context.sh`` and ``token.txt``; public clouds have neither."""
        self._vm_builder.refresh_network(vm)
        if context := vm.template.vector("CONTEXT"):
            self._home.write_vm_file(vm.id, "context.sh", format_context_sh(context))
        if context.get("TOKEN", "").upper() == "YES":
            creator = self._pools.accounts.find_user(int(vm.template.text("CREATED_BY")))
            secret = creator.template.text("TOKEN_PASSWORD") if creator else ""
            token = encrypt(f"{vm.id}:{vm.stime}", secret)
            self._home.write_vm_file(vm.id, "token.txt", token + "\n")


def _has_datastore(vm: Vm) -> bool:
    return vm.history[-1].datastore_id != message.PUBLIC_CLOUD_DATASTORE
