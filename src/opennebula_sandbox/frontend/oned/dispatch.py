"""oned's dispatch manager: checks what users ask for, and starts it.

Callers hold ``pools.clock.lock``. Every method raises Refusal where oned refuses.
"""

from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.accounts import User
from opennebula_sandbox.cloud.merging import remove
from opennebula_sandbox.cloud.objects import HistoryRecord, Host, Vm, VmTemplate
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal
from opennebula_sandbox.frontend.oned.lifecycle import LifeCycle
from opennebula_sandbox.frontend.oned.operations import (
    BOOT,
    BOOT_AFTER,
    DEPLOYABLE,
    OPERATIONS,
    RETRY,
    UNKNOWN,
    active,
)
from opennebula_sandbox.frontend.oned.pools import Pools, is_public_cloud
from opennebula_sandbox.frontend.oned.reactions import RECOVERED_ACTIONS
from opennebula_sandbox.frontend.oned.vm_builder import VmBuilder
from opennebula_sandbox.frontend.release import Release
from opennebula_sandbox.frontend.vmm.message import DATASTORE, PUBLIC_CLOUD_DATASTORE


class Dispatch:
    """Creates, deploys and recovers VMs, and does actions on them."""

    def __init__(
        self, pools: Pools, release: Release, lifecycle: LifeCycle, vm_builder: VmBuilder
    ) -> None:
        self._pools = pools
        self._release = release
        self._lifecycle = lifecycle
        self._vm_builder = vm_builder

    def create(
        self,
        source: Template,
        origin: VmTemplate | None = None,
        *,
        name: str,
        owner: User,
        hold: bool = False,
    ) -> Vm:
        """Return a new VM of the template *source*, which was made from *origin*, if from any."""
        vm_id = max(self._pools.vms, default=-1) + 1
        template, user_template = self._vm_builder.split_template(
            source, vm_id, origin.id if origin else None, owner.id
        )
        vm = Vm(
            id=vm_id,
            uid=owner.id,
            gid=owner.group.id,
            uname=owner.name,
            gname=owner.group.name,
            name=name or f"{origin.name if origin else 'one'}-{vm_id}",
            stime=self._pools.now(),
            template=template,
            user_template=user_template,
            state=State(VmState.HOLD if hold else VmState.PENDING),
        )
        if self._pools.expands_context and template.vector("CONTEXT"):
            self._vm_builder.expand_context(vm, owner)
        self._note_import(vm)
        self._pools.vms[vm_id] = vm
        self._pools.clock.lock.notify_all()
        return vm

    def deploy(self, vm: Vm, host: Host) -> None:
        """Deploy *vm* on *host*."""
        if vm.state not in DEPLOYABLE:
            raise wrong_state_error("deploy", vm)
        public = is_public_cloud(host) and self._release.public_cloud
        tm_mad = "" if public else "dummy"
        store = PUBLIC_CLOUD_DATASTORE if public else DATASTORE
        last = vm.history[-1].action if vm.history else 0
        now = self._pools.now()
        record = HistoryRecord(host.name, host.id, now, store, vm_mad=host.vm_mad, tm_mad=tm_mad)
        record.pstime = record.petime = record.rstime = now
        vm.history.append(record)
        if tm_mad:
            vm.template = remove(vm.template, "TM_MAD_SYSTEM")
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
            raise Refusal(ErrorCode.ACTION, f'Action "{action}" is not supported')
        step = OPERATIONS[action].get(vm.state)
        if step is None and action.startswith("terminate") and vm.state in RETRY:
            self._lifecycle.clean_up(vm, recreate=False)
        elif step is None or (step.cancel and not self._release.stream_driver):
            raise wrong_state_error(action, vm)
        else:
            self._lifecycle.do(vm, step)

    def recover(self, vm: Vm, operation: int) -> None:
        """Do ``one.vm.recover``.

        0 failure, 1 success, 2 retry, 3 delete, 4 recreate, 5 delete-db.
        """
        if operation == 5:
            self._lifecycle.move(vm, State(VmState.DONE))
            return
        if operation in (3, 4):
            self._lifecycle.clean_up(vm, recreate=operation == 4)
            return
        if vm.state.state != VmState.ACTIVE:
            raise Refusal(
                ErrorCode.ACTION,
                f"Could not perform a recover operation on VM {vm.id}, wrong state {vm.state}.",
            )
        if operation == 2:
            if step := RETRY.get(vm.state):
                self._lifecycle.do(vm, step)
            return
        self._answer_for_driver(vm, success=operation == 1)

    def _note_import(self, vm: Vm) -> None:
        """Import a running VM if the template has a deploy id."""
        name = "DEPLOY_ID" if self._release.monitord else "IMPORT_VM_ID"
        deploy_id = vm.user_template.text(name)
        if not deploy_id:
            return
        if self._pools.find_imported(deploy_id):
            text = f"Virtual Machine {deploy_id} already imported."
            raise Refusal(ErrorCode.ALLOCATE, text)
        vm.deploy_id = deploy_id
        vm.user_template = remove(vm.user_template, name)
        vm.template.add("IMPORTED", "YES")
        vm.state = State(VmState.HOLD)

    def _answer_for_driver(self, vm: Vm, *, success: bool) -> None:
        """Do what the answer does that the VM waits for."""
        lcm = LcmState(vm.state.lcm_state)
        if vm.state == UNKNOWN:
            self._lifecycle.move(vm, RUNNING)
        elif lcm == LcmState.HOTPLUG_SNAPSHOT:
            marked = [s for s in vm.template.vectors("SNAPSHOT") if "ACTIVE" in s]
            self._lifecycle.take_answer(vm, f"SNAPSHOT{marked[0]['ACTION']}", success=success)
        elif action := RECOVERED_ACTIONS.get(lcm):
            if success and action == "DEPLOY" and not vm.deploy_id:
                vm.deploy_id = f"one-{vm.id}"
            self._lifecycle.take_answer(vm, action, success=success)


def wrong_state_error(action: str, vm: Vm) -> Refusal:
    """Return the refusal of an action that the state of *vm* does not allow."""
    return Refusal(
        ErrorCode.ACTION,
        f'Error performing action "{action}": This action is not available for state {vm.state}',
    )
