"""oned's life-cycle manager: moves VMs from state to state, and sends messages to the driver.

The tables in ``operations`` and ``reactions`` have the next states. This module does the
transitions: logs, times of the history record, messages. Callers hold ``pools.clock.lock``.
"""

from collections.abc import Callable

from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.accounts import ONEADMIN
from opennebula_sandbox.cloud.merging import remove
from opennebula_sandbox.cloud.objects import HistoryRecord, Vm
from opennebula_sandbox.frontend.oned.device_flags import clear_flags, settle_device
from opennebula_sandbox.frontend.oned.operations import (
    NOWHERE,
    RESTING,
    RESUMED,
    Transition,
    active,
)
from opennebula_sandbox.frontend.oned.pools import Pools, occupies
from opennebula_sandbox.frontend.oned.reactions import POLLED_AFTER_FAILURE, REACTIONS, SETTLED
from opennebula_sandbox.frontend.oned.vm_builder import forget_network
from opennebula_sandbox.frontend.release import Release

Send = Callable[[str, Vm], None]
"""Sends the driver an action about a VM in its current state."""

_DELETED, _RECREATED = 13, 14
_ENDS_RUN = (
    LcmState.EPILOG,
    LcmState.EPILOG_STOP,
    LcmState.EPILOG_UNDEPLOY,
    LcmState.CLEANUP_RESUBMIT,
    LcmState.CLEANUP_DELETE,
)


class LifeCycle:
    """Moves VMs from state to state."""

    def __init__(self, pools: Pools, release: Release, send: Send) -> None:
        self._pools = pools
        self._release = release
        self._send = send
        self._requests = 0

    def do(self, vm: Vm, transition: Transition) -> None:
        """Do the *transition* that a user asked for."""
        if transition.cancel:
            self._send("DRIVER_CANCEL", vm)
        if transition.renew:
            self._begin_record(vm, transition.action)
        elif transition.action and vm.history:
            self._sign(vm.history[-1], transition.action)
        if transition.to is not None:
            self.move(vm, transition.to)
        if transition.message:
            self._send(transition.message, vm)

    def move(self, vm: Vm, state: State) -> None:
        """Put *vm* into *state*, and into the states after it that need no answer."""
        old, vm.state = vm.state, state
        if state in RESTING and not self._pools.keep_snapshots:
            vm.template = remove(vm.template, "SNAPSHOT")
        if vm.history and occupies(old) != occupies(state):
            self._pools.note_update(vm.history[-1].host_id)
        if state.state != old.state:
            self._log(vm, f"New state is {VmState(state.state).name}")
        if state.lcm_state != old.lcm_state:
            self._log(vm, f"New LCM state is {LcmState(state.lcm_state).name}")
        self._update_record(vm, old)
        self._pools.clock.lock.notify_all()
        if following := SETTLED.get(LcmState(state.lcm_state)):
            self.move(vm, following)

    def take_answer(self, vm: Vm, action: str, *, success: bool) -> None:
        """Take the answer to *action*: move the VM if its state waits for this answer."""
        reaction = REACTIONS[action]
        moves = reaction.success if success else reaction.failure
        lcm = LcmState(vm.state.lcm_state)
        vm.template = settle_device(vm.template, action, success=success)
        if action in ("ATTACHNIC", "DETACHNIC") and not vm.template.vectors("NIC"):
            forget_network(vm)
        if lcm == LcmState.MIGRATE and not success:
            vm.history.append(make_next_record(vm.history[-2], self._pools.now()))
        if lcm in moves:
            off = vm.state.state == VmState.POWEROFF
            self.move(vm, State(VmState.POWEROFF) if off else moves[lcm])
            if not success and lcm in POLLED_AFTER_FAILURE and not self._release.monitord:
                self._send("POLL", vm)
        elif moves and vm.state != RUNNING:
            result = "success" if success else "failure"
            self._log(vm, f"{action.lower()}_{result}_action, VM in a wrong state", "LCM", "E")

    def clean_up(self, vm: Vm, *, recreate: bool) -> None:
        """Remove *vm* from its host: ``onevm recover --delete`` or ``--recreate``."""
        end = State(VmState.PENDING if recreate else VmState.DONE)
        was_active = vm.state.state == VmState.ACTIVE
        if vm.state.state == VmState.DONE:
            return
        if vm.state in NOWHERE or vm.state.lcm_state == LcmState.CLEANUP_RESUBMIT:
            self.move(vm, end)
            return
        vm.template = clear_flags(vm.template)
        self._sign(vm.history[-1], _RECREATED if recreate else _DELETED)
        if was_active:
            self._send("DRIVER_CANCEL", vm)
        if recreate:
            self.move(vm, active(LcmState.CLEANUP_RESUBMIT))
            self._send("CLEANUP", vm)
            return
        if was_active:
            self.move(vm, active(LcmState.CLEANUP_DELETE))
        # Until 5.12 oned sends the message after the VM is DONE.
        early = was_active and self._release.stream_driver
        if early:
            self._send("CLEANUP", vm)
        self.move(vm, end)
        if not early and (was_active or self._release.public_cloud):
            self._send("CLEANUP", vm)

    def _begin_record(self, vm: Vm, action: int) -> None:
        """Close the history record and begin another; only a resume signs the new one."""
        now = self._pools.now()
        old, new = vm.history[-1], make_next_record(vm.history[-1], now)
        old.etime, old.retime = now, old.retime or now
        if action:
            self._sign(new if action == RESUMED else old, action)
        vm.history.append(new)

    def _sign(self, record: HistoryRecord, action: int) -> None:
        self._requests += 1
        record.action, record.request_id = action, self._requests
        record.uid = record.gid = ONEADMIN

    def _update_record(self, vm: Vm, old: State) -> None:
        """Write the time at which *vm* entered its state into the history record."""
        now, state, lcm = self._pools.now(), vm.state.state, vm.state.lcm_state
        if state == VmState.DONE:
            vm.etime = now
        elif state == VmState.PENDING and old.lcm_state == LcmState.CLEANUP_RESUBMIT:
            vm.deploy_id, vm.last_poll = "", 0
        if not vm.history:
            return
        place = vm.history[-1]
        if vm.state == RUNNING:
            place.action = 0
            place.uid = place.gid = place.request_id = -1
            place.etime = place.retime = 0
        elif old.lcm_state in SETTLED:
            place.etime = place.eetime = now
        elif lcm in _ENDS_RUN or vm.state in RESTING:
            self._stop_running(vm, now)
        if lcm in (LcmState.CLEANUP_RESUBMIT, LcmState.CLEANUP_DELETE):
            place.etime = now
            vm.last_poll = 0 if self._release.monitord else now

    def _stop_running(self, vm: Vm, now: int) -> None:
        place = vm.history[-1]
        place.retime = place.retime or now
        if vm.state.lcm_state in SETTLED:
            place.estime = now
        if not self._release.monitord:
            vm.monitoring = Template([("CPU", "0.0"), ("MEMORY", "0")])

    def _log(self, vm: Vm, text: str, module: str = "VM", severity: str = "I") -> None:
        self._pools.write_log(module, severity, text, vm)


def make_next_record(record: HistoryRecord, now: int) -> HistoryRecord:
    """Return a new record with the same host and datastore."""
    return HistoryRecord(
        record.host_name,
        record.host_id,
        now,
        record.datastore_id,
        vm_mad=record.vm_mad,
        tm_mad=record.tm_mad,
        rstime=now,
    )
