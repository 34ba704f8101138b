"""What a local VM's deploy id names and its remote VM's marks deny is left alone, everywhere."""

from collections.abc import Callable

import pytest

from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import GUARD_S, PAIRS, STATES, Burst, burst, monitoring_settings

ATTEMPTS = (
    *("suspend", "stop", "poweroff", "undeploy"),
    *("reboot", "reboot-hard", "poweroff-hard", "terminate-hard"),
)
"""What a user may ask for while his VM runs."""


def steal(both: Burst, thief: LocalVm, victim: LocalVm) -> None:
    """Have a local VM name another's remote VM, as after a restored database."""
    with both.frontend.clock.lock:
        both.frontend.pools.find_vm(thief.id).deploy_id = victim.deploy_id


def list_actions(both: Burst, vm: LocalVm) -> list[str]:
    """Return what was asked of a VM's remote VM."""
    return [
        str(call.arguments[0])
        for call in both.cloud.calls
        if call.method == "one.vm.action" and call.arguments[1] == both.remote_id(vm)
    ]


def has_failures(both: Burst, vm: LocalVm, number: int) -> Callable[[], bool]:
    """Return what tells whether oned was answered FAILURE so often."""
    words = f"FAILURE {vm.id} remote VM"
    return lambda: sum(words in line for line in both.frontend.log) >= number


@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_no_action_reaches_the_vm_of_another(generation: str, way: str) -> None:
    with burst(generation, way) as both:
        victim, thief = both.run_vm(), both.run_vm()
        own = both.remote_id(thief)
        both.cloud.calls.clear()
        steal(both, thief, victim)
        for number, action in enumerate(ATTEMPTS, 1):
            thief.act(action)
            assert both.frontend.pools.wait_for(has_failures(both, thief, number), 30), action
            thief.wait("RUNNING")
        assert f"remote VM {both.remote_id(victim)} is not VM {thief.id}'s" in thief.error
        assert list_actions(both, victim) == []
        thief.recover("delete")
        thief.wait("DONE")
        assert both.cloud.wait_for(own, STATES["DONE"]), "what its marks tell is destroyed"
        assert both.alive() == [both.remote_id(victim)]


def test_a_vm_that_is_off_does_not_start_that_of_another() -> None:
    with burst() as both:
        victim, thief = both.run_vm(), both.run_vm()
        for vm in (victim, thief):
            vm.act("suspend")
            vm.wait("SUSPENDED")
        steal(both, thief, victim)
        both.cloud.calls.clear()
        thief.act("resume")
        thief.wait("SUSPENDED")
        thief.wait_for_log(f"is not VM {thief.id}'s")
        assert list_actions(both, victim) == []


@pytest.mark.parametrize(
    ("generation", "way"), [("5.10", "scripts"), ("6.10", "resident"), ("7.2", "resident")]
)
def test_no_user_sees_the_vm_of_another(generation: str, way: str) -> None:
    with burst(generation, way, monitoring=monitoring_settings(generation)) as both:
        victim, thief = both.run_vm(), both.run_vm()
        steal(both, thief, victim)
        told = f"remote VM {both.remote_id(victim)} is not VM {thief.id}'s"
        own = both.frontend.home.var / "one2one.log"

        def is_told() -> bool:
            lines = list(both.frontend.log)
            if way == "scripts" and own.exists():
                lines += own.read_text().splitlines()
            return any(told in line for line in lines)

        assert both.frontend.pools.wait_for(is_told, 30)
        both.frontend.clock.jump(GUARD_S)
        both.cloud.act(both.remote_id(victim), "poweroff")
        victim.wait("POWEROFF")
        both.rounds(2)
        assert thief.state == "RUNNING"
        assert thief.monitoring.text("REMOTE_VM_ID") != str(both.remote_id(victim))


def test_a_guest_that_passes_its_vm_off_as_another_is_not_taken_over() -> None:
    with burst() as both:
        guest, vm = both.run_vm(), both.vm()
        cheat = both.cloud.vms[both.remote_id(guest)]
        stime = both.frontend.pools.find_vm(vm.id).stime
        forged = f'REMOTE_OPENNEBULA_VM_ID="{vm.id}"\nONE_HYBRID_STAY="{stime}.0"'
        both.cloud.call("one.vm.update", cheat.id, forged, 1)
        both.cloud.call("one.vm.rename", cheat.id, f"remote-opennebula-{vm.id}")
        vm.deploy(both.host)
        vm.wait("RUNNING")
        assert both.remote_id(vm) != cheat.id
        vm.wait_for_log(f"Remote VM {cheat.id} has this VM's marks, but is VM {guest.id}'s")
