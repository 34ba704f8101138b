"""Moves local VMs to the states that the monitoring reports.

Source: ``src/im/InformationManager.cc`` (since 5.12), ``VirtualMachineManagerDriver.cc`` (until
5.10), ``LifeCycleManager::trigger_monitor_*``.
"""

from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.frontend.oned.lifecycle import LifeCycle
from opennebula_sandbox.frontend.oned.operations import UNKNOWN, Transition, active
from opennebula_sandbox.frontend.oned.pools import Pools
from opennebula_sandbox.frontend.oned.reactions import BOOTING, SHUTTING_DOWN
from opennebula_sandbox.frontend.release import Release

_MONITOR_ACTION = 44
_GUARD_SECONDS = 30
_UP = (RUNNING, UNKNOWN)
_MISSED = (*_UP, *(active(lcm) for lcm in SHUTTING_DOWN))
"""States of VMs that must be in a full report."""


class VmReports:
    """Updates VMs from reports."""

    def __init__(self, pools: Pools, release: Release, lifecycle: LifeCycle) -> None:
        self._pools = pools
        self._release = release
        self._lifecycle = lifecycle

    def take_report(self, vm: Vm, state: str) -> None:
        """Take a report about *vm*: RUNNING, POWEROFF, SUSPENDED or FAILURE."""
        if self._release.version >= (7, 0) and self._has_moved_recently(vm, started=True):
            self._log(vm, "Ignoring VM state update", "VMM")
            return
        match state:
            case "RUNNING":
                self._take_running(vm)
            case "POWEROFF":
                self._take_poweroff(vm)
            case "SUSPENDED" if vm.state in _UP:
                self._log(vm, "Polling reports that the VM is suspended.", "LCM")
                self._stop(vm, LcmState.SAVE_SUSPEND, VmState.SUSPENDED)
            case "FAILURE" if vm.state in _UP:
                self._log(vm, "VM running but monitor state is ERROR.", "VMM")
                self.lose_sight(vm)

    def take_absence(self, vm: Vm, state: str) -> None:
        """Take a full report without *vm*; *state* is its MISSING_STATE."""
        if vm.state in _MISSED:
            if state == "UNKNOWN":
                self.lose_sight(vm)
            else:
                self._take_poweroff(vm)

    def lose_sight(self, vm: Vm) -> None:
        """Put *vm* into UNKNOWN if it runs."""
        if vm.state == RUNNING:
            vm.resched = 0
            self._lifecycle.move(vm, UNKNOWN)

    def _take_running(self, vm: Vm) -> None:
        at_rest = [State(VmState.POWEROFF)]
        if self._release.monitord:
            at_rest.append(State(VmState.SUSPENDED))
        if vm.state in at_rest:
            if self._release.version >= (6, 4) and self._has_moved_recently(vm):
                self._log(vm, "Ignoring VM state update", "VMM")
                return
            self._log(vm, "VM found again by the drivers", "VMM")
            self._lifecycle.do(vm, Transition(RUNNING, renew=True))
        elif vm.state == UNKNOWN:
            self._log(vm, "VM found again by the drivers", "LCM")
            self._lifecycle.move(vm, RUNNING)
        elif vm.state.lcm_state in BOOTING:
            self._log(vm, "VM reported RUNNING by the drivers", "LCM")
            self._lifecycle.take_answer(vm, "DEPLOY", success=True)

    def _take_poweroff(self, vm: Vm) -> None:
        if vm.state in _UP:
            self._log(vm, "VM running but monitor state is POWEROFF", "LCM")
            self._stop(vm, LcmState.SHUTDOWN_POWEROFF, VmState.POWEROFF)
        elif vm.state.lcm_state in SHUTTING_DOWN:
            self._log(vm, "VM reported SHUTDOWN by the drivers", "LCM")
            self._lifecycle.take_answer(vm, "SHUTDOWN", success=True)

    def _stop(self, vm: Vm, through: LcmState, state: VmState) -> None:
        vm.resched = 0
        self._lifecycle.do(vm, Transition(active(through), action=_MONITOR_ACTION))
        self._lifecycle.move(vm, State(state))

    def _has_moved_recently(self, vm: Vm, *, started: bool = False) -> bool:
        """Tell whether *vm* stopped, or *started*, after the report may have begun."""
        place, now = vm.history[-1], self._pools.now()
        times = (place.retime, place.rstime) if started else (place.retime,)
        return any(now - moment < _GUARD_SECONDS for moment in times)

    def _log(self, vm: Vm, text: str, module: str) -> None:
        self._pools.write_log(module, "I", text, vm)
