"""The whole life of a VM, through a real driver process, on every generation and both ways."""

from collections.abc import Callable

import pytest

from one2one.opennebula.template import to_xml
from opennebula_sandbox.frontend.handles import LocalVm
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from tests.end_to_end.burst import GENERATIONS, PAIRS, WAYS, Burst, burst, of_the_host

LIFE = [
    ("suspend", "SUSPENDED", "SUSPENDED"),
    ("resume", "RUNNING", "RUNNING"),
    ("poweroff", "POWEROFF", "POWEROFF"),
    ("resume", "RUNNING", "RUNNING"),
    ("poweroff-hard", "POWEROFF", "POWEROFF"),
    ("resume", "RUNNING", "RUNNING"),
    ("reboot", "RUNNING", "RUNNING"),
    ("reboot-hard", "RUNNING", "RUNNING"),
    ("undeploy", "UNDEPLOYED", "UNDEPLOYED"),
    ("redeploy", "RUNNING", "RUNNING"),
    ("undeploy-hard", "UNDEPLOYED", "UNDEPLOYED"),
    ("redeploy", "RUNNING", "RUNNING"),
    ("stop", "STOPPED", "STOPPED"),
    ("redeploy", "RUNNING", "RUNNING"),
    ("terminate", "DONE", "DONE"),
]


def do(both: Burst, vm: LocalVm, action: str) -> None:
    if action == "redeploy":
        vm.act("resume")
        vm.wait("PENDING")
        vm.deploy(both.host)
    else:
        vm.act(action)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_vm_lives_through_every_operation(generation: str, way: str) -> None:
    with burst(generation, way, delay=0.02) as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello world"})
        first = both.remote_id(vm)
        for action, local, remote in LIFE:
            do(both, vm, action)
            vm.wait(local)
            both.wait_remote(vm, remote)
            assert both.remote_id(vm) == first, "one remote VM all along"
        assert both.alive() == []
        assert vm.error == ""


@pytest.mark.parametrize(
    ("generation", "profile"), [("5.10", "7.2"), ("6.10", "5.10"), ("7.2", "6.10")]
)
def test_the_two_clouds_may_be_of_different_releases(generation: str, profile: str) -> None:
    with burst(generation, profile=profile, delay=0.02) as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello world"})
        for action, local, _ in LIFE:
            do(both, vm, action)
            vm.wait(local)
        assert both.alive() == []


def test_a_vm_lives_in_a_remote_that_is_called_by_grpc() -> None:
    pytest.importorskip("grpc")
    monitoring = MonitoringSettings(beacon_host=1, state_vm=1)
    with burst(profile="7.2", delay=0.02, grpc=True, monitoring=monitoring) as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello world"})
        both.cloud.act(both.remote_id(vm), "poweroff")
        vm.wait("POWEROFF")
        for action, local, remote in [("resume", "RUNNING", "RUNNING"), *LIFE]:
            do(both, vm, action)
            vm.wait(local)
            both.wait_remote(vm, remote)
        assert both.alive() == []
        assert vm.error == ""
        assert both.cloud.server.accepted == 0, "nothing came by XML-RPC"


@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_recover_leaves_one_remote_vm_or_none(generation: str, way: str) -> None:
    with burst(generation, way) as both:
        vm = both.run_vm()
        first = both.remote_id(vm)
        vm.recover("recreate")
        vm.wait("PENDING")
        assert both.alive() == []
        vm.deploy(both.host)
        vm.wait("RUNNING")
        assert both.alive() == [both.remote_id(vm)] != [first]
        vm.recover("delete")
        vm.wait("DONE")
        both.wait_remote(vm, "DONE")


def test_cleaning_up_finds_what_the_deploy_id_does_not_name() -> None:
    with burst() as both:
        vm = both.run_vm()
        marks = both.cloud.vms[both.remote_id(vm)].user_template
        double = both.cloud.instantiate(0, f"remote-opennebula-{vm.id}", to_xml(marks))
        others = both.cloud.instantiate(0, f"remote-opennebula-{vm.id}")
        vm.recover("delete")
        both.frontend.wait_for_log(f"CLEANUP SUCCESS {vm.id}")
        assert double.id not in both.alive()
        assert both.alive() == [others.id]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_what_a_remote_vm_cannot_do_is_refused_at_once(generation: str) -> None:
    with burst(generation) as both:
        vm = both.run_vm()
        attempts: dict[str, Callable[[], object]] = {
            "SNAPSHOTCREATE": lambda: vm.snapshot("one"),
            "ATTACHDISK": lambda: vm.attach_disk(TYPE="fs", FORMAT="raw", SIZE="10"),
            "ATTACHNIC": lambda: vm.attach_nic(NETWORK_ID="0"),
        }
        for operation, attempt in attempts.items():
            attempt()
            vm.wait_for_log(f"{operation} is not supported for VMs in a remote OpenNebula")
            vm.wait("RUNNING")
            assert f"{operation} is not supported" in vm.error
        vm.act("terminate-hard")
        vm.wait("DONE")


@pytest.mark.parametrize("way", WAYS)
def test_a_vm_left_on_another_host_is_not_looked_for_here(way: str) -> None:
    with burst(way=way) as both:
        other = both.frontend.add_host("burst2", **of_the_host(both.cloud))
        vm = both.run_vm()
        vm.act("undeploy")
        vm.wait("UNDEPLOYED")
        vm.act("resume")
        vm.wait("PENDING")
        vm.deploy(other)
        vm.wait("BOOT_UNDEPLOY_FAILURE")
        assert "the VM was left on host burst1" in vm.error
        both.wait_remote(vm, "UNDEPLOYED")


@pytest.mark.parametrize("way", WAYS)
def test_context_arrives_byte_for_byte(way: str) -> None:
    values = {
        "MONEY": "cost $5 ${HOME} $$ $NAME",
        "TAIL": "x\\",
        "QUOTES": 'say "hi" & it\'s , = [ ] #',
        "LINES": "two\nlines\tand a tab ",
        "FAR": "é 漢",
    }
    with burst(way=way) as both:
        vm = both.run_vm(CONTEXT=values)
        context = both.cloud.vms[both.remote_id(vm)].template.vector("CONTEXT")
        assert {k: context.get(k, "") for k in values} == values
