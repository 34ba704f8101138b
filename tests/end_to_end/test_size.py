"""The local VM's size for the remote VM, where PUBLIC_CLOUD or the host asks for it."""

from dataclasses import replace

import pytest

from one2one.opennebula.template import Template, Value, Vector
from opennebula_sandbox.cloud.faults import drop_after
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import GENERATIONS, PAIRS, WAYS, Burst, burst, monitoring_settings

LOCAL: Vector = {"TYPE": "opennebula", "TEMPLATE_ID": "0", "SIZE": "LOCAL"}
NAMES = ("CPU", "MEMORY", "VCPU")


def change_template(both: Burst, **attributes: Value) -> None:
    """Give the remote template these attributes, besides CPU and MEMORY."""
    size: dict[str, Value] = {"CPU": "0.1", "MEMORY": "128"}
    both.cloud.oned.templates[0].template = Template((size | attributes).items())


def read_size(both: Burst, vm: LocalVm) -> tuple[str, ...]:
    template = both.cloud.vms[both.remote_id(vm)].template
    return tuple(template.text(name) for name in NAMES)


def refuse(both: Burst, vm: LocalVm) -> str:
    """Deploy in vain, and return why: nothing is made at the remote."""
    vm.deploy(both.host)
    vm.wait("BOOT_FAILURE")
    assert both.alive() == []
    return vm.error


@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_the_remote_vm_has_the_local_size_where_that_is_asked_for(
    generation: str, way: str
) -> None:
    with burst(generation, way) as both:
        vm = both.run_vm(CPU="0.25", MEMORY="256", VCPU="2", PUBLIC_CLOUD=LOCAL)
        assert read_size(both, vm) == ("0.25", "256", "2")
        vm.act("terminate-hard")
        vm.wait("DONE")
        assert both.cloud.owner.quotas.used["MEMORY"] == 0


def test_the_host_may_ask_for_it_and_the_vm_decides() -> None:
    with burst(ONE_SIZE="local") as both:
        assert read_size(both, both.run_vm(MEMORY="256")) == ("0.1", "256", "1")
        remote = LOCAL | {"SIZE": "Remote"}
        vm = both.run_vm(MEMORY="256", PUBLIC_CLOUD=remote)
        assert read_size(both, vm) == ("0.1", "128", "1")


def test_it_costs_no_call_more() -> None:
    with burst(ONE_SIZE="LOCAL") as both:
        vm = both.vm(MEMORY="256")
        vm.deploy(both.host)
        vm.wait("RUNNING")
        assert dict(both.cloud.calls.counts()) == {
            "one.vmpool.info": 1,
            "one.template.info": 1,
            "one.template.instantiate": 1,
        }


def test_a_lost_answer_leaves_one_vm_of_the_local_size() -> None:
    with burst(ONE_SIZE="LOCAL") as both:
        both.cloud.faults.on(drop_after, "one.template.instantiate")
        vm = both.run_vm(MEMORY="256")
        assert both.alive() == [both.remote_id(vm)]
        assert read_size(both, vm) == ("0.1", "256", "1")


def test_without_it_the_remote_template_decides() -> None:
    with burst() as both:
        assert read_size(both, both.run_vm(CPU="2", MEMORY="256")) == ("0.1", "128", "1")


def test_a_vm_without_vcpu_has_one_there_too() -> None:
    with burst() as both:
        change_template(both, VCPU="4", MEMORY_MAX="1024", MEMORY_RESIZE_MODE="HOTPLUG")
        assert read_size(both, both.run_vm(PUBLIC_CLOUD=LOCAL)) == ("0.1", "128", "1")


@pytest.mark.parametrize("way", WAYS)
def test_what_the_remote_template_does_not_allow_is_refused_by_name(way: str) -> None:
    with burst(way=way) as both:
        change_template(both, USER_INPUTS={"MEMORY": "M|range||64..256|128"})
        vm = both.vm(MEMORY="512", PUBLIC_CLOUD=LOCAL)
        told = "MEMORY 512 is not what remote template 0 allows: 64..256"
        assert told in refuse(both, vm)
        change_template(both, USER_INPUTS={"MEMORY": "M|range||64..1024|128"})
        vm.recover("retry")
        vm.wait("RUNNING")
        assert read_size(both, vm) == ("0.1", "512", "")


def test_what_the_remote_restricts_is_refused_by_name() -> None:
    with burst(ONE_SIZE="LOCAL") as both:
        profile = both.cloud.oned.profile
        both.cloud.oned.profile = replace(profile, restricted=(*profile.restricted, "MEMORY"))
        error = refuse(both, both.vm(MEMORY="256"))
        assert "restricted attribute MEMORY" in error
        assert "The remote lets no user choose MEMORY" in error
        assert read_size(both, both.run_vm(CPU="2")) == ("2", "128", "1")


def test_a_topology_that_does_not_fit_is_refused_by_the_remote() -> None:
    with burst(ONE_SIZE="LOCAL") as both:
        change_template(both, VCPU="4", TOPOLOGY={"SOCKETS": "1", "CORES": "2", "THREADS": "2"})
        error = refuse(both, both.vm(VCPU="2"))
        assert "needs to match VCPU" in error
        assert "TOPOLOGY" in error
        vm = both.run_vm(VCPU="4", MEMORY="256")
        assert read_size(both, vm) == ("0.1", "256", "4")


def test_a_wrong_size_is_told_before_anything_is_asked() -> None:
    with burst() as both:
        error = refuse(both, both.vm(PUBLIC_CLOUD=LOCAL | {"SIZE": "HUGE"}))
        assert "PUBLIC_CLOUD/SIZE is 'HUGE' instead of LOCAL or REMOTE" in error
        assert both.cloud.calls.counts()["one.template.info"] == 0


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_quotas_the_scheduler_and_the_remote_count_the_same(generation: str) -> None:
    """What is left of the host after a burst is what the remote quota has left."""
    monitoring = monitoring_settings(generation)
    with burst(generation, monitoring=monitoring, ONE_SIZE="LOCAL") as both:
        both.cloud.owner.quotas.limit(CPU=4, MEMORY=4096)
        both.rounds(1)
        vm = both.run_vm(CPU="1.5", MEMORY="1024")
        both.rounds(2)
        used = both.cloud.owner.quotas.used
        assert (used["CPU"], used["MEMORY"]) == (1.5, 1024)
        assert both.host.capacity == (400, 4096 * 1024)
        assert both.frontend.pools.find_host(both.host.id).share.cpu_usage == 150
        vm.act("terminate-hard")
        vm.wait("DONE")
        both.rounds(2)
        assert both.host.capacity == (400, 4096 * 1024)
