"""Whose a remote VM is comes first: what is asked of a VM that a deploy id names, and how often."""

from dataclasses import replace

import pytest

from one2one.driver.attempts import carry_out
from one2one.driver.operation import Job, Pause, resume
from one2one.driver.ownership import give_marks, read_own, require_own
from one2one.driver.watch import GONE
from one2one.hybrid.naming import read_marks
from one2one.opennebula.errors import NotFound, Refused, Unreachable
from one2one.opennebula.states import RUNNING
from one2one.opennebula.template import Value
from tests.driver.scripted import (
    BORN,
    NOT_FOUND,
    STATES,
    WRONG_STATE,
    ScriptedVm,
    after,
    drop,
    refuse,
)
from tests.driver.world import HOST, HOST_ID, HYBRID_ID, MARKS, World, finish

ACTIONS = {
    "suspend": ("SAVE", "SAVE_SUSPEND"),
    "stop": ("SAVE", "SAVE_STOP"),
    "poweroff": ("SHUTDOWN", "SHUTDOWN_POWEROFF"),
    "poweroff-hard": ("CANCEL", "SHUTDOWN_POWEROFF"),
    "undeploy": ("SHUTDOWN", "SHUTDOWN_UNDEPLOY"),
    "terminate": ("SHUTDOWN", "SHUTDOWN"),
    "terminate-hard": ("CANCEL", "SHUTDOWN"),
    "reboot": ("REBOOT", "RUNNING"),
    "reboot-hard": ("RESET", "RUNNING"),
    "resume": ("RESTORE", "BOOT_SUSPENDED"),
    "resume of what is unknown": ("DEPLOY", "BOOT_UNKNOWN"),
    "delete": ("CLEANUP", "CLEANUP_DELETE"),
}
"""What a user does, as oned asks for it: the action, and the LCM state by then."""
SPARING = ("suspend", "poweroff", "reboot")


def do(world: World, what: str) -> str:
    """Do an operation that is done at once, as oned would ask for it."""
    return finish(carry_out(world.make_job(*ACTIONS[what])))


def import_vm(world: World, **template: Value) -> Job:
    """Have a remote VM without marks imported, and return the job of an operation of it."""
    world.add_local(7, deploy_id="opennebula-hybrid-9", template={"IMPORTED": "YES"})
    world.local.vms[7].user_template |= template
    world.add_remote(9, marks=None)
    return world.open_job()


@pytest.mark.parametrize("what", ["terminate", "delete", "suspend"])
def test_a_vm_that_is_denied_and_listed_is_not_taken_for_gone(world: World, what: str) -> None:
    world.add_both()
    world.remote.script("vm.info", refuse(NOT_FOUND))
    goal = "SUSPENDED" if what == "suspend" else "DONE"
    steps = carry_out(world.make_job(*ACTIONS[what]))
    assert isinstance(next(steps), Pause)
    world.remote.after |= dict.fromkeys((what, "terminate-hard"), goal)
    with pytest.raises(StopIteration):
        next(steps)
    assert len(world.remote.actions) == 1


@pytest.mark.parametrize("what", ACTIONS)
def test_nothing_is_done_to_the_vm_of_another(world: World, what: str) -> None:
    world.add_both()
    world.add_remote(9, marks=replace(MARKS, vm_id=12))
    with pytest.raises(Refused) as refused:
        do(world, what)
    named = "remote VM 9 is not VM 7's: it carries the marks of VM 12. Nothing was done to it."
    assert str(refused.value).startswith(named)
    assert world.remote.actions == []


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ({"ONE_HYBRID_ID": "other"}, "carries the marks of VM 7 of another host or cloud"),
        ({"ONE_HYBRID_STAY": "1.0"}, "carries the marks of an earlier VM 7"),
        ({"ONE_HYBRID_STAY": "soon"}, "carries damaged marks"),
        ({"REMOTE_OPENNEBULA_VM_ID": "9"}, "carries the marks of VM 9"),
        ({"REMOTE_OPENNEBULA_VM_ID": "x9"}, "carries damaged marks"),
    ],
)
def test_marks_that_say_otherwise_are_told(
    world: World, marks: dict[str, Value], words: str
) -> None:
    world.add_both().user_template |= marks
    with pytest.raises(Refused, match=f"is not VM 7's: it {words}"):
        do(world, "poweroff")


def test_a_vm_that_has_lost_its_marks_is_left_alone(world: World) -> None:
    world.add_both().user_template.clear()
    with pytest.raises(Refused, match="is called after VM 7, and has lost its marks"):
        do(world, "suspend")


@pytest.mark.parametrize(("vm_id", "is_ours"), [("7", True), ("12", False)])
def test_a_vm_of_the_ruby_driver_is_known_by_its_one_mark(
    world: World, vm_id: str, *, is_ours: bool
) -> None:
    world.add_both().user_template = {"REMOTE_OPENNEBULA_VM_ID": vm_id}
    if is_ours:
        assert do(world, "reboot") == ""
    else:
        with pytest.raises(Refused, match="the marks of VM 12, by the Ruby driver"):
            do(world, "reboot")


def test_marks_cost_one_call_a_vm_and_process(world: World) -> None:
    vm = world.add_both()
    world.remote.after |= {"poweroff": "POWEROFF", "suspend": "SUSPENDED", "resume": "RUNNING"}
    for what in ("poweroff", "resume", "suspend", "resume", "reboot", "reboot-hard"):
        do(world, what)
    assert vm.state == "RUNNING"
    assert world.remote.count("vm.info") == 1
    assert world.remote.count("vm.action") == 6


def test_the_marks_are_read_again_in_time(world: World) -> None:
    world.add_both()
    do(world, "reboot")
    world.wait(601)
    world.remote.vms[9].user_template["REMOTE_OPENNEBULA_VM_ID"] = "12"
    with pytest.raises(Refused, match="carries the marks of VM 12"):
        do(world, "reboot")


def test_an_id_that_a_restored_remote_gave_to_another_is_noticed(world: World) -> None:
    world.add_both()
    do(world, "reboot")
    world.remote.is_down = True
    with pytest.raises(Unreachable):
        do(world, "reboot")
    world.remote.is_down = False
    world.remote.vms[9].user_template["REMOTE_OPENNEBULA_VM_ID"] = "4711"
    with pytest.raises(Refused, match="carries the marks of VM 4711"):
        do(world, "reboot")


def test_what_was_read_for_the_marks_tells_the_state_too(world: World) -> None:
    world.add_both(remote_state="POWEROFF")
    job = world.open_job()
    state = require_own(job, 9)
    assert str(state) == "POWEROFF"
    assert require_own(job, 9) is None, "by then it is known"


def test_a_vm_that_the_remote_does_not_know_is_gone(world: World) -> None:
    world.add_local(7, deploy_id="opennebula-hybrid-9")
    job = world.open_job()
    assert require_own(job, 9) == GONE
    with pytest.raises(NotFound):
        read_own(job, 9)


def test_a_vm_that_cannot_be_read_is_not_taken_for_gone(world: World) -> None:
    world.add_both()
    job = world.open_job()
    world.remote.script("vm.info", drop)
    with pytest.raises(Unreachable):
        require_own(job, 9)


def test_an_imported_vm_gets_marks_before_the_first_action(world: World) -> None:
    job = import_vm(world)
    assert require_own(job, 9) == RUNNING
    assert read_marks(world.remote.vms[9].read()) == MARKS
    assert [call.split()[0] for call in world.remote.calls] == ["vm.info", "vm.update", "vm.info"]
    assert world.log == ["Remote VM 9, which was imported, is marked as this VM's"]


def test_the_first_imported_vm_of_a_host_gives_it_its_hybrid_id(world: World) -> None:
    del world.local.hosts[HOST_ID]["ONE_HYBRID_ID"]
    require_own(import_vm(world), 9)
    written = world.local.hosts[HOST_ID]["ONE_HYBRID_ID"]
    assert world.remote.vms[9].user_template["ONE_HYBRID_ID"] == written != ""


@pytest.mark.parametrize("what", ["poweroff", "terminate-hard", "delete"])
def test_what_two_clouds_have_imported_is_the_first_ones(world: World, what: str) -> None:
    import_vm(world)
    world.add_remote(9, marks=replace(MARKS, hybrid_id="hybrid-b")).name = "web"
    with pytest.raises(Refused, match="carries the marks of VM 7 of another host or cloud"):
        do(world, what)
    assert world.remote.actions == []


def overtake(vm: ScriptedVm) -> None:
    """Have another front-end write its marks."""
    vm.user_template |= {"REMOTE_OPENNEBULA_VM_ID": "8", "ONE_HYBRID_ID": "hybrid-b"}


@pytest.mark.parametrize("what", SPARING)
def test_marks_that_did_not_stay_are_no_proof(world: World, what: str) -> None:
    import_vm(world)
    vm = world.remote.vms[9]
    world.remote.script("vm.info", after(lambda: None), after(lambda: overtake(vm)))
    with pytest.raises(Refused, match="carries the marks of VM 8 of another host"):
        do(world, what)
    assert world.remote.actions == []


@pytest.mark.parametrize("host", ["burst2", "kvm"])
def test_a_vm_that_was_imported_from_another_host_is_left_alone(world: World, host: str) -> None:
    import_vm(world, PUBLIC_CLOUD={"TYPE": "opennebula", "HOST": host})
    with pytest.raises(Refused, match="it carries no marks, and no import explains it"):
        do(world, "terminate-hard")


def test_an_unmarked_vm_that_was_not_imported_is_left_alone(world: World) -> None:
    import_vm(world)
    del world.local.vms[7].template["IMPORTED"]
    with pytest.raises(Refused, match="it carries no marks, and no import explains it"):
        do(world, "terminate-hard")
    assert world.remote.count("vm.update") == 0


def test_marks_keep_what_the_owner_has_written(world: World) -> None:
    import_vm(world)
    world.remote.vms[9].user_template["OWNER"] = "me"
    remote = world.open()
    assert give_marks(remote, world.cloud, 9, MARKS) == MARKS
    assert world.remote.vms[9].user_template == {
        "OWNER": "me",
        "REMOTE_OPENNEBULA": "YES",
        "REMOTE_OPENNEBULA_VM_ID": "7",
        "ONE_HYBRID_ID": HYBRID_ID,
        "ONE_HYBRID_STAY": f"{BORN}.0",
    }
    assert world.remote.calls[0].endswith(" 1"), "it merges"


@pytest.mark.parametrize("action", ["RESIZE", "SHUTDOWN"])
def test_an_id_that_became_anothers_during_a_wait_is_seen(world: World, action: str) -> None:
    world.local.hosts[HOST_ID]["ONE_PASS_THROUGH"] = "RESIZE"
    world.add_both(remote_state="HOTPLUG")
    world.local.vms[7].template |= {"RESIZE": {"MEMORY": "128"}}
    world.remote.script("vm.action", refuse(WRONG_STATE))
    state = {"RESIZE": "HOTPLUG_RESIZE", "SHUTDOWN": "SHUTDOWN_POWEROFF"}[action]
    steps = carry_out(world.make_job(action, state))
    resume(steps, None)
    world.remote.calls.clear()
    world.wait(30)
    world.add_remote(9, marks=replace(MARKS, vm_id=12))
    with pytest.raises(Refused, match="remote VM 9 is not VM 7's"):
        resume(steps, STATES["RUNNING"])
    assert {call.split()[0] for call in world.remote.calls} == {"vm.info"}


def test_a_vm_that_is_adopted_is_found_where_oned_has_no_deploy_id_of_it(world: World) -> None:
    public_cloud = {"TYPE": "opennebula", "VM_ID": "9", "HOST": HOST}
    world.add_local(7, deploy_id="one-7", user_template={"PUBLIC_CLOUD": public_cloud})
    world.add_remote(9).name = "shop"
    do(world, "reboot")
    assert world.remote.count("vm.action") == 1


def test_what_a_user_names_is_not_operated_by_the_ruby_drivers_mark_alone(world: World) -> None:
    public_cloud = {"TYPE": "opennebula", "VM_ID": "9", "HOST": HOST}
    world.add_local(7, deploy_id="one-7", user_template={"PUBLIC_CLOUD": public_cloud})
    world.add_remote(9, marks=None).user_template = {"REMOTE_OPENNEBULA_VM_ID": "7"}
    with pytest.raises(Refused, match="by the Ruby driver"):
        do(world, "reboot")
    assert world.remote.actions == []


def test_the_clean_up_of_an_adoption_that_failed_destroys_nothing(world: World) -> None:
    public_cloud = {"TYPE": "opennebula", "VM_ID": "9", "HOST": HOST}
    world.add_local(7, user_template={"PUBLIC_CLOUD": public_cloud})
    world.add_remote(9).name = "shop"
    finish(carry_out(world.make_job("CLEANUP", "CLEANUP_DELETE")))
    assert world.remote.count("vm.action") == 0
