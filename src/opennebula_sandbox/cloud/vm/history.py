"""Keeps HISTORY_RECORDS: one record for each time that a VM is on a host.

Recorded clouds show: every deployment, resume and hot-plug begins a record; the step that ends
a stay closes its record and writes the action into it.
"""

from dataclasses import replace

from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from opennebula_sandbox.cloud.objects import HistoryRecord, Host, Vm
from opennebula_sandbox.cloud.profile import Profile

ACTIONS = {
    "undeploy": 5,
    "undeploy-hard": 6,
    "stop": 9,
    "suspend": 10,
    "poweroff": 19,
    "poweroff-hard": 20,
    "disk-attach": 21,
    "disk-detach": 22,
    "nic-attach": 23,
    "nic-detach": 24,
    "terminate": 27,
    "terminate-hard": 28,
    "disk-resize": 29,
}
"""The VMActions that end a stay."""

HOTPLUG_ACTIONS = frozenset(
    ACTIONS[action]
    for action in ("disk-attach", "disk-detach", "disk-resize", "nic-attach", "nic-detach")
)

_PROLOGS = {LcmState.PROLOG, LcmState.PROLOG_UNDEPLOY, LcmState.PROLOG_RESUME}
_BOOTS = {LcmState.BOOT, LcmState.BOOT_UNDEPLOY, LcmState.BOOT_STOPPED}
_REBOOTS = {LcmState.BOOT_SUSPENDED, LcmState.BOOT_POWEROFF, LcmState.BOOT_UNKNOWN}
_EPILOGS = {LcmState.EPILOG, LcmState.EPILOG_STOP, LcmState.EPILOG_UNDEPLOY}
_PAUSES = {VmState.SUSPENDED, VmState.POWEROFF}
_ENDS = {VmState.STOPPED, VmState.UNDEPLOYED, VmState.DONE}


def record_state(vm: Vm, state: State, now: int, host: Host, profile: Profile) -> None:
    """Update the history of *vm*, which enters *state*; a new stay is on *host*."""
    if state.state == VmState.ACTIVE:
        _enter_active(vm, state.lcm_state, now, host)
    elif state.state in _PAUSES and vm.history:
        _stop_running(vm.history[-1], now)
        if not profile.newer_body:
            vm.history[-1].etime = now
    elif state.state in _ENDS and vm.history:
        record = vm.history[-1]
        _stop_running(record, now)
        record.etime = now
        if record.estime and not record.eetime:
            record.eetime = now
    if state.state == VmState.DONE:
        vm.etime = now


def sign_record(vm: Vm, action: str, uid: int, gid: int, request_id: int) -> None:
    """Write into the last record of *vm* who ends the stay, and with which action."""
    if vm.history and action in ACTIONS:
        record = vm.history[-1]
        record.action, record.uid, record.gid, record.request_id = (
            ACTIONS[action],
            uid,
            gid,
            request_id,
        )


def split_record(vm: Vm, now: int) -> None:
    """Begin a new record on the same host, as a hot-plug does."""
    if vm.history:
        _stop_running(vm.history[-1], now)
        _continue(vm, now, running=vm.state == RUNNING)


def read_previous_state(vm: Vm) -> VmState:
    """Return the state of a PENDING *vm* before: STOPPED, UNDEPLOYED, or PENDING if it is new."""
    match vm.history[-1].action if vm.history else 0:
        case 9:
            return VmState.STOPPED
        case 5 | 6:
            return VmState.UNDEPLOYED
        case _:
            return VmState.PENDING


def _enter_active(vm: Vm, lcm: int, now: int, host: Host) -> None:
    if lcm in _PROLOGS:
        vm.history.append(HistoryRecord(host.name, host.id, stime=now, pstime=now))
    elif lcm in _BOOTS:
        record = vm.history[-1]
        record.petime = record.rstime = now
    elif lcm in _REBOOTS:
        _continue(vm, now, running=True)
    elif lcm in _EPILOGS and vm.history:
        _stop_running(vm.history[-1], now)
        vm.history[-1].estime = now
    elif lcm == LcmState.RUNNING and vm.history and not vm.deploy_id:
        vm.deploy_id = f"{vm.history[-1].host_name}:{vm.name}:dummy"


def _continue(vm: Vm, now: int, *, running: bool) -> None:
    vm.history[-1].etime = vm.history[-1].etime or now
    fresh = HistoryRecord(vm.history[-1].host_name, vm.history[-1].host_id, stime=now)
    vm.history.append(replace(fresh, rstime=now if running else 0))


def _stop_running(record: HistoryRecord, now: int) -> None:
    if record.rstime and not record.retime:
        record.retime = now
