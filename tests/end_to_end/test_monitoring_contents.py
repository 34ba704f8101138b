"""What is shown of hosts and VMs besides their states: capacity, usage, VMs to be imported."""

from base64 import b64decode

import pytest

from one2one.hybrid.usage import read_usage_age
from one2one.opennebula.template import parse_text
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.wire.xmlrpc import write_answer
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import (
    GENERATIONS,
    GUARD_S,
    PAIRS,
    Burst,
    burst,
    monitoring_settings,
    of_the_host,
)

COMBINATIONS = [("5.10", "resident"), ("6.10", "scripts"), ("7.2", "resident"), ("5.10", "scripts")]
FOREIGN = 'Import me "1", [a=b]\nand 漢'


def wait(both: Burst, told: object) -> None:
    assert both.frontend.pools.wait_for(told, 30), both.frontend.log[-5:]  # type: ignore[arg-type]


@pytest.mark.parametrize(("generation", "way"), COMBINATIONS)
def test_the_host_and_its_vms_are_told_of_in_full(generation: str, way: str) -> None:
    with burst(generation, way, monitoring=monitoring_settings(generation)) as both:
        first = both.cloud.instantiate(0, "another user's").id + 1
        both.cloud.usage.override(first, CPU="12.50", MEMORY="131072", NETRX="5", NETTX='6"]')
        vm = both.run_vm()
        remote = both.cloud.vms[first]
        both.cloud.owner.quotas.limit(CPU=2, MEMORY=1024)
        wait(both, lambda: both.host.capacity == (190, 896 * 1024))
        wait(both, lambda: both.host.usage.get("USED_MEMORY") == "131072")
        assert both.host.usage["FREE_CPU"] == "180"
        wait(both, lambda: vm.monitoring.text("CPU") == "12.5")
        address = remote.template.vectors("NIC")[0]["IP"]
        shown = {name: vm.monitoring.text(name) for name in ("MEMORY", "NETRX", "NETTX")}
        assert shown == {"MEMORY": "131072", "NETRX": "5", "NETTX": ""}
        assert vm.monitoring.text("GUEST_IP") == address
        assert vm.monitoring.text("GUEST_IP_ADDRESSES") == address
        assert vm.monitoring.text("REMOTE_VM_ID") == str(remote.id)
        assert vm.monitoring.text("REMOTE_STATE") == "RUNNING"
        age = read_usage_age(vm.monitoring, both.cloud.clock.now())
        assert age is not None
        assert age < 60
        template = both.host.template
        assert (template.text("PUBLIC_CLOUD"), template.text("PRIORITY")) == ("YES", "-1")
        both.host.update(ONE_CAPACITY={"CPU": "100", "MEMORY": "512"})
        wait(both, lambda: both.host.capacity == (100, 512 * 1024))


@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_counters_below_0_keep_no_host_off(generation: str, way: str) -> None:
    """oned itself counts down too often, for years: then an account uses less than nothing."""
    with burst(generation, way, monitoring=monitoring_settings(generation)) as both:
        for quotas in (both.cloud.owner.quotas, both.cloud.owner.group.quotas):
            quotas.limit(CPU=2, RUNNING_VMS=10)
            quotas.used |= {"RUNNING_VMS": -4, "CPU": -0.5, "MEMORY": -1}
        wait(both, lambda: both.host.state == "MONITORED")
        assert both.host.capacity[0] == 200
        both.run_vm()


def import_vm(both: Burst) -> LocalVm:
    """Do what ``onehost importvm`` does with the only foreign VM."""
    (wild,) = both.host.template.vectors("VM")
    template = parse_text(b64decode(wild["IMPORT_TEMPLATE"]).decode())
    vm = both.frontend.add_vm(dict(template), name=template.text("NAME"))
    vm.deploy(both.host)
    return vm


@pytest.mark.parametrize(("generation", "way"), [("5.10", "scripts"), ("6.10", "resident")])
def test_a_foreign_vm_is_imported_and_followed(generation: str, way: str) -> None:
    with burst(generation, way, monitoring=monitoring_settings(generation)) as both:
        foreign = both.cloud.instantiate(0, FOREIGN)
        for name, mark in (("remote-opennebula-7", ""), ("theirs", "ONE_HYBRID_ID")):
            extra = f"<T><{mark}>x</{mark}></T>" if mark else ""
            both.cloud.instantiate(0, name, extra)
        own = both.run_vm()
        wait(both, lambda: both.host.template.text("TOTAL_WILDS") == "1")
        vm = import_vm(both)
        assert (vm.state, both.remote_id(vm)) == ("RUNNING", foreign.id)
        both.frontend.clock.jump(GUARD_S)
        both.cloud.act(foreign.id, "poweroff")
        vm.wait("POWEROFF")
        assert own.state == "RUNNING"
        wait(both, lambda: not both.host.template.text("WILDS"))
        vm.act("resume")
        vm.wait("RUNNING")
        both.wait_remote(vm, "RUNNING")
        vm.act("terminate")
        vm.wait("DONE")
        both.wait_remote(vm, "DONE")


@pytest.mark.parametrize("generation", ["5.10", "6.10"])
def test_one_of_two_foreign_vms_with_the_same_id_is_offered_until_the_other_has_ended(
    generation: str,
) -> None:
    with (
        burst(generation, monitoring=monitoring_settings(generation)) as both,
        both.second_cloud() as other,
    ):
        first, second = both.cloud.instantiate(0, "web"), other.cloud.instantiate(0, "web")
        assert first.id == second.id
        for side in (both, other):
            wait_for_wilds(side, "1")
        vm = import_vm(both)
        wait_for_wilds(other, "")
        other.rounds(2)
        assert not other.host.template.text("ZOMBIES")
        assert second.user_template.text("REMOTE_OPENNEBULA_VM_ID") == ""
        vm.act("terminate")
        vm.wait("DONE")
        wait_for_wilds(other, "1")
        again = import_vm(other)
        wait(both, lambda: second.user_template.text("REMOTE_OPENNEBULA_VM_ID") == str(again.id))


def wait_for_wilds(both: Burst, number: str) -> None:
    wait(both, lambda: both.host.template.text("TOTAL_WILDS") == number)


def test_7_x_is_never_told_of_a_foreign_vm() -> None:
    with burst("7.2", monitoring=monitoring_settings("7.2", system_host=1)) as both:
        both.cloud.instantiate(0, "web")
        both.run_vm()
        both.rounds(2)
        assert both.host.template.vectors("VM") == []
        assert both.host.template.text("WILDS") == ""
        assert not any("Unable to find VM" in line for line in both.frontend.log)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_quota_that_is_none_leaves_the_capacity_as_it_was(generation: str) -> None:
    with burst(
        generation, monitoring=monitoring_settings(generation), ONE_OUTAGE_GRACE="1"
    ) as both:
        quotas = '<VM_QUOTA><VM><CPU>"many"</CPU></VM></VM_QUOTA>'
        group = f"<GROUP><ID>1</ID><NAME>g</NAME>{quotas}</GROUP>"
        wrong = faults.answer_garbage(write_answer([True, group, 0]))
        wait(both, lambda: both.host.capacity != (0, 0))
        both.cloud.faults.on(wrong, "one.group.info", times=None)
        vm = both.run_vm()
        clear = "quota CPU of group g is '\"many\"', not a number. Correct it in the remote cloud"
        both.frontend.wait_for_log(clear)
        both.frontend.clock.jump(GUARD_S)
        both.cloud.act(both.remote_id(vm), "poweroff")
        vm.wait("POWEROFF")
        unseen = both.frontend.add_host("burst2", **of_the_host(both.cloud), ONE_OUTAGE_GRACE="1")
        unseen.wait("ERROR")
        assert clear in unseen.error
        both.cloud.faults.clear()
        wait(both, lambda: unseen.capacity == both.host.capacity != (0, 0))


@pytest.mark.parametrize(("generation", "way"), [("6.10", "scripts"), ("7.2", "resident")])
def test_a_monitord_with_a_key(generation: str, way: str) -> None:
    with burst(generation, way, monitoring=monitoring_settings(generation, encrypted=True)) as both:
        vm = both.run_vm()
        both.frontend.clock.jump(GUARD_S)
        both.cloud.act(both.remote_id(vm), "poweroff")
        vm.wait("POWEROFF")
        wait(both, lambda: both.host.state == "MONITORED")
