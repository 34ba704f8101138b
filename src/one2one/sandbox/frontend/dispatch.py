"""oned's dispatch manager: what users ask for, checked and set going.

Callers hold ``pools.clock.lock``. Every method raises Refusal where oned refuses.
"""

from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from one2one.opennebula.template import Template, Value, Vector
from one2one.sandbox.cloud.accounts import User
from one2one.sandbox.cloud.merging import merge, without
from one2one.sandbox.cloud.objects import History, Host, Vm
from one2one.sandbox.cloud.refusal import Code, Refusal
from one2one.sandbox.frontend.contents import Contents
from one2one.sandbox.frontend.generation import Generation
from one2one.sandbox.frontend.lifecycle import LifeCycle, successor
from one2one.sandbox.frontend.message import DATASTORE, PUBLIC_CLOUD_DATASTORE
from one2one.sandbox.frontend.operations import (
    BOOT,
    BOOT_AFTER,
    DEPLOYABLE,
    HOTPLUG,
    OPERATIONS,
    RETRY,
    UNKNOWN,
    active,
)
from one2one.sandbox.frontend.pools import Pools, is_public_cloud
from one2one.sandbox.frontend.reactions import RECOVERED_AS


class Dispatch:
    """Does what users ask for."""

    def __init__(
        self, pools: Pools, generation: Generation, lifecycle: LifeCycle, contents: Contents
    ) -> None:
        self._pools = pools
        self._generation = generation
        self._lifecycle = lifecycle
        self._contents = contents

    def create(
        self, source: Template, *, name: str, template_id: int, owner: User, hold: bool = False
    ) -> Vm:
        """Return a new VM of the template *source*."""
        vm_id = max(self._pools.vms, default=-1) + 1
        template, user_template = self._contents.split(source, vm_id, template_id, owner.id)
        vm = Vm(
            id=vm_id,
            uid=owner.id,
            gid=owner.group.id,
            uname=owner.name,
            gname=owner.group.name,
            name=name or f"one-{vm_id}",
            stime=self._pools.now(),
            template=template,
            user_template=user_template,
            state=State(VmState.HOLD if hold else VmState.PENDING),
        )
        self._note_import(vm)
        self._pools.vms[vm_id] = vm
        self._pools.clock.lock.notify_all()
        return vm

    def deploy(self, vm: Vm, host: Host) -> None:
        """Put *vm* on *host*."""
        if vm.state not in DEPLOYABLE:
            raise self._wrong_state("deploy", vm)
        public = is_public_cloud(host) and self._generation.public_cloud
        tm_mad = "" if public else "dummy"
        store = PUBLIC_CLOUD_DATASTORE if public else DATASTORE
        last = vm.history[-1].action if vm.history else 0
        now = self._pools.now()
        record = History(host.name, host.id, now, store, vm_mad=host.vm_mad, tm_mad=tm_mad)
        record.pstime = record.petime = record.rstime = now
        vm.history.append(record)
        if tm_mad:
            vm.template = without(vm.template, "TM_MAD_SYSTEM")
        vm.template.add("TM_MAD_SYSTEM", tm_mad)
        if public and vm.template.text("IMPORTED") == "YES":
            off = vm.user_template.text("IMPORT_STATE") == "POWEROFF"
            self._lifecycle.move(vm, State(VmState.POWEROFF) if off else RUNNING)
            return
        self._lifecycle.move(vm, active(LcmState.PROLOG))
        self._lifecycle.do(vm, BOOT_AFTER.get(last, BOOT))

    def act(self, vm: Vm, action: str) -> None:
        """Do ``one.vm.action``."""
        if action in ("resched", "unresched"):
            vm.resched = int(action == "resched")
            return
        if action not in OPERATIONS:
            raise Refusal(Code.ACTION, f'Action "{action}" is not supported')
        step = OPERATIONS[action].get(vm.state)
        if step is None and action.startswith("terminate") and vm.state in RETRY:
            self._lifecycle.clean_up(vm, recreate=False)
        elif step is None or (step.cancel and not self._generation.stream_driver):
            raise self._wrong_state(action, vm)
        else:
            self._lifecycle.do(vm, step)

    def recover(self, vm: Vm, operation: int) -> None:
        """Do ``one.vm.recover``: 0 failure, 1 success, 2 retry, 3 delete, 4 recreate."""
        if operation in (3, 4):
            self._lifecycle.clean_up(vm, recreate=operation == 4)
            return
        if vm.state.state != VmState.ACTIVE:
            raise Refusal(
                Code.ACTION,
                f"Could not perform a recover operation on VM {vm.id}, wrong state {vm.state}.",
            )
        if operation == 2:
            if step := RETRY.get(vm.state):
                self._lifecycle.do(vm, step)
            return
        self._settle(vm, success=operation == 1)

    def plug(self, vm: Vm, action: str) -> None:
        """Do what concerns a part of a running VM, which is marked already."""
        step = HOTPLUG[action].get(vm.state)
        if step is None:
            raise self._wrong_state(action.lower(), vm)
        self._lifecycle.do(vm, step)

    def attach_disk(self, vm: Vm, asked: Vector) -> None:
        """Attach a new disk."""
        self._require_running(vm, "attach")
        self._contents.add_disk(vm, asked)
        self.plug(vm, "ATTACHDISK")

    def attach_nic(self, vm: Vm, asked: Vector) -> None:
        """Attach a new NIC."""
        self._require_running(vm, "attachnic")
        self._contents.add_nic(vm, asked)
        self.plug(vm, "ATTACHNIC")

    def on_part(self, vm: Vm, action: str, name: str, number: int, marks: Vector) -> None:
        """Do *action* to the disk, NIC or snapshot *number*, marked with *marks* meanwhile."""
        self._require_running(vm, action.lower())
        vm.template = _marked(vm, name, number, marks)
        self.plug(vm, action)

    def snapshot(self, vm: Vm, name: str) -> int:
        """Create a system snapshot, and return its id."""
        self._require_running(vm, "snapshot")
        snapshots = vm.template.vectors("SNAPSHOT")
        number = max((int(s["SNAPSHOT_ID"]) for s in snapshots), default=-1) + 1
        new = {
            "ACTION": "CREATE",
            "ACTIVE": "YES",
            "HYPERVISOR_ID": "",
            "NAME": name or f"snapshot-{number}",
            "SNAPSHOT_ID": str(number),
            "TIME": str(self._pools.now()),
        }
        if self._generation.version >= (6, 0):
            new["SYSTEM_DISK_SIZE"] = vm.template.text("MEMORY")
        vm.template.add("SNAPSHOT", new)
        self.plug(vm, "SNAPSHOTCREATE")
        return number

    def update_configuration(self, vm: Vm, changes: Template) -> None:
        """Do ``one.vm.updateconf`` on a running VM."""
        self._require_running(vm, "updateconf")
        if context := changes.vector("CONTEXT"):
            context = self._contents.updated_context(vm, context)
            changes = merge(changes, Template([("CONTEXT", context)]))
        vm.template = merge(without(vm.template, "OS"), changes)
        self.plug(vm, "UPDATECONF")

    def resize(self, vm: Vm, changes: Template) -> None:
        """Do ``one.vm.resize`` on a running VM."""
        if self._generation.version < (6, 0) or vm.state != RUNNING:
            raise Refusal(Code.ACTION, f"Cannot resize a VM in state {vm.state}")
        before: Vector = {name: vm.template.text(name) for name, _ in changes}
        vm.template = merge(vm.template, changes)
        vm.template.add("RESIZE", before)
        self.plug(vm, "RESIZE")

    def migrate(self, vm: Vm, host: Host) -> None:
        """Migrate a running VM live to *host*."""
        if vm.history and vm.history[-1].datastore_id == PUBLIC_CLOUD_DATASTORE:
            raise Refusal(Code.ACTION, "Cannot migrate to or from a Public Cloud Host")
        self._require_running(vm, "migrate")
        record = successor(vm.history[-1], self._pools.now())
        record.host_id, record.host_name = host.id, host.name
        vm.history.append(record)
        self.plug(vm, "MIGRATE")

    def _note_import(self, vm: Vm) -> None:
        """Take a deploy id that the template gives for that of a VM which runs already."""
        name = "DEPLOY_ID" if self._generation.monitord else "IMPORT_VM_ID"
        deploy_id = vm.user_template.text(name)
        if not deploy_id:
            return
        for other in self._pools.vms.values():
            if other.template.text("IMPORTED") == "YES" and other.deploy_id == deploy_id:
                text = f"Virtual Machine {deploy_id} already imported."
                raise Refusal(Code.ALLOCATE, text)
        vm.deploy_id = deploy_id
        vm.user_template = without(vm.user_template, name)
        vm.template.add("IMPORTED", "YES")
        vm.state = State(VmState.HOLD)

    def _settle(self, vm: Vm, *, success: bool) -> None:
        """Pretend that the driver answered what the VM waits for."""
        lcm = LcmState(vm.state.lcm_state)
        if vm.state == UNKNOWN:
            self._lifecycle.move(vm, RUNNING)
        elif lcm == LcmState.HOTPLUG_SNAPSHOT:
            marked = [s for s in vm.template.vectors("SNAPSHOT") if "ACTIVE" in s]
            self._lifecycle.answered(vm, f"SNAPSHOT{marked[0]['ACTION']}", success=success)
        elif action := RECOVERED_AS.get(lcm):
            if success and action == "DEPLOY" and not vm.deploy_id:
                vm.deploy_id = f"one-{vm.id}"
            self._lifecycle.answered(vm, action, success=success)

    def _require_running(self, vm: Vm, action: str) -> None:
        if vm.state != RUNNING:
            raise self._wrong_state(action, vm)

    def _wrong_state(self, action: str, vm: Vm) -> Refusal:
        return Refusal(
            Code.ACTION,
            f'Error performing action "{action}": '
            f"This action is not available for state {vm.state}",
        )


def _marked(vm: Vm, name: str, number: int, marks: Vector) -> Template:
    """Return the VM's template with *marks* in the part *number*; raises Refusal without one."""
    key = f"{name}_ID"
    if not any(part.get(key) == str(number) for part in vm.template.vectors(name)):
        raise Refusal(Code.ACTION, f"{name} {number} does not exist in VM {vm.id}")

    def mark(attribute: str, value: Value) -> Value:
        chosen = attribute == name and isinstance(value, dict) and value.get(key) == str(number)
        return value | marks if chosen and isinstance(value, dict) else value

    return Template((attribute, mark(attribute, value)) for attribute, value in vm.template)
