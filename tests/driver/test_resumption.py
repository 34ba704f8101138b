"""Up to 5.10: a SUSPENDED VM whose remote VM runs again is resumed, and never one by mistake."""

import pytest

from one2one.driver.resumption import AT_REST_S, resume_running
from one2one.driver.round import VmReport
from one2one.hybrid.mirror import Report
from one2one.opennebula.template import Value
from tests.driver.scripted import BORN, WRONG_STATE, ScriptedVm, after, drop, refuse
from tests.driver.world import World

REPORT = VmReport(7, "opennebula-hybrid-9", Report.RUNNING)


def ask(world: World, *reports: VmReport) -> list[tuple[int, str]]:
    return list(resume_running(world.cloud, world.open(), reports or (REPORT,)))


@pytest.fixture
def vm(world: World) -> ScriptedVm:
    """Give a VM that has been SUSPENDED for long, and runs at the remote."""
    world.add_both(state="SUSPENDED")
    vm = world.local.vms[7]
    vm.retime = int(BORN + world.now - AT_REST_S)
    return vm


def test_oned_is_asked_to_resume_it(world: World, vm: ScriptedVm) -> None:
    told = "VM 7 is SUSPENDED and runs at the remote: oned is asked to resume it"
    assert ask(world) == [(7, told)]
    assert world.local.actions == ["resume 7"]
    assert world.remote.actions == []


@pytest.mark.parametrize(
    "report", [Report.POWEROFF, Report.SUSPENDED, Report.FAILURE, Report.SILENCE]
)
def test_a_vm_that_the_round_did_not_see_running_is_not_even_read(
    world: World, vm: ScriptedVm, report: Report
) -> None:
    assert ask(world, VmReport(7, REPORT.deploy_id, report)) == []
    assert world.local.count("vm.info") == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "POWEROFF"),
        ("state", "RUNNING"),
        ("state", "BOOT_SUSPENDED"),
        ("deploy_id", "opennebula-hybrid-10"),
        ("retime", 0),
        ("retime", int(BORN + 1000 - AT_REST_S + 1)),
        ("hosts", []),
    ],
)
def test_a_vm_that_is_not_suspended_for_long_is_left_alone(
    world: World, vm: ScriptedVm, name: str, value: Value
) -> None:
    setattr(vm, name, value)
    assert ask(world) == []
    assert world.local.actions == []


@pytest.mark.parametrize("state", ["SUSPENDED", "SAVE_SUSPEND", "BOOT_SUSPENDED", "UNKNOWN"])
def test_a_remote_vm_that_does_not_run_by_now_is_left_alone(
    world: World, vm: ScriptedVm, state: str
) -> None:
    world.remote.vms[9].state = state
    assert ask(world) == []


@pytest.mark.parametrize(("name", "value"), [("state", "RUNNING"), ("retime", BORN)])
def test_a_vm_that_its_user_acts_on_meanwhile_is_left_alone(
    world: World, vm: ScriptedVm, name: str, value: Value
) -> None:
    act = after(lambda: setattr(vm, name, value))
    world.local.script("vm.info", after(lambda: None), act)
    assert ask(world) == []
    assert world.local.actions == []


@pytest.mark.parametrize("cloud", ["local", "remote"])
def test_a_vm_that_cannot_be_read_is_told_and_hinders_no_other(
    world: World, vm: ScriptedVm, cloud: str
) -> None:
    world.add_local(8, "SUSPENDED", deploy_id="opennebula-hybrid-9", retime=vm.retime)
    oned = world.local if cloud == "local" else world.remote
    oned.script("vm.info", drop)
    (_, told), (other, _) = ask(world, REPORT, VmReport(8, REPORT.deploy_id, Report.RUNNING))
    assert told.startswith(
        "VM 7 is SUSPENDED and runs at the remote, and is not resumed: one.vm.info"
    )
    assert other == 8
    assert world.local.actions == ["resume 8"]


def test_a_resume_that_oned_refuses_is_told(world: World, vm: ScriptedVm) -> None:
    world.local.script("vm.action", refuse(WRONG_STATE, "wrong state"))
    ((_, told),) = ask(world)
    assert "is not resumed: one.vm.action at http://local/RPC2: wrong state" in told


def test_few_are_looked_at_in_a_round(world: World, vm: ScriptedVm) -> None:
    ask(world, *100 * [REPORT])
    assert world.remote.count("vm.info") == 20
