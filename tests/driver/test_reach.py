"""SUCCESS means that the remote VM is where oned wanted it, however it came there."""

from dataclasses import replace

import pytest

from one2one.driver.operation import Job
from one2one.driver.reach import SETTLE_S, destroy, reach
from one2one.driver.watch import StateWait
from one2one.hybrid import goals
from one2one.hybrid.goals import Goal
from one2one.opennebula.errors import Busy, Refused, Unreachable
from tests.driver.scripted import (
    ACTION,
    NO_LEADER,
    NOT_FOUND,
    STATES,
    WRONG_STATE,
    Happening,
    after,
    drop,
    lose,
    refuse,
)
from tests.driver.world import MARKS, SHUTDOWN_TIMEOUT, World, finish


def open_own_job(world: World) -> Job:
    """Return a job whose remote VM's owner is known, so that it begins with the action."""
    job = world.open_job()
    job.remote.owner_cache.add(9, MARKS)
    return job


def overtake(world: World, state: str) -> None:
    """Have the remote's own user act on the VM."""
    world.remote.vms[9].state = state


def test_success_comes_with_the_state_and_not_with_the_accepted_action(world: World) -> None:
    world.add_both()
    world.remote.after["suspend"] = "SAVE_SUSPEND"
    steps = reach(open_own_job(world), 9, goals.SUSPENDED, "suspend")
    wait = next(steps)
    assert wait == StateWait(9, STATES["SAVE_SUSPEND"], world.now + SHUTDOWN_TIMEOUT)
    with pytest.raises(StopIteration):
        steps.send(STATES["SUSPENDED"])
    assert world.remote.calls == ["vm.action suspend 9", "vmpool.infoset 9 False"]


@pytest.mark.parametrize(
    ("action", "goal"),
    [
        ("resume", goals.RUNNING),
        ("poweroff", goals.POWEROFF),
        ("undeploy", goals.UNDEPLOYED),
        ("suspend", goals.SUSPENDED),
        ("stop", goals.STOPPED),
        ("terminate", goals.DONE),
    ],
)
def test_where_the_vm_is_there_already_nothing_is_asked(
    world: World, action: str, goal: Goal
) -> None:
    world.add_both(remote_state=goal.name)
    assert finish(reach(world.open_job(), 9, goal, action)) == ""
    assert world.remote.calls == ["vm.info 9"]


def test_an_action_that_the_remote_overtook_is_success(world: World) -> None:
    world.add_both(remote_state="SUSPENDED")
    world.remote.script("vm.action", refuse(WRONG_STATE))
    assert finish(reach(open_own_job(world), 9, goals.SUSPENDED, "suspend")) == ""


def test_an_action_that_the_remote_overtakes_while_it_is_asked_is_success(world: World) -> None:
    world.add_both()
    world.remote.script(
        "vm.action", after(lambda: overtake(world, "SUSPENDED")), refuse(WRONG_STATE)
    )
    assert finish(reach(open_own_job(world), 9, goals.SUSPENDED, "suspend")) == ""
    assert world.remote.actions == ["suspend 9"]


def test_an_action_whose_answer_was_lost_is_asked_for_once(world: World) -> None:
    world.add_both()
    world.remote.after["suspend"] = "SAVE_SUSPEND"
    world.remote.script("vm.action", lose)
    assert finish(reach(open_own_job(world), 9, goals.SUSPENDED, "suspend"), "SUSPENDED") == ""
    assert world.remote.actions == ["suspend 9"]


def test_an_action_that_was_lost_itself_is_asked_for_again(world: World) -> None:
    world.add_both()
    world.remote.script("vm.action", drop)
    assert finish(reach(open_own_job(world), 9, goals.SUSPENDED, "suspend"), "SUSPENDED") == ""
    assert world.remote.actions == ["suspend 9", "suspend 9"]


def test_an_action_that_could_not_be_sent_fails_at_once(world: World) -> None:
    world.add_both()
    job = open_own_job(world)
    world.remote.is_down = True
    with pytest.raises(Unreachable, match="Connection refused") as failure:
        finish(reach(job, 9, goals.SUSPENDED, "suspend"))
    assert not failure.value.sent


def test_a_zone_that_elects_a_leader_is_busy(world: World) -> None:
    world.add_both()
    world.remote.script("vm.action", refuse(ACTION, NO_LEADER))
    with pytest.raises(Busy, match="no leader found"):
        finish(reach(open_own_job(world), 9, goals.SUSPENDED, "suspend"))


def test_an_accepted_action_may_take_a_moment_to_begin(world: World) -> None:
    world.add_both()
    steps = reach(open_own_job(world), 9, goals.SUSPENDED, "suspend")
    assert next(steps) == StateWait(9, STATES["RUNNING"], world.now + SETTLE_S)
    world.wait(2)
    assert steps.send(STATES["RUNNING"]) == StateWait(
        9, STATES["RUNNING"], world.now - 2 + SETTLE_S
    )
    assert steps.send(STATES["SAVE_SUSPEND"]) == StateWait(
        9, STATES["SAVE_SUSPEND"], world.now - 2 + SHUTDOWN_TIMEOUT
    )
    assert world.remote.actions == ["suspend 9"]


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("poweroff", "its guest or hypervisor did not follow poweroff"),
        ("poweroff-hard", "its hypervisor did not follow poweroff-hard"),
    ],
)
def test_an_action_that_never_begins_fails(world: World, action: str, words: str) -> None:
    world.add_both()
    steps = reach(open_own_job(world), 9, goals.POWEROFF, action)
    next(steps)
    world.wait(SETTLE_S)
    with pytest.raises(Refused, match=f"remote VM 9 is still RUNNING: {words}"):
        steps.send(None)
    assert world.remote.actions == [f"{action} 9"], "a second one would not help"


def test_a_vm_that_comes_back_from_the_way_fails_at_once(world: World) -> None:
    world.add_both()
    world.remote.after["poweroff"] = "SHUTDOWN_POWEROFF"
    with pytest.raises(Refused, match="is still RUNNING: its guest or hypervisor did not follow"):
        finish(reach(open_own_job(world), 9, goals.POWEROFF, "poweroff"), "RUNNING")
    assert world.remote.actions == ["poweroff 9"]


def test_a_vm_in_the_middle_of_something_else_is_waited_for(world: World) -> None:
    world.add_both(remote_state="HOTPLUG_NIC")
    world.remote.script("vm.action", refuse(WRONG_STATE))
    steps = reach(open_own_job(world), 9, goals.POWEROFF, "poweroff")
    assert finish(steps, "RUNNING", "SHUTDOWN_POWEROFF", "POWEROFF") == ""
    assert world.remote.actions == ["poweroff 9", "poweroff 9"]


def test_a_vm_that_got_the_id_during_an_outage_is_left_alone(world: World) -> None:
    """As after the remote was restored, and another host has had a VM made."""
    world.add_both(remote_state="BOOT")
    world.remote.script("vm.action", refuse(WRONG_STATE))
    job = open_own_job(world)
    steps = reach(job, 9, goals.SUSPENDED, "suspend")
    next(steps)
    job.remote.owner_cache.forget()
    world.add_remote(9, "RUNNING", replace(MARKS, vm_id=8))
    with pytest.raises(Refused, match="carries the marks of VM 8"):
        steps.send(STATES["RUNNING"])
    assert world.remote.calls[-1] == "vm.info 9"


def test_something_else_that_began_on_the_way_takes_no_patience_away(world: World) -> None:
    world.add_both()
    world.remote.after["poweroff"] = "SHUTDOWN_POWEROFF"
    steps = reach(open_own_job(world), 9, goals.POWEROFF, "poweroff")
    assert finish(steps, "HOTPLUG_NIC", "RUNNING", "POWEROFF") == ""
    assert world.remote.actions == ["poweroff 9", "poweroff 9"]


@pytest.mark.parametrize("state", ["SHUTDOWN_POWEROFF", "HOTPLUG_NIC"])
def test_what_takes_too_long_fails_with_the_setting_to_raise(world: World, state: str) -> None:
    world.add_both(remote_state=state)
    world.remote.script("vm.action", refuse(WRONG_STATE))
    steps = reach(open_own_job(world), 9, goals.POWEROFF, "poweroff")
    next(steps)
    world.wait(SHUTDOWN_TIMEOUT)
    with pytest.raises(Refused, match=f"still {state}, 60 s after poweroff.*ONE_SHUTDOWN_TIMEOUT"):
        steps.send(None)


def test_an_action_that_is_accepted_late_is_not_waited_for_beyond_the_deadline(
    world: World,
) -> None:
    world.add_both(remote_state="HOTPLUG_NIC")
    world.remote.script("vm.action", refuse(WRONG_STATE))
    steps, deadline = reach(open_own_job(world), 9, goals.POWEROFF, "poweroff"), world.now + 60
    next(steps)
    world.wait(58)
    assert steps.send(STATES["RUNNING"]) == StateWait(9, STATES["RUNNING"], deadline)


@pytest.mark.parametrize("gone", ["DONE", "FAILED", "SHUTDOWN"])
def test_a_vm_that_ended_on_the_way_fails(world: World, gone: str) -> None:
    world.add_both()
    world.remote.after["suspend"] = "SAVE_SUSPEND"
    with pytest.raises(Refused, match=f"is {gone} and cannot become SUSPENDED"):
        finish(reach(open_own_job(world), 9, goals.SUSPENDED, "suspend"), gone)


def test_a_vm_that_is_gone_before_is_told_from_one_refused_call(world: World) -> None:
    world.add_both()
    job = open_own_job(world)
    del world.remote.vms[9]
    with pytest.raises(Refused, match="is DONE and cannot become SUSPENDED"):
        finish(reach(job, 9, goals.SUSPENDED, "suspend"))


def test_an_outage_after_the_accepted_action_fails_nothing(world: World) -> None:
    world.add_both()
    world.remote.script("vmpool.infoset", drop)
    steps, deadline = (
        reach(open_own_job(world), 9, goals.SUSPENDED, "suspend"),
        world.now + SHUTDOWN_TIMEOUT,
    )
    wait = next(steps)
    assert isinstance(wait, StateWait)
    assert wait.deadline == deadline
    assert wait.last_state not in STATES.values(), "whatever is read then ends the wait"
    with pytest.raises(StopIteration):
        steps.send(STATES["SUSPENDED"])


def test_an_outage_from_the_action_on_fails(world: World) -> None:
    world.add_both()
    world.remote.script("vm.action", drop)
    world.remote.script("vmpool.infoset", drop)
    with pytest.raises(Unreachable):
        finish(reach(open_own_job(world), 9, goals.SUSPENDED, "suspend"))


def test_an_outage_until_the_deadline_is_the_answer(world: World) -> None:
    world.add_both()
    world.remote.after["suspend"] = "SAVE_SUSPEND"
    with pytest.raises(Unreachable, match="no answer"):
        finish(reach(open_own_job(world), 9, goals.SUSPENDED, "suspend"), Unreachable("no answer"))


def test_what_the_remote_failed_at_is_told_in_its_words(world: World) -> None:
    vm = world.add_both(state="SUSPENDED", remote_state="SUSPENDED")
    steps = reach(open_own_job(world), 9, goals.RUNNING, "resume")
    next(steps)
    vm.state, vm.user_template["ERROR"] = "PROLOG_RESUME_FAILURE", "no space left"
    with pytest.raises(Refused, match=r"could not bring its disks \(no space left\)") as refused:
        steps.send(STATES["PROLOG_RESUME_FAILURE"])
    assert "run there: onevm recover --retry 9" in refused.value.remedy


@pytest.mark.parametrize("happening", [drop, refuse(NOT_FOUND), after(lambda: None)])
def test_a_failure_whose_words_are_not_to_be_had_is_told_all_the_same(
    world: World, happening: Happening
) -> None:
    world.add_both(state="SUSPENDED", remote_state="SUSPENDED")
    steps = reach(open_own_job(world), 9, goals.RUNNING, "resume")
    next(steps)
    world.remote.script("vm.info", happening)
    with pytest.raises(Refused, match="is BOOT_FAILURE and cannot become RUNNING"):
        steps.send(STATES["BOOT_FAILURE"])


def test_a_vm_of_another_is_not_terminated(world: World) -> None:
    world.add_both().user_template["REMOTE_OPENNEBULA_VM_ID"] = "12"
    job = open_own_job(world)
    with pytest.raises(Refused, match="is not VM 7's: it carries the marks of VM 12"):
        finish(destroy(job, 9))
    assert world.remote.actions == []


def test_the_marks_are_read_before_each_termination(world: World) -> None:
    world.add_both()
    world.remote.after["terminate-hard"] = "SHUTDOWN"
    assert finish(destroy(open_own_job(world), 9), "DONE") == ""
    assert world.remote.calls[:2] == ["vm.info 9", "vm.action terminate-hard 9"]


@pytest.mark.parametrize("state", ["DONE", None])
def test_what_is_gone_counts_as_terminated(world: World, state: str | None) -> None:
    world.add_both(remote_state=state or "RUNNING")
    if state is None:
        del world.remote.vms[9]
    assert finish(destroy(world.open_job(), 9)) == ""
    assert world.remote.actions == []


def test_a_termination_that_the_storage_fails_at_is_repeated_once(world: World) -> None:
    vm = world.add_both()
    world.remote.after["terminate"] = "EPILOG"
    steps = destroy(world.open_job(), 9, "terminate")
    next(steps)
    vm.state = "EPILOG_FAILURE"
    world.remote.after["terminate-hard"] = "DONE"
    with pytest.raises(StopIteration):
        steps.send(STATES["EPILOG_FAILURE"])
    assert world.remote.actions == ["terminate 9", "terminate-hard 9"]
    assert "It is terminated once more, which deletes it" in world.log[0]


def test_a_termination_does_not_lose_what_persistent_disks_have_not_saved(world: World) -> None:
    vm = world.add_both()
    vm.template["DISK"] = {"DISK_ID": "0", "SAVE": "YES"}
    world.remote.after["terminate"] = "EPILOG"
    steps = destroy(world.open_job(), 9, "terminate")
    next(steps)
    vm.state = "EPILOG_FAILURE"
    with pytest.raises(Refused, match="loses what its persistent disks have not saved"):
        steps.send(STATES["EPILOG_FAILURE"])
    assert world.remote.actions == ["terminate 9"]


def test_a_termination_that_the_guest_ignores_is_not_made_a_hard_one(world: World) -> None:
    world.add_both()
    world.remote.after["terminate"] = "SHUTDOWN"
    with pytest.raises(Refused, match="its guest or hypervisor did not follow terminate"):
        finish(destroy(world.open_job(), 9, "terminate"), "RUNNING")
    assert world.remote.actions == ["terminate 9"]
