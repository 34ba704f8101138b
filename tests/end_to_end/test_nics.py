"""NICs that are attached to a hybrid VM: one at the remote for each local one, or a refusal."""

from collections.abc import Iterator
from functools import partial

import pytest

from one2one.opennebula.states import LcmState
from one2one.opennebula.template import Value, Vector
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.wire.delivery import ApiRequest, deliver
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import GENERATIONS, WAYS, Burst, burst

passing = partial(burst, ONE_PASS_THROUGH="NIC")


def add_networks(both: Burst, first: str = "10.0.0.10", **mapping: Value) -> int:
    """Return a local network that stands for one of the remote, from 10.0.0.10 on."""
    remote = both.cloud.add_network("backend", "10.0.0.10")
    mapping = mapping or {"ONE_REMOTE_NETWORK": str(remote)}
    return both.frontend.add_network("mirror", first, **mapping)


def remote_nics(both: Burst, vm: LocalVm) -> list[Vector]:
    return both.cloud.vms[both.remote_id(vm)].template.vectors("NIC")[1:]


def local_nics(vm: LocalVm) -> list[Vector]:
    return vm.template.vectors("NIC")


def attach(both: Burst, vm: LocalVm, network: int, result: str = "SUCCESS", **nic: str) -> None:
    log, before = len(both.frontend.log), vm.state
    vm.attach_nic(NETWORK_ID=str(network), **nic)
    wait_answer(both, f"ATTACHNIC {result} {vm.id}", log)
    vm.wait(before)


def detach(both: Burst, vm: LocalVm, number: int, result: str = "SUCCESS") -> None:
    log, before = len(both.frontend.log), vm.state
    vm.detach_nic(number)
    wait_answer(both, f"DETACHNIC {result} {vm.id}", log)
    vm.wait(before)


def wait_answer(both: Burst, text: str, begin: int) -> None:
    """Wait until a line of oned's log, from line *begin* on, contains *text*."""
    log = both.frontend.log
    assert both.frontend.pools.wait_for(
        lambda: any(text in line for line in log[begin:]), timeout=30
    ), f"no {text!r}"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_nic_is_attached_and_detached(generation: str, way: str) -> None:
    with passing(generation, way, delay=0.02) as both:
        network = add_networks(both)
        vm = both.run_vm(CONTEXT={"NETWORK": "YES"})
        attach(both, vm, network)
        (local,), (remote,) = local_nics(vm), remote_nics(both, vm)
        assert local["NIC_ID"] == "0"
        assert remote["NIC_ID"] == "1"
        assert remote["IP"] == local["IP"] == "10.0.0.10"
        assert remote["NETWORK"] == "backend"
        assert "ATTACH" not in local | remote
        detach(both, vm, 0)
        assert (local_nics(vm), remote_nics(both, vm)) == ([], [])
        attach(both, vm, network, IP="10.0.0.44")
        assert [nic["IP"] for nic in remote_nics(both, vm)] == ["10.0.0.44"]
        assert vm.error == ""


def test_a_network_without_the_address_gives_another() -> None:
    with passing() as both:
        network = add_networks(both, "172.16.0.10")
        vm = both.run_vm()
        attach(both, vm, network)
        assert [nic["IP"] for nic in local_nics(vm)] == ["172.16.0.10"]
        assert [nic["IP"] for nic in remote_nics(both, vm)] == ["10.0.0.10"]
        vm.wait_for_log("network 1 (backend) has no 172.16.0.10, and gives another address")


def test_an_address_that_is_used_there_is_refused() -> None:
    with passing() as both:
        network = add_networks(both)
        vm = both.run_vm()
        both.cloud.call("one.vm.attachnic", both.remote_id(vm), 'NIC=[NETWORK="backend"]')
        both.wait_remote(vm, "RUNNING")
        by_hand = remote_nics(both, vm)
        attach(both, vm, network, "FAILURE")
        assert "Cannot get IP/MAC lease from virtual network 1" in vm.error
        assert "Free 10.0.0.10 there if it is in use: the NIC has it here" in vm.error
        assert (local_nics(vm), remote_nics(both, vm)) == ([], by_hand)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"ANOTHER": "x"}, "network 1 (mirror) has no ONE_REMOTE_NETWORK. Set "),
        ({"ONE_REMOTE_NETWORK": "net"}, "has ONE_REMOTE_NETWORK='net', which is no id"),
        ({"ONE_REMOTE_NETWORK": "99"}, "network 99 of the remote, which does not exist"),
        ({"ONE_REMOTE_NETWORK": "2"}, "network 2 of the remote, which the account may not use"),
        ({"ONE_REMOTE_NETWORK": {"HOST": "other", "ID": "1"}}, "has no ONE_REMOTE_NETWORK"),
    ],
)
def test_a_wrong_mapping_is_named(mapping: dict[str, Value], words: str) -> None:
    with passing() as both:
        network = add_networks(both, "10.0.0.10", **mapping)
        assert both.cloud.add_network("secret", "10.9.0.10", shared=False) == 2
        vm = both.run_vm()
        attach(both, vm, network, "FAILURE", ONE_REMOTE_NETWORK="1")
        assert words in vm.error
        assert (local_nics(vm), remote_nics(both, vm)) == ([], [])


def test_each_host_may_have_a_mapping_of_its_own() -> None:
    with passing() as both:
        mapping: Value = {"HOST": "Burst1", "ID": "1"}
        network = add_networks(both, ONE_REMOTE_NETWORK=mapping)
        vm = both.run_vm()
        attach(both, vm, network)
        assert len(remote_nics(both, vm)) == 1


def test_a_nic_without_a_network_is_refused() -> None:
    with passing() as both:
        vm = both.run_vm()
        vm.attach_nic(BRIDGE="br7")
        both.frontend.wait_for_log(f"ATTACHNIC FAILURE {vm.id}")
        vm.wait("RUNNING")
        assert "NIC 0 has no virtual network. Attach one with" in vm.error
        assert local_nics(vm) == []


def test_a_nic_whose_alias_was_refused_is_not_detached() -> None:
    """Up to 5.10 it goes on naming the alias, and oned would crash."""
    with passing("5.10") as both:
        network = add_networks(both)
        vm = both.run_vm()
        attach(both, vm, network)
        with both.frontend.clock.lock:
            local_nics(vm)[0]["ALIAS_IDS"] = "1"
        kept = remote_nics(both, vm)
        detach(both, vm, 0, "FAILURE")
        assert "NIC 0 still names alias 1, which is gone" in vm.error
        assert (len(local_nics(vm)), remote_nics(both, vm)) == (1, kept)


def test_a_lost_answer_makes_no_second_nic() -> None:
    with passing(delay=0.02, arguments="-t 15 -r 3 one") as both:
        network = add_networks(both)
        vm = both.run_vm()
        both.cloud.faults.on(faults.drop_after, "one.vm.attachnic")
        attach(both, vm, network)
        assert len(remote_nics(both, vm)) == 1
        both.cloud.faults.on(faults.drop_after, "one.vm.detachnic")
        detach(both, vm, 0)
        assert remote_nics(both, vm) == []


def test_what_a_failed_attempt_left_is_detached_by_the_next() -> None:
    with passing(arguments="-t 15 -r 3 one") as both:
        network = add_networks(both)
        vm = both.run_vm()

        def vanish(request: ApiRequest) -> Iterator[bytes]:
            both.cloud.faults.on(faults.drop_before, "one.vm.info")
            yield from faults.drop_after(request)

        both.cloud.faults.on(vanish, "one.vm.attachnic")
        attach(both, vm, network, "FAILURE")
        (left,) = remote_nics(both, vm)
        attach(both, vm, network, IP="10.0.0.44")
        (ours,) = remote_nics(both, vm)
        assert ours["IP"] == "10.0.0.44" != left["IP"]
        assert local_nics(vm)[0]["NIC_ID"] == "0"


def test_what_fails_at_the_remote_fails_here() -> None:
    with passing() as both:
        network = add_networks(both)
        vm = both.run_vm()
        attach(both, vm, network)
        kept = local_nics(vm), remote_nics(both, vm)
        both.cloud.call("one.vm.update", both.remote_id(vm), "SANDBOX_FAILS=HOTPLUG_NIC", 1)
        attach(both, vm, network, "FAILURE")
        assert "nic-attach failed there" in vm.error
        assert "the hypervisor does not do it" in vm.error
        detach(both, vm, 0, "FAILURE")
        assert "nic-detach 1 failed there" in vm.error
        assert (local_nics(vm), remote_nics(both, vm)) == kept


def test_a_nic_that_the_remote_lost_can_be_detached() -> None:
    with passing() as both:
        network = add_networks(both)
        vm = both.run_vm()
        attach(both, vm, network)
        remote_id = both.remote_id(vm)
        both.cloud.call("one.vm.detachnic", remote_id, 1)
        both.wait_remote(vm, "RUNNING")
        both.cloud.call("one.vm.attachnic", remote_id, 'NIC=[NETWORK="backend"]')
        both.wait_remote(vm, "RUNNING")
        by_hand = remote_nics(both, vm)
        assert by_hand[0]["NIC_ID"] == "1"
        detach(both, vm, 0)
        assert (local_nics(vm), remote_nics(both, vm)) == ([], by_hand)


def test_an_outage_meanwhile_is_waited_out() -> None:
    with passing() as both:
        network = add_networks(both)
        vm = both.run_vm()
        both.cloud.machine.delays[LcmState.HOTPLUG_NIC] = 0.5

        def begin_outage(request: ApiRequest) -> Iterator[bytes]:
            both.cloud.faults.on(faults.drop_before, "one.vm*", times=5)
            yield from deliver(request)

        both.cloud.faults.on(begin_outage, "one.vm.attachnic")
        attach(both, vm, network)
        assert len(remote_nics(both, vm)) == 1


def test_nothing_is_done_to_the_vm_of_another() -> None:
    with passing() as both:
        network = add_networks(both)
        vm = both.run_vm()
        remote_id = both.remote_id(vm)
        both.cloud.call("one.vm.update", remote_id, "ONE_HYBRID_ID=another", 1)
        attach(both, vm, network, "FAILURE")
        assert f"remote VM {remote_id} is not VM {vm.id}'s" in vm.error
        assert remote_nics(both, vm) == []


def test_a_remote_vm_that_is_off_gets_it_too() -> None:
    with passing() as both:
        network = add_networks(both)
        vm = both.run_vm()
        both.cloud.act(both.remote_id(vm), "poweroff-hard")
        both.wait_remote(vm, "POWEROFF")
        attach(both, vm, network)
        assert len(remote_nics(both, vm)) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("generation", ["6.10", "7.2"])
def test_a_vm_that_is_off_gets_its_nics_too(generation: str, way: str) -> None:
    with passing(generation, way, delay=0.02) as both:
        network = add_networks(both)
        vm = both.run_vm()
        vm.act("poweroff-hard")
        vm.wait("POWEROFF")
        attach(both, vm, network)
        assert [nic["IP"] for nic in remote_nics(both, vm)] == ["10.0.0.10"]
        attach(both, vm, network)
        detach(both, vm, 0)
        assert [nic["IP"] for nic in remote_nics(both, vm)] == ["10.0.0.11"]
        vm.act("resume")
        vm.wait("RUNNING")


def test_up_to_5_10_oned_asks_no_driver_about_a_vm_that_is_off() -> None:
    with passing("5.10") as both:
        network = add_networks(both)
        vm = both.run_vm()
        vm.act("poweroff-hard")
        vm.wait("POWEROFF")
        vm.attach_nic(NETWORK_ID=str(network))
        vm.act("resume")
        vm.wait("RUNNING")
        assert (len(local_nics(vm)), remote_nics(both, vm)) == (1, [])
        detach(both, vm, 0)


@pytest.mark.parametrize("way", WAYS)
def test_a_host_that_does_not_pass_it_refuses_it(way: str) -> None:
    with burst(way=way) as both:
        network = add_networks(both)
        vm = both.run_vm()
        attach(both, vm, network, "FAILURE")
        assert "ATTACHNIC is not supported for VMs in a remote OpenNebula" in vm.error
        assert (local_nics(vm), remote_nics(both, vm)) == ([], [])
