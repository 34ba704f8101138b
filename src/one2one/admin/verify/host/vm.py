"""A local VM of a trial and its remote VM: what is asked of the one, and seen of both."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from one2one.admin.verify.life import CONTEXT
from one2one.admin.verify.steps import Step
from one2one.driver.local import LocalCloud
from one2one.hybrid.naming import HYBRID_ID, find_remote_id, read_marks
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.errors import NotFound, Refused
from one2one.opennebula.handover import Recovery, deploy_vm, recover_vm
from one2one.opennebula.records import Vm
from one2one.opennebula.states import FAILURES, VmState
from one2one.opennebula.template import Template, Vector

_RECOVERIES = {"recover-delete": Recovery.DELETE, "recover-recreate": Recovery.RECREATE}
_LOOK_S = 0.2
_SCHEDULER_S = 60.0
"""How long a scheduler may take: in 7.x it would write an error if something else is first."""
_REBOOT_S = 3.0
"""For how long a VM that was rebooted is watched: only an error shows that it was not."""


@dataclass(frozen=True)
class Watch:
    """How long both sides of a VM are looked at."""

    patience: float
    """Seconds that an operation may take."""
    later: float
    """Seconds after which both sides are looked at again."""


@dataclass(frozen=True)
class Look:
    """Both sides at one moment."""

    local: Vm
    remote: Vm | None
    """None where there is none yet, or any more."""

    def are_both(self, state: str) -> bool:
        """Tell whether both VMs are in *state*."""
        return str(self.local.state) == state == self.remote_state

    @property
    def remote_state(self) -> str:
        """The remote VM's state; a VM that is not there is DONE."""
        return str(self.remote.state) if self.remote else "DONE"

    def __str__(self) -> str:
        """Return both states for people."""
        there = f"remote VM {self.remote.id} {self.remote_state}" if self.remote else "none there"
        return f"VM {self.local.id} is {self.local.state}, {there}"


class HybridVm:
    """A local VM on a hybrid host, and its remote VM."""

    def __init__(
        self, local: LocalCloud, remote: Cloud, host_id: int, vm_id: int, watch: Watch
    ) -> None:
        self._local = local
        self._remote = remote
        self._host_id = host_id
        self._watch = watch
        self.id = vm_id

    @property
    def state(self) -> str:
        """The local VM's state; one that is made is kept from the scheduler by HOLD."""
        state = str(self.read().state)
        return "PENDING" if state == "HOLD" else state

    @property
    def monitoring(self) -> Template:
        """What the local cloud knows of its usage."""
        return self.read().monitoring

    def read(self) -> Vm:
        """Return the local VM."""
        return self._local.get_vm(self.id)

    def look(self) -> Look:
        """Return both sides now, the local one first."""
        local = self.read()
        number = find_remote_id(local.deploy_id)
        if number is None:
            return Look(local, None)
        try:
            return Look(local, self._remote.get_vm(number))
        except NotFound:
            return Look(local, None)

    def perform(self, step: Step) -> str:
        """Do an operation until both VMs are in its state; return why they are not."""
        before = self.read()
        try:
            self.ask(step.operation)
        except Refused as error:
            return error.cause
        replaced = before.deploy_id if step.operation == "recover-recreate" else None
        problem = self.wait(step.state, before, replaced)
        if problem or step.state == "DONE":
            return problem
        is_reboot = step.operation.startswith("reboot")
        now = self._look_later(_REBOOT_S if is_reboot else 0.0)
        if replaced is None and before.deploy_id not in ("", now.local.deploy_id):
            return f"{before.deploy_id} became {now.local.deploy_id}"
        if is_reboot and (failed := find_new_error(now.local, before)):
            return failed
        return "" if now.are_both(step.state) else f"later, {now}, not {step.state}"

    def ask(self, operation: str) -> None:
        """Ask the local cloud for an operation; raises the errors of a call."""
        if operation in ("deploy", "redeploy"):
            deploy_vm(self._local.cloud, self.id, self._host_id)
        elif operation in _RECOVERIES:
            recover_vm(self._local.cloud, self.id, _RECOVERIES[operation])
        else:
            self._local.cloud.vm_action(operation, self.id)

    def wait(self, state: str, before: Vm, replaced: str | None = None) -> str:
        """Wait until both VMs are in *state*; return why they are not.

        *before* is the local VM before the operation. Where a VM was recreated, *replaced* is its
        former deploy id. The scheduler should deploy it again; if it does not, this does.
        """
        deadline = time.monotonic() + self._watch.patience
        to_deploy = deadline - max(self._watch.patience / 2, self._watch.patience - _SCHEDULER_S)
        while True:
            now = self.look()
            if now.are_both(state) and now.local.deploy_id != replaced:
                return ""
            if replaced and time.monotonic() > to_deploy and self.state == "PENDING":
                self._deploy_again()
            if _has_failed(now.local, before):
                return find_new_error(now.local, before) or str(now)
            if time.monotonic() > deadline:
                return f"{now} after {self._watch.patience:g} s, not {state}"
            time.sleep(_LOOK_S)

    def read_contexts(self) -> tuple[Vector, Vector]:
        """Return the local CONTEXT, and the remote VM's."""
        now = self.look()
        there = now.remote.template.vector("CONTEXT") if now.remote else {}
        return now.local.template.vector("CONTEXT"), there

    def cut_off_there(self) -> str:
        """Power the remote VM off, by its own cloud; return why this is not seen here."""
        before = self.look()
        if before.remote is None:
            return str(before)
        self._remote.vm_action("poweroff-hard", before.remote.id)
        return self.wait("POWEROFF", before.local)

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait at most so many seconds; return the condition's last result."""
        deadline = time.monotonic() + min(seconds, self._watch.patience)
        while not (found := condition()) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        return found

    def list_remote_vms(self) -> list[int]:
        """Return the remote VMs that live and are marked as this VM's."""
        hybrid_id = self._local.cloud.get_host(self._host_id).template.text(HYBRID_ID)
        return [
            vm.id
            for vm in self._remote.list_whole_vms()
            if (marks := read_marks(vm))
            and (marks.hybrid_id, marks.vm_id) == (hybrid_id, self.id)
            and vm.state.state != VmState.DONE
        ]

    def _deploy_again(self) -> None:
        try:
            self.ask("deploy")
        except Refused:  # the scheduler was first
            return

    def _look_later(self, least: float) -> Look:
        time.sleep(max(self._watch.later, least))
        return self.look()


def build_context(template: Template) -> Vector:
    """Return a template's CONTEXT with the values of the trial in it.

    A real oned expands variables, and refuses any other ``$``.
    """
    return {**template.vector("CONTEXT"), **CONTEXT, "ONE2ONE_MONEY": "$NAME costs 5"}


def _has_failed(local: Vm, before: Vm) -> bool:
    """Tell whether an operation has ended without reaching its state."""
    if local.state.state == VmState.ACTIVE and local.state.lcm_state in FAILURES:
        return True
    return local.state == before.state and bool(find_new_error(local, before))


def find_new_error(local: Vm, before: Vm) -> str:
    """Return the local VM's ERROR, without its time, unless it had that before."""
    error = local.user_template.text("ERROR")
    if error == before.user_template.text("ERROR"):
        return ""
    return error.partition(" : ")[2] or error
