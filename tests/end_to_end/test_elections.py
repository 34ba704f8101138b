"""An HA cloud that elects a leader meanwhile: nothing fails, and nothing is made twice."""

import pytest

from one2one.opennebula.states import LcmState
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.wire.delivery import Delivery
from tests.end_to_end.burst import PAIRS, burst

INSTANTIATE = "one.template.instantiate"


@pytest.mark.parametrize(
    ("way", "words"), [("resident", faults.NO_LEADER), ("scripts", faults.FORWARD_REFUSED)]
)
def test_a_short_election_delays_a_deploy(way: str, words: str) -> None:
    with burst(way=way) as both:
        both.cloud.faults.on(faults.answer_without_leader(words), INSTANTIATE, times=2)
        vm = both.run_vm()
        assert vm.error == ""
        assert both.alive() == [both.remote_id(vm)]


def test_a_vm_is_terminated_when_the_election_is_over() -> None:
    with burst() as both:
        vm = both.run_vm()
        election = both.cloud.faults.on(faults.answer_without_leader(), times=None)
        vm.act("terminate-hard")
        vm.wait_for_log("before the next attempt")
        both.cloud.faults.rules.remove(election)
        vm.wait("DONE")
        assert both.alive() == []
        assert not any("POWEROFF" in line for line in vm.log)


def test_an_accepted_action_is_waited_for_through_an_election() -> None:
    with burst() as both:
        both.cloud.machine.delays[LcmState.SHUTDOWN] = 1.0
        vm = both.run_vm()
        both.cloud.faults.on(faults.refuse(faults.ELECTION), "one.vmpool.infoset", times=3)
        vm.act("terminate")
        vm.wait("DONE")
        assert vm.error == ""
        assert both.cloud.calls.counts()["one.vm.action"] == 1


@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_what_a_follower_sent_on_in_vain_is_looked_for(generation: str, way: str) -> None:
    with burst(generation, way) as both:
        both.cloud.faults.on(faults.lose_leader, INSTANTIATE)
        vm = both.run_vm()
        assert both.cloud.calls.counts()[INSTANTIATE] == 1
        assert both.alive() == [both.remote_id(vm)]


@pytest.mark.parametrize(
    "lost", [faults.lose_leader, faults.cut_xml, faults.refuse("Error inserting VM in DB.")]
)
def test_what_may_have_been_made_is_not_made_again(lost: Delivery) -> None:
    with burst(arguments="-t 15 -r 3 one") as both:
        both.cloud.faults.on(lost, INSTANTIATE)
        both.cloud.faults.on(faults.answer_http_error(), "one.vmpool.info", nth=2)  # search fails
        vm = both.vm()
        vm.deploy(both.host)
        vm.wait("BOOT_FAILURE")
        assert both.cloud.calls.counts()[INSTANTIATE] == 1
        vm.recover("retry")
        vm.wait("RUNNING")
        assert both.alive() == [both.remote_id(vm)]


def test_a_reboot_that_a_follower_sent_on_in_vain_is_not_repeated() -> None:
    with burst("5.10") as both:
        vm = both.run_vm()
        both.cloud.faults.on(faults.lose_leader, "one.vm.action")
        vm.act("reboot")
        both.frontend.wait_for_log(f"REBOOT FAILURE {vm.id} RPC call timed out and aborted")
        assert both.cloud.calls.counts()["one.vm.action"] == 1


def test_an_election_among_the_front_ends_delays_the_first_deploy() -> None:
    """It writes the host's ONE_HYBRID_ID, which only a leader takes."""
    with burst() as both:
        both.frontend.faults.on(faults.answer_without_leader(), "one.host.update", times=2)
        vm = both.run_vm()
        assert vm.error == ""
        assert both.alive() == [both.remote_id(vm)]
