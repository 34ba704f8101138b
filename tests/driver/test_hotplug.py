"""A change asks for what is missing, waits for it, and never asks twice for the same."""

from collections.abc import Callable

import pytest

from one2one.driver.hotplug import Call, Result, change
from one2one.driver.operation import Job, Steps
from one2one.driver.reach import SETTLE_S
from one2one.driver.watch import StateWait
from one2one.hybrid import goals
from one2one.opennebula.cloud import Update
from one2one.opennebula.errors import Busy, ProtocolError, Refused, Unreachable, WrongState
from one2one.opennebula.records import Vm
from one2one.opennebula.states import State
from tests.driver.scripted import (
    ACTION,
    NO_LEADER,
    STATES,
    WRONG_STATE,
    Answer,
    Happening,
    drop,
    lose,
    refuse,
)
from tests.driver.world import MARKS, SHUTDOWN_TIMEOUT, World, finish

UPDATE = "vm.update 9 <TEMPLATE><COLOUR>red</COLOUR></TEMPLATE> 1"
UNREAD = State(-1)


def begin(world: World) -> Steps:
    """Begin to paint the remote VM red."""
    job = world.open_job("RESIZE", "HOTPLUG_RESIZE")
    world.remote.calls.clear()
    return paint(job)


def paint(job: Job) -> Steps:
    def choose(remote: Vm, accepted: frozenset[str]) -> Call | Result:
        if remote.user_template.text("COLOUR") == "red":
            return Result("painted")
        text = "<TEMPLATE><COLOUR>red</COLOUR></TEMPLATE>"
        return Call("resize red", lambda: job.remote.cloud.update_vm(remote.id, text, Update.MERGE))

    return change(job, choose, goals.CHANGEABLE)


def put(world: World, state: str) -> Happening:
    """Accept the call and put the VM into *state*, without the effect."""

    def happen(_carry_out: object) -> Answer:
        world.remote.vms[9].state = state
        return 9

    return happen


def damage(carry_out: Callable[[], Answer]) -> Answer:
    """Carry the call out, and answer what is no answer of OpenNebula."""
    carry_out()
    return True


def count_updates(world: World) -> int:
    return world.remote.count("vm.update")


def test_what_is_there_already_is_not_asked_for(world: World) -> None:
    world.add_both().user_template["COLOUR"] = "red"
    assert finish(begin(world)) == "painted"
    assert world.remote.calls == ["vm.info 9"]


def test_what_is_missing_is_asked_for_once(world: World) -> None:
    world.add_both()
    assert finish(begin(world)) == "painted"
    assert world.remote.calls == ["vm.info 9", UPDATE, "vm.info 9"]


def test_success_comes_when_the_remote_has_done_it(world: World) -> None:
    vm = world.add_both()
    world.remote.script("vm.update", put(world, "HOTPLUG"))
    steps = begin(world)
    assert next(steps) == StateWait(9, STATES["HOTPLUG"], world.now + SHUTDOWN_TIMEOUT)
    vm.state, vm.user_template["COLOUR"] = "RUNNING", "red"
    assert finish_waiting(steps, "RUNNING") == "painted"
    assert count_updates(world) == 1


def finish_waiting(steps: Steps, state: str) -> str:
    """Tell *steps*, which waits, the VM's state, and return what it answers."""
    with pytest.raises(StopIteration) as end:
        steps.send(STATES[state])
    return str(end.value.value)


def test_a_change_that_does_not_come_has_failed(world: World) -> None:
    world.add_both()
    world.remote.script("vm.update", put(world, "RUNNING"))
    steps = begin(world)
    assert next(steps) == StateWait(9, STATES["RUNNING"], world.now + SETTLE_S)
    world.wait(SETTLE_S)
    with pytest.raises(Refused, match=r"remote VM 9 is RUNNING: resize red failed there\b"):
        steps.send(STATES["RUNNING"])
    assert count_updates(world) == 1


def test_a_new_error_of_the_remote_vm_is_quoted_at_once_and_an_old_one_never(world: World) -> None:
    vm = world.add_both()
    vm.user_template["ERROR"] = "old"
    world.remote.script("vm.update", put(world, "HOTPLUG"))
    steps = begin(world)
    next(steps)
    vm.state, vm.user_template["ERROR"] = "RUNNING", "Fri Nov 6 12:00:00 2026: RESIZE: new"
    with pytest.raises(Refused, match=r"resize red failed there \(Fri .*: RESIZE: new\)"):
        steps.send(STATES["RUNNING"])

    vm.user_template["ERROR"] = "Fri Nov 6 12:00:00 2026: RESIZE: old"
    world.remote.script("vm.update", put(world, "RUNNING"))
    steps = begin(world)
    next(steps)
    world.wait(SETTLE_S)
    with pytest.raises(Refused) as raised:
        steps.send(STATES["RUNNING"])
    assert "old" not in raised.value.cause


@pytest.mark.parametrize("action", ["RESIZEDISK", "SNAPSHOTCREATE", "Error deploying"])
def test_an_error_of_another_action_fails_no_change(world: World, action: str) -> None:
    vm = world.add_both()
    world.remote.script("vm.update", put(world, "HOTPLUG"))
    steps = begin(world)
    next(steps)
    vm.state, vm.user_template["ERROR"] = "RUNNING", f"Fri Nov 6 12:00:00 2026: {action}: no"
    assert isinstance(steps.send(STATES["RUNNING"]), StateWait)
    vm.user_template["COLOUR"] = "red"
    assert finish_waiting(steps, "RUNNING") == "painted"


def test_the_remotes_words_are_told_without_the_password(world: World) -> None:
    vm = world.add_both()
    world.remote.script("vm.update", put(world, "HOTPLUG"))
    steps = begin(world)
    next(steps)
    vm.state, vm.user_template["ERROR"] = "RUNNING", "Fri Nov 6 12:00:00 2026: RESIZE: no geheim"
    with pytest.raises(Refused, match=r"RESIZE: no …\)"):
        steps.send(STATES["RUNNING"])


@pytest.mark.parametrize("state", ["HOTPLUG", "MIGRATE", "BOOT_POWEROFF", "PENDING"])
def test_a_vm_in_the_middle_of_something_else_is_waited_for(world: World, state: str) -> None:
    vm = world.add_both(remote_state=state)
    steps = begin(world)
    next(steps)
    assert count_updates(world) == 0
    vm.state = "RUNNING"
    assert finish_waiting(steps, "RUNNING") == "painted"


@pytest.mark.parametrize("state", ["POWEROFF", "SUSPENDED", "UNKNOWN", "BOOT_FAILURE", "DONE"])
def test_a_vm_that_does_not_run_is_not_changed(world: World, state: str) -> None:
    world.add_both(remote_state=state)
    with pytest.raises(Refused, match=f"remote VM 9 is {state}, which does not allow RESIZE"):
        finish(begin(world))
    assert count_updates(world) == 0


def test_the_wait_has_an_end(world: World) -> None:
    world.add_both(remote_state="HOTPLUG")
    steps = begin(world)
    next(steps)
    world.wait(SHUTDOWN_TIMEOUT)
    with pytest.raises(Refused, match=r"remote VM 9 is still HOTPLUG, 60 s after RESIZE"):
        steps.send(STATES["HOTPLUG"])


def test_a_refusal_by_state_counts_only_while_the_state_allows_it(world: World) -> None:
    vm = world.add_both()

    def begin_something(_carry_out: object) -> Answer:
        vm.state = "HOTPLUG"
        return refuse(WRONG_STATE)(lambda: 0)

    world.remote.script("vm.update", begin_something)
    steps = begin(world)
    next(steps)
    vm.state = "RUNNING"
    assert finish_waiting(steps, "RUNNING") == "painted"
    assert count_updates(world) == 2

    del vm.user_template["COLOUR"]
    world.remote.script("vm.update", refuse(WRONG_STATE, "not by this driver"))
    with pytest.raises(WrongState, match="not by this driver"):
        finish(begin(world))


def test_a_lost_answer_is_no_failure_where_the_effect_shows(world: World) -> None:
    world.add_both()
    world.remote.script("vm.update", lose)
    assert finish(begin(world)) == "painted"
    assert count_updates(world) == 1


def test_a_damaged_answer_is_no_failure_where_the_effect_shows(world: World) -> None:
    world.add_both()
    world.remote.script("vm.update", damage)
    assert finish(begin(world)) == "painted"
    assert count_updates(world) == 1


def test_a_damaged_answer_is_told_where_nothing_came_of_it(world: World) -> None:
    world.add_both()
    world.remote.script("vm.update", lambda _carry_out: damage(lambda: 9))
    with pytest.raises(ProtocolError):
        finish(begin(world))
    assert count_updates(world) == 1


def test_a_lost_call_is_not_made_again(world: World) -> None:
    world.add_both()
    world.remote.script("vm.update", drop)
    with pytest.raises(Unreachable) as raised:
        finish(begin(world))
    assert raised.value.call == "one.vm.update"
    assert count_updates(world) == 1


def test_a_busy_vm_after_a_lost_answer_does_what_was_asked_for(world: World) -> None:
    vm = world.add_both()

    def lose_while_it_begins(_carry_out: object) -> Answer:
        vm.state = "HOTPLUG"
        raise ConnectionResetError

    world.remote.script("vm.update", lose_while_it_begins)
    steps = begin(world)
    next(steps)
    vm.state, vm.user_template["COLOUR"] = "RUNNING", "red"
    assert finish_waiting(steps, "RUNNING") == "painted"
    assert count_updates(world) == 1


def test_what_a_lost_answer_came_to_must_be_seen_at_once(world: World) -> None:
    world.add_both()
    steps = begin(world)
    world.remote.script("vm.update", lose)
    world.remote.script("vm.info", lambda carry_out: carry_out(), drop)
    with pytest.raises(Unreachable) as raised:
        finish(steps)
    assert raised.value.call == "one.vm.update"


def test_an_election_is_told_to_the_one_who_may_begin_again(world: World) -> None:
    world.add_both()
    world.remote.script("vm.update", refuse(ACTION, NO_LEADER))
    with pytest.raises(Busy):
        finish(begin(world))


def test_an_outage_after_an_accepted_call_is_waited_out(world: World) -> None:
    world.add_both()
    steps = begin(world)
    world.remote.script("vm.info", lambda carry_out: carry_out(), drop, drop)
    assert next(steps).last_state == UNREAD  # type: ignore[union-attr]
    assert steps.send(STATES["RUNNING"]).last_state == UNREAD  # type: ignore[union-attr]
    assert finish_waiting(steps, "RUNNING") == "painted"


def test_nothing_is_done_to_the_vm_of_another(world: World) -> None:
    world.add_both()
    world.remote.vms[9].user_template["ONE_HYBRID_ID"] = "another"
    with pytest.raises(Refused, match="remote VM 9 is not VM 7's"):
        finish(begin(world))
    assert count_updates(world) == 0


def test_marks_are_read_even_where_the_owner_is_known(world: World) -> None:
    world.add_both()
    job = world.open_job("RESIZE", "HOTPLUG_RESIZE")
    job.remote.owner_cache.add(9, MARKS)
    world.remote.vms[9].user_template["ONE_HYBRID_ID"] = "another"
    with pytest.raises(Refused):
        finish(paint(job))
    assert count_updates(world) == 0
