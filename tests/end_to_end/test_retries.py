"""A remote that is away for a while: which calls are repeated, and which are not."""

from functools import partial

import pytest

from one2one.opennebula.breaker import FAILURES
from one2one.opennebula.states import LcmState, State, VmState
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.wire.delivery import Delivery
from tests.end_to_end.burst import Burst, burst

FOUR_ATTEMPTS = "-t 15 -r 3 one"


def shutting_down(both: Burst, seconds: float = 1.5) -> None:
    """Let guests take their time to power off."""
    both.cloud.machine.delays[LcmState.SHUTDOWN_POWEROFF] = seconds


def test_a_deploy_during_a_restart_of_the_remote_is_tried_again() -> None:
    with burst(arguments=FOUR_ATTEMPTS) as both:
        vm = both.vm()

        def deploy() -> None:
            vm.deploy(both.host)
            vm.wait_for_log("before the next attempt")

        both.cloud.restart(deploy)
        vm.wait("RUNNING")
        assert both.alive() == [both.remote_id(vm)]


@pytest.mark.parametrize(
    ("fault", "grpc"),
    [(faults.drop_before, False), (faults.drop_after, False), (faults.drop_after, True)],
)
def test_an_instantiate_without_an_answer_is_never_repeated(fault: Delivery, grpc: bool) -> None:
    if grpc:
        pytest.importorskip("grpc")
    with burst(arguments=FOUR_ATTEMPTS, grpc=grpc) as both:
        both.cloud.faults.on(fault, "one.template.instantiate")
        both.cloud.faults.on(faults.answer_http_error(), "one.vmpool.info", nth=2)  # search fails
        vm = both.vm()
        vm.deploy(both.host)
        vm.wait("BOOT_FAILURE")
        assert "one.template.instantiate" in vm.error
        assert both.cloud.calls.counts()["one.template.instantiate"] == 1
        vm.recover("retry")
        vm.wait("RUNNING")
        assert both.alive() == [both.remote_id(vm)]


def test_a_reboot_without_an_answer_is_not_repeated() -> None:
    with burst("5.10", arguments=FOUR_ATTEMPTS) as both:
        vm = both.run_vm()
        both.cloud.faults.on(faults.drop_after, "one.vm.action")
        vm.act("reboot")
        both.frontend.wait_for_log(f"REBOOT FAILURE {vm.id} closed without an answer")
        assert both.cloud.calls.counts()["one.vm.action"] == 1
        both.cloud.faults.on(faults.answer_http_error("503 Service Unavailable"), "one.vm.action")
        vm.act("reboot")
        both.frontend.wait_for_log(f"REBOOT SUCCESS {vm.id}")


@pytest.mark.parametrize("side", ["local", "remote"])
def test_a_vm_whose_state_cannot_be_read_is_not_unknown(side: str) -> None:
    """5.10 asks after each action that failed, and makes the VM UNKNOWN if that fails too."""
    with burst("5.10") as both:
        vm = both.run_vm()
        away = {"local": both.frontend.faults, "remote": both.cloud.faults}[side]
        away.on(faults.drop_before, times=None)
        for number in range(1, 4):
            vm.act("suspend")
            assert both.frontend.pools.wait_for(partial(has_polls, both, number), 30)
            assert vm.state == "RUNNING"


def has_polls(both: Burst, times: int) -> bool:
    return sum("POLL SUCCESS 0 STATE=-" in line for line in both.frontend.log) == times


def test_an_oned_that_was_away_is_asked_again_at_once() -> None:
    with burst() as both:
        vm = both.run_vm()
        rule = both.frontend.faults.on(faults.drop_before, times=None)
        for _ in range(2 * FAILURES):
            vm.act("suspend")
            vm.wait("RUNNING")
        both.frontend.faults.rules.remove(rule)
        vm.act("suspend")
        vm.wait("SUSPENDED")


def test_an_accepted_action_is_waited_for_while_the_remote_is_away() -> None:
    with burst() as both:
        shutting_down(both)
        vm = both.run_vm()
        both.cloud.faults.on(faults.drop_before, "one.vmpool.infoset", times=2)
        vm.act("poweroff")
        vm.wait("POWEROFF")
        assert vm.error == ""


def test_many_waits_cost_no_more_calls_than_one() -> None:
    number = 40
    with burst() as both:
        shutting_down(both)
        vms = [both.vm() for _ in range(number)]
        for vm in vms:
            vm.deploy(both.host)
        for vm in vms:
            vm.wait("RUNNING")
            both.wait_remote(vm, "RUNNING")
        both.cloud.calls.clear()
        for vm in vms:
            vm.act("poweroff")
        for vm in vms:
            vm.wait("POWEROFF")
        counts = both.cloud.calls.counts()
        assert counts["one.vm.action"] == number
        assert counts["one.vmpool.infoset"] < 1.5 * number, "each looks once for itself"


def test_new_credentials_count_in_the_middle_of_an_operation() -> None:
    with burst() as both:
        shutting_down(both)
        vm = both.run_vm()
        vm.act("poweroff")
        going = State(VmState.ACTIVE, LcmState.SHUTDOWN_POWEROFF)
        assert both.cloud.wait_for(both.remote_id(vm), going)
        both.cloud.owner.password = "another-secret"
        both.host.update(ONE_PASSWORD="another-secret")
        vm.wait("POWEROFF")
        assert vm.error == ""
        assert both.cloud.calls.counts()["one.vm.action"] == 2, "asked again with the new password"


@pytest.mark.parametrize("generation", ["6.10", "7.2"])
def test_what_was_cancelled_is_not_answered_any_more(generation: str) -> None:
    with burst(generation) as both:
        vm = both.run_vm()
        guest = both.cloud.vms[both.remote_id(vm)]
        guest.user_template = Template([*guest.user_template, ("SANDBOX_IGNORES_ACPI", "YES")])
        both.cloud.machine.shutdown_timeout = 30.0
        vm.act("terminate")
        going = State(VmState.ACTIVE, LcmState.SHUTDOWN)
        assert both.cloud.wait_for(guest.id, going)
        vm.act("terminate-hard")
        vm.wait("DONE")
        assert any(f"Driver command for {vm.id} cancelled" in line for line in vm.log)
        assert not any(f"SHUTDOWN SUCCESS {vm.id}" in line for line in both.frontend.log)
        assert not any(f"SHUTDOWN FAILURE {vm.id}" in line for line in both.frontend.log)


@pytest.mark.parametrize("generation", ["5.10", "7.2"])
def test_what_a_cancelled_deploy_still_makes_is_cleaned_up(generation: str) -> None:
    with burst(generation) as both:
        slow = both.cloud.faults.on(faults.delay_answer(1.0), "one.template.instantiate")
        vm = both.vm()
        vm.deploy(both.host)
        assert both.cloud.clock.wait_for(lambda: bool(both.cloud.vms) and slow.hits == 1)
        vm.recover("delete")
        both.frontend.wait_for_log(f"CLEANUP SUCCESS {vm.id}")
        assert both.alive() == []
        assert not any(f"DEPLOY SUCCESS {vm.id}" in line for line in both.frontend.log)
