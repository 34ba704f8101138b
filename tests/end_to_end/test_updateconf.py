"""A new CONTEXT of a hybrid VM, running and off: it arrives as at the VM's creation."""

from functools import partial

import pytest

from one2one.opennebula.states import LcmState
from one2one.opennebula.template import Vector
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import GENERATIONS, PAIRS, WAYS, Burst, burst

passing = partial(burst, ONE_PASS_THROUGH="UPDATECONF")
ODD = {"MONEY": "cost $5 ${HOME} $$ $NAME", "LINES": "two\nlines", "EMPTY": "", "TAIL": "x\\"}


def remote_context(both: Burst, vm: LocalVm) -> Vector:
    return both.cloud.vms[both.remote_id(vm)].template.vector("CONTEXT")


def update(both: Burst, vm: LocalVm, result: str = "SUCCESS", **context: str) -> None:
    mark = len(both.frontend.log)
    vm.update_context(**context)
    assert both.frontend.pools.wait_for(
        lambda: any(f"UPDATECONF {result} {vm.id}" in line for line in both.frontend.log[mark:]),
        30,
    )
    vm.wait("RUNNING")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_vm_that_runs_gets_its_new_context(generation: str, way: str) -> None:
    with passing(generation, way, delay=0.02) as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello", "OLD": "$5"})
        before = remote_context(both, vm)
        sections = both.cloud.vms[both.remote_id(vm)].template.vectors("OS")
        update(both, vm, GREETING="bye", **ODD)
        context = remote_context(both, vm)
        assert {name: context.get(name, "") for name in ODD} == ODD
        assert context["GREETING"] == "bye"
        assert "OLD" not in context
        kept = before.keys() - {"GREETING", "OLD"}
        assert {name: context[name] for name in kept} == {name: before[name] for name in kept}
        assert both.cloud.vms[both.remote_id(vm)].template.vectors("OS") == sections
        assert vm.error == ""


@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_a_vm_that_is_off_gets_it_before_it_runs(generation: str, way: str) -> None:
    with passing(generation, way, delay=0.02) as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello"})
        vm.act("poweroff-hard")
        vm.wait("POWEROFF")
        vm.update_context(GREETING="bye", **ODD)
        both.cloud.calls.clear()
        vm.act("resume")
        vm.wait("RUNNING")
        context = remote_context(both, vm)
        assert context["GREETING"] == "bye"
        assert {name: context.get(name, "") for name in ODD} == ODD
        calls = [call.method for call in both.cloud.calls]
        assert calls.index("one.vm.updateconf") < calls.index("one.vm.action")


def test_a_start_without_a_new_context_asks_for_none() -> None:
    with passing() as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello", "PASSWORD": "geheim", **ODD})
        vm.act("poweroff-hard")
        vm.wait("POWEROFF")
        vm.act("resume")
        vm.wait("RUNNING")
        assert "one.vm.updateconf" not in both.cloud.calls.counts()


def test_the_same_context_again_asks_for_nothing() -> None:
    with passing() as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello", "COST": "5 $"})
        update(both, vm, GREETING="hello", COST="5 $")
        assert "one.vm.updateconf" not in both.cloud.calls.counts()


@pytest.mark.parametrize("way", WAYS)
def test_without_the_word_it_is_refused(way: str) -> None:
    with burst(way=way) as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello"})
        update(both, vm, "FAILURE", GREETING="bye")
        assert "UPDATECONF is not supported for VMs in a remote OpenNebula" in vm.error
        assert remote_context(both, vm)["GREETING"] == "hello"


def test_what_cannot_be_carried_is_refused_by_name() -> None:
    with passing() as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello"})
        update(both, vm, "FAILURE", FILES="/etc/passwd")
        assert "CONTEXT/FILES names files of the local front-end" in vm.error
        assert remote_context(both, vm)["GREETING"] == "hello"


def test_a_failure_at_the_remote_is_told() -> None:
    with passing(delay=0.02) as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello"})
        both.cloud.call("one.vm.update", both.remote_id(vm), "SANDBOX_FAILS=HOTPLUG", 1)
        update(both, vm, "FAILURE", GREETING="bye")
        assert "updateconf failed there" in vm.error
        assert vm.state == "RUNNING"


def test_a_remote_template_that_is_gone_is_told() -> None:
    with passing() as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello"})
        del both.cloud.oned.templates[0]
        update(both, vm, "FAILURE", GREETING="bye")
        assert "Error getting virtual machine template [0]" in vm.error


def test_a_remote_template_that_is_gone_keeps_no_vm_from_starting() -> None:
    with passing() as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello"})
        vm.act("poweroff-hard")
        vm.wait("POWEROFF")
        vm.update_context(GREETING="bye")
        del both.cloud.oned.templates[0]
        vm.act("resume")
        vm.wait("RUNNING")
        vm.wait_for_log("The new CONTEXT is not passed on: ")
        assert remote_context(both, vm)["GREETING"] == "hello"


def test_what_cannot_be_carried_keeps_no_vm_from_starting() -> None:
    with passing() as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello"})
        vm.act("poweroff-hard")
        vm.wait("POWEROFF")
        vm.update_context(GREETING="bye", FILES="/etc/passwd")
        vm.act("resume")
        vm.wait("RUNNING")
        vm.wait_for_log("The new CONTEXT is not passed on: CONTEXT/FILES names files")
        assert remote_context(both, vm)["GREETING"] == "hello"


def test_a_new_size_and_a_new_context_arrive_at_the_same_start() -> None:
    with burst(ONE_PASS_THROUGH="RESIZE, UPDATECONF") as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello"})
        vm.act("poweroff-hard")
        vm.wait("POWEROFF")
        vm.resize(CPU="1.5")
        vm.update_context(GREETING="5 $")
        vm.act("resume")
        vm.wait("RUNNING")
        assert both.cloud.vms[both.remote_id(vm)].template.text("CPU") == "1.5"
        assert remote_context(both, vm)["GREETING"] == "5 $"
        assert sum("CONTEXT has the remote account's" in line for line in vm.log) <= 2


def test_a_lost_answer_is_no_failure() -> None:
    with passing(delay=0.02) as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello"})
        both.cloud.faults.on(faults.drop_after, "one.vm.updateconf")
        update(both, vm, GREETING="bye")
        assert remote_context(both, vm)["GREETING"] == "bye"


def test_a_busy_remote_vm_is_waited_for() -> None:
    with passing() as both:
        vm = both.run_vm(CONTEXT={"GREETING": "hello"})
        both.cloud.machine.delays[LcmState.HOTPLUG_SNAPSHOT] = 0.5
        both.cloud.call("one.vm.snapshotcreate", both.remote_id(vm), "by hand")
        update(both, vm, GREETING="bye")
        assert remote_context(both, vm)["GREETING"] == "bye"
