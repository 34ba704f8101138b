"""A simulated front-end with the real drivers, and the remote that is tried."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from one2one.admin.demo.clouds import Account, DemoClouds, open_clouds
from one2one.admin.demo.lifecycle import perform
from one2one.admin.verify.cleanup import end_all, interruptible
from one2one.admin.verify.remote.relay import Relay
from one2one.hybrid.naming import parse_deploy_id, read_marks
from one2one.opennebula.states import State, VmState
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.frontend.handles import LocalVm
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings

_PADDING = "x" * (24 << 10)
"""It makes the call that creates a VM longer than any other."""
_LOOK_S = 0.5
_FRONT_END = "6.10"
"""The release of the simulated front-end. The calls to the remote do not depend on it."""
_PERIODS = MonitoringSettings(timer=5, beacon_host=5, monitor_host=10, state_vm=2, monitor_vm=5)
_LOOKS_AFTER_AN_INTERRUPTION = 3
_AT_REST = frozenset({"RUNNING", "UNKNOWN", "POWEROFF", "SUSPENDED", "STOPPED", "UNDEPLOYED"})


@dataclass
class Trial:
    """What the checks work with."""

    sides: DemoClouds
    relay: Relay
    account: Account
    patience: float
    """Seconds that an operation may take."""
    works: bool = False
    """Whether a VM could be made there."""
    left: list[int] | None = None
    """The remote VMs that live at the end, None if the remote cannot be read."""

    @contextmanager
    def vm(self, **context: str) -> Iterator[LocalVm]:
        """Give a local VM, PENDING, and end it afterwards, unless the trial is interrupted."""
        template: dict[str, str | dict[str, str]] = {
            "CPU": "0.1",
            "MEMORY": "128",
            "CONTEXT": {**context, "ONE2ONE_PADDING": _PADDING},
            "PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": str(self.sides.template_id)},
        }
        vm = self.sides.frontend.add_vm(template)
        try:
            yield vm
        except Exception:
            self._end(vm)
            raise
        self._end(vm)

    def perform(self, vm: LocalVm, operation: str, state: str) -> str:
        """Do an operation until both sides are in *state*; return why they are not."""
        before = vm.deploy_id
        problem = perform(vm, operation, state, self.sides, patience=self.patience)
        if problem or not vm.deploy_id or state == "PENDING":
            return problem
        if operation not in ("deploy", "recover-retry") and vm.deploy_id != before:
            return f"{before} became {vm.deploy_id}"
        return self.wait_remote(parse_deploy_id(vm.deploy_id), state)

    def wait_remote(self, vm_id: int, state: str) -> str:
        """Wait until a remote VM is in *state*; return why it is not, else nothing."""
        deadline = time.monotonic() + self.patience
        while (now := self._state(vm_id)) != state:
            if time.monotonic() > deadline:
                return f"remote VM {vm_id} is {now} after {self.patience:g} s, not {state}"
            time.sleep(_LOOK_S)
        return ""

    def wait_local(self, vm: LocalVm, state: str) -> bool:
        """Wait until a local VM is in *state*; tell whether it is."""
        return self.sides.frontend.pools.wait_for(lambda: vm.state == state, self.patience)

    def list_made_for(self, vm: LocalVm) -> list[int]:
        """Return the remote VMs that live and carry a local VM's marks."""
        return [
            one.id
            for one in self.sides.remote.list_whole_vms()
            if (marks := read_marks(one))
            and (marks.hybrid_id, marks.vm_id) == (self.sides.hybrid_id, vm.id)
            and one.state.state != VmState.DONE
        ]

    def _state(self, vm_id: int) -> str:
        """Return a remote VM's state; before 5.12 a listing leaves out what is DONE."""
        return str(self.sides.states([vm_id]).get(vm_id, State(VmState.DONE)))

    def _end(self, vm: LocalVm) -> None:
        with suppress(Refusal):
            if vm.state in _AT_REST:
                vm.act("terminate-hard")
            elif vm.state != "DONE":
                vm.recover("delete")
        self.wait_local(vm, "DONE")


@contextmanager
def open_trial(account: Account, patience: float) -> Iterator[Trial]:
    """Give what the checks work with, and leave nothing behind, whatever ends them.

    Raises the errors of the first calls, before anything is made.
    """
    with interruptible() as deafen, Relay(account.endpoint, account.proxy) as relay:
        attributes = relay.attributes | {"ONE_SHUTDOWN_TIMEOUT": f"{patience:g}"}
        trial = None
        looks = _LOOKS_AFTER_AN_INTERRUPTION
        try:
            with open_clouds(
                _FRONT_END, account, monitoring=_PERIODS, attributes=attributes
            ) as sides:
                trial = Trial(sides, relay, account, patience)
                try:
                    yield trial
                    looks = 1
                finally:
                    deafen()
        finally:
            # The drivers have ended: they make no more VMs.
            if trial is not None:
                trial.left = _end_remote_vms(trial, looks)


def _end_remote_vms(trial: Trial, looks: int) -> list[int] | None:
    remote = trial.sides.remote
    try:
        return end_all(remote, trial.sides.list_left_vms, trial.patience, looks=looks)
    finally:
        remote.close()
