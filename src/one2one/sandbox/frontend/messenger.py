"""Tells the driver about VMs: writes the files that go with a message, and the message."""

from collections.abc import Callable

from one2one.sandbox.cloud.objects import Vm
from one2one.sandbox.cloud.render_vm import vm_body
from one2one.sandbox.frontend import message
from one2one.sandbox.frontend.contents import Contents
from one2one.sandbox.frontend.generation import Generation
from one2one.sandbox.frontend.home import Home, context_sh
from one2one.sandbox.frontend.pools import Pools
from one2one.sandbox.frontend.secret import encrypt


class Messenger:
    """Sends VMM actions to whatever *send* reaches: a driver process or the stock shell."""

    def __init__(
        self,
        pools: Pools,
        generation: Generation,
        home: Home,
        contents: Contents,
        send: Callable[[str], None],
    ) -> None:
        self._pools = pools
        self._generation = generation
        self._home = home
        self._contents = contents
        self._send = send

    def send(self, action: str, vm: Vm) -> None:
        """Send *action* about *vm*, as it is now."""
        if action == "DRIVER_CANCEL":
            self._send(message.line(action, vm.id, "", self._generation))
            return
        if action in message.WITH_CONTEXT and _has_datastore(vm):
            self._write_context(vm)
        record = (len(vm.history) - 1, vm.history[-1])
        profile = self._generation.profile
        xml = vm_body(vm, profile, history=[record], monitoring=not profile.monitoring_apart)
        if action == "DEPLOY":
            path = self._home.deployment_file(vm.id, record[0])
            self._home.write_vm_file(vm.id, path.name, xml)
            self._pools.write_log("VMM", "I", f"Generating deployment file: {path}", vm)
        payload = message.action_data(action, vm, xml, self._home)
        self._send(message.line(action, vm.id, payload, self._generation))

    def _write_context(self, vm: Vm) -> None:
        """Write ``context.sh`` and ``token.txt``, which public clouds do without."""
        self._contents.refresh_network(vm)
        if context := vm.template.vector("CONTEXT"):
            self._home.write_vm_file(vm.id, "context.sh", context_sh(context))
        if context.get("TOKEN", "").upper() == "YES":
            creator = self._pools.accounts.by_id(int(vm.template.text("CREATED_BY")))
            secret = creator.template.text("TOKEN_PASSWORD") if creator else ""
            token = encrypt(f"{vm.id}:{vm.stime}", secret)
            self._home.write_vm_file(vm.id, "token.txt", token + "\n")


def _has_datastore(vm: Vm) -> bool:
    return vm.history[-1].datastore_id != message.PUBLIC_CLOUD_DATASTORE
