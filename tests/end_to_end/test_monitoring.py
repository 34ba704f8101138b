"""The local cloud shows what the remote cloud says: by a real driver, on every generation."""

import pytest

from one2one.hybrid.mirror import BY_LCM_STATE, BY_STATE, Report
from one2one.opennebula.states import LcmState, State, VmState
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import GUARD_S, PAIRS, Burst, burst, monitoring_settings

BY_HAND = [
    [("suspend", "SUSPENDED"), ("resume", "RUNNING"), ("terminate", "POWEROFF")],
    [("poweroff", "POWEROFF"), ("resume", "RUNNING"), ("lost", "UNKNOWN")],
    [("undeploy", "POWEROFF"), ("resume", "RUNNING"), ("terminate-hard", "POWEROFF")],
    [("stop", "SUSPENDED"), ("resume", "RUNNING"), ("reboot", "RUNNING")],
    [("lost", "UNKNOWN"), ("resume", "RUNNING"), ("poweroff-hard", "POWEROFF")],
]
"""What the remote user does with each of several VMs, and what becomes of it here."""
BECOMES = {
    Report.RUNNING: "RUNNING",
    Report.POWEROFF: "POWEROFF",
    Report.SUSPENDED: "SUSPENDED",
    Report.FAILURE: "UNKNOWN",
    Report.SILENCE: "RUNNING",
}
REPORTS = {State(state): report for state, report in BY_STATE.items()} | {
    State(VmState.ACTIVE, lcm): report for lcm, report in BY_LCM_STATE.items()
}


def by_hand(both: Burst, vm: LocalVm, action: str) -> None:
    """Do *action* with the remote VM, in the remote cloud."""
    remote_id = both.remote_id(vm)
    if action != "lost":
        both.cloud.act(remote_id, action)
        return
    with both.cloud.clock.lock:  # its hypervisor lost it
        unknown = State(VmState.ACTIVE, LcmState.UNKNOWN)
        both.cloud.machine.enter(both.cloud.vms[remote_id], unknown)


@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_what_the_remote_user_does_is_seen_here(generation: str, way: str) -> None:
    with burst(generation, way, delay=0.02, monitoring=monitoring_settings(generation)) as both:
        lives = [(both.run_vm(), life) for life in BY_HAND]
        for step in range(len(BY_HAND[0])):
            both.frontend.clock.jump(GUARD_S)
            for vm, life in lives:
                suspended = vm.state == "SUSPENDED"
                by_hand(both, vm, life[step][0])
                if suspended and generation == "5.10":
                    vm.act("resume")  # only its own user can start it
            for vm, life in lives:
                vm.wait(life[step][1])
        assert both.host.state in ("MONITORED", "MONITORING_MONITORED")


@pytest.mark.parametrize("generation", ["5.10", "7.2"])
def test_every_remote_state_is_shown_as_the_page_of_states_says(generation: str) -> None:
    with burst(generation, monitoring=monitoring_settings(generation)) as both:
        vms = [both.vm() for _ in REPORTS]
        for vm in vms:
            vm.deploy(both.host)
        for vm in vms:
            vm.wait("RUNNING")
            both.wait_remote(vm, "RUNNING")
        both.rounds(2)  # the driver has read all of them
        both.cloud.machine.scheduling = False
        both.frontend.clock.jump(GUARD_S)
        with both.cloud.clock.lock:
            for vm, state in zip(vms, REPORTS, strict=True):
                both.cloud.machine.enter(both.cloud.vms[both.remote_id(vm)], state)
        both.rounds(3)
        shown = {str(state): vm.state for vm, state in zip(vms, REPORTS, strict=True)}
        assert shown == {str(state): BECOMES[report] for state, report in REPORTS.items()}
