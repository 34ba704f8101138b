"""The operations with each VM of the demonstration, their times, and the cleaning up."""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from one2one.admin.demo.clouds import DemoClouds
from one2one.hybrid import naming
from one2one.opennebula.errors import OneError
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.frontend.handles import LocalVm

LIFE = (
    ("deploy", "RUNNING"),
    ("suspend", "SUSPENDED"),
    ("resume", "RUNNING"),
    ("poweroff", "POWEROFF"),
    ("resume", "RUNNING"),
    ("reboot", "RUNNING"),
    ("undeploy", "UNDEPLOYED"),
    ("redeploy", "RUNNING"),
    ("terminate", "DONE"),
)
"""Each operation, and the state that it leads to."""

_REBOOTED = ("accepted reboot", "successfully rebooted", "operation: reboot.")
"""A reboot in the VM's log: by our driver, by oned up to 5.12, or by OpenNebula's shell."""
_RECOVER = "recover-"
_ERROR = "][E]: "
"""The mark of an error in the VM's log."""
_SETTLED = frozenset(
    {"PENDING", "RUNNING", "POWEROFF", "SUSPENDED", "UNDEPLOYED", "BOOT_FAILURE", "DONE"}
)
_OPERATION_S = 900.0
_CLEAN_UP_S = 120.0


@dataclass
class Progress:
    """One VM, and how far it is."""

    vm: LocalVm
    operation: str = ""
    since: float = 0.0
    """When the operation began, by ``time.monotonic()``."""
    seconds: list[tuple[str, float]] = field(default_factory=list)
    """Each operation that succeeded, and how long it took."""
    failure: str = ""

    @property
    def remote_id(self) -> int | None:
        """The remote VM's id, None before there is one."""
        return naming.parse_deploy_id(self.vm.deploy_id) if self.vm.deploy_id else None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be done."""
        return bool(self.failure) or len(self.seconds) == len(LIFE)


def live(progress: Progress, sides: DemoClouds, stopped: threading.Event) -> None:
    """Do all operations with one VM, until one fails or *stopped* is set."""
    for operation, state in LIFE:
        progress.operation, progress.since = operation, time.monotonic()
        failure = perform(progress.vm, operation, state, sides, stopped.is_set)
        if stopped.is_set():
            return
        if failure:
            progress.failure = failure
            return
        progress.seconds.append((operation, time.monotonic() - progress.since))
    progress.operation = ""


def perform(
    vm: LocalVm,
    operation: str,
    state: str,
    sides: DemoClouds,
    stopped: Callable[[], bool] = lambda: False,
    patience: float = _OPERATION_S,
) -> str:
    """Do an operation and wait until the VM is in *state*; return why it is not, or nothing."""
    begun = len(vm.log)

    def has_failed() -> bool:
        return any(_ERROR in line for line in vm.log[begun:])

    def has_arrived() -> bool:
        rebooted = any(said in line for said in _REBOOTED for line in vm.log[begun:])
        return vm.state == state and (rebooted or not operation.startswith("reboot"))

    try:
        _do(vm, operation, sides)
    except Refusal as refusal:
        return str(refusal)
    sides.frontend.pools.wait_for(lambda: stopped() or has_failed() or has_arrived(), patience)
    if has_failed():
        return vm.error or next(line for line in reversed(vm.log) if _ERROR in line)
    return "" if has_arrived() else f"is still {vm.state} after {patience:g} s"


def _do(vm: LocalVm, operation: str, sides: DemoClouds) -> None:
    if operation == "redeploy":
        vm.act("resume")
    if operation in ("deploy", "redeploy"):
        vm.deploy(sides.host)
    elif operation.startswith(_RECOVER):
        vm.recover(operation.removeprefix(_RECOVER))
    else:
        vm.act(operation)


def clean_up(sides: DemoClouds, vms: Collection[LocalVm]) -> list[int]:
    """End every VM on both sides; return the remote VMs that could not be ended."""
    for vm in vms:
        _wait(sides, vm, _SETTLED)
        try:
            vm.recover("delete") if vm.state.endswith("FAILURE") else vm.act("terminate-hard")
        except Refusal:  # it ended meanwhile, or what remains of it is found below
            continue
    for vm in vms:
        _wait(sides, vm, {"DONE"})
    for remote_id in sides.list_left_vms():
        try:
            sides.remote.vm_action("terminate-hard", remote_id)
        except OneError:  # it ended meanwhile, or is told
            continue
    return _wait_until_gone(sides, _CLEAN_UP_S)


def _wait(sides: DemoClouds, vm: LocalVm, states: Collection[str]) -> None:
    sides.frontend.pools.wait_for(lambda: vm.state in states, _CLEAN_UP_S)


def _wait_until_gone(sides: DemoClouds, seconds: float) -> list[int]:
    deadline = time.monotonic() + seconds
    while (left := sides.list_left_vms()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left
