"""Waiting callbacks are called, even when a reading or another callback fails."""

from collections.abc import Callable

import pytest

from one2one import runtime
from one2one.driver.watch import GONE, StateWait, Watch, end_wait, is_final, read_states
from one2one.opennebula.errors import (
    AuthenticationError,
    Busy,
    InternalError,
    NotAuthorized,
    OneError,
    ProtocolError,
    Unreachable,
)
from one2one.opennebula.states import RUNNING, State
from tests.driver.scripted import NOT_FOUND, STATES, Answer, after, answer, drop, refuse
from tests.driver.world import World
from tests.threads import bugs

OFF = STATES["POWEROFF"]


class Waiters:
    """Waits for VMs that run, and what each came to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.watch: Watch = world.open().watch
        self.outcomes: dict[int, State | OneError] = {}
        world.remote.calls.clear()

    def wait(self, remote_id: int, seconds: float = 60.0) -> None:
        deadline = self._world.now + seconds
        self.watch.wait(StateWait(remote_id, RUNNING, deadline), self._note(remote_id))

    def _note(self, remote_id: int) -> Callable[[State | OneError], None]:
        def note(outcome: State | OneError) -> None:
            assert remote_id not in self.outcomes, "called back twice"
            self.outcomes[remote_id] = outcome

        return note


def run_thread(world: World) -> None:
    """Let the watch's only thread run until nothing waits."""
    (run,) = world.threads
    world.threads.clear()
    run()


def test_a_hundred_waits_are_one_thread_and_one_call_a_look(world: World) -> None:
    waiters = Waiters(world)
    for remote_id in range(100):
        world.add_remote(remote_id, "POWEROFF")
        waiters.wait(remote_id)
    run_thread(world)
    assert waiters.outcomes == dict.fromkeys(range(100), OFF)
    assert world.remote.count("vmpool.infoset") == len(world.remote.calls) == 1


def test_each_wait_ends_when_its_own_vm_changes(world: World) -> None:
    waiters = Waiters(world)
    for remote_id, state in ((1, "POWEROFF"), (2, "RUNNING")):
        world.add_remote(remote_id, state)
        waiters.wait(remote_id)

    def change() -> None:
        assert waiters.outcomes == {1: OFF}
        world.remote.vms[2].state = "POWEROFF"

    world.remote.script("vmpool.infoset", after(lambda: None), after(change))
    run_thread(world)
    assert waiters.outcomes == {1: OFF, 2: OFF}
    assert world.remote.calls == ["vmpool.infoset 1,2 False", "vmpool.infoset 2 False"]


def test_a_quick_action_is_seen_quickly_and_a_slow_one_once_a_second(world: World) -> None:
    waiters, looks = Waiters(world), list[float]()
    world.add_remote(1)
    begun = world.now

    def look() -> None:
        looks.append(round(world.now - begun, 3))
        if len(looks) == 7:
            world.remote.vms[1].state = "POWEROFF"

    world.remote.script("vmpool.infoset", *7 * [after(look)])
    waiters.wait(1)
    run_thread(world)
    assert looks == [0.1, 0.3, 0.7, 1.5, 2.5, 3.5, 4.5]


def test_at_the_deadline_the_state_of_then_is_told(world: World) -> None:
    waiters = Waiters(world)
    world.add_remote(1)
    waiters.wait(1, seconds=3.0)
    begun = world.now
    run_thread(world)
    assert waiters.outcomes == {1: RUNNING}
    assert 3.0 <= world.now - begun < 4.0


def test_an_outage_is_told_at_the_deadline_only(world: World) -> None:
    waiters = Waiters(world)
    world.add_remote(1, "POWEROFF")
    waiters.wait(1, seconds=3.0)
    world.remote.is_down = True
    begun = world.now
    run_thread(world)
    assert isinstance(waiters.outcomes[1], Unreachable)
    assert world.now - begun >= 3.0


def test_an_outage_that_ends_in_time_costs_nothing(world: World) -> None:
    waiters = Waiters(world)
    world.add_remote(1, "POWEROFF")
    world.remote.script("vmpool.infoset", drop, drop)
    waiters.wait(1)
    run_thread(world)
    assert waiters.outcomes == {1: OFF}


def test_where_asking_again_cannot_help_all_are_told_at_once(world: World) -> None:
    waiters = Waiters(world)
    for remote_id in (1, 2):
        waiters.wait(remote_id)
    world.remote.script("vmpool.infoset", refuse(0x100, "wrong password"))
    run_thread(world)
    assert [type(waiters.outcomes[i]) for i in (1, 2)] == 2 * [AuthenticationError]


def test_a_callback_may_wait_again(world: World) -> None:
    waiters, again = Waiters(world), Waiters(world)
    world.add_remote(1, "POWEROFF")
    watch = waiters.watch
    watch.wait(StateWait(1, RUNNING, world.now + 60), lambda _: again.wait(1))
    run_thread(world)
    assert again.outcomes == {1: OFF}
    assert world.threads == [], "the thread that ran served it too"


def test_the_thread_ends_with_the_last_wait_and_a_new_one_starts(world: World) -> None:
    waiters = Waiters(world)
    for remote_id in (1, 2):
        world.add_remote(remote_id, "POWEROFF")
        waiters.wait(remote_id)
        run_thread(world)
    assert waiters.outcomes == {1: OFF, 2: OFF}


@pytest.mark.parametrize(
    "bug", [ValueError("-5"), RecursionError("too deep"), MemoryError(), AssertionError()]
)
def test_after_a_bug_those_that_wait_are_answered_and_the_next_are_served(
    world: World, monkeypatch: pytest.MonkeyPatch, bug: Exception
) -> None:
    waiters = Waiters(world)
    for remote_id in (1, 2):
        waiters.wait(remote_id)
    with monkeypatch.context() as broken:
        broken.setattr(world.open().cloud, "list_vms_by_id", _raise(bug))
        run_thread(world)
    for remote_id in (1, 2):
        outcome = waiters.outcomes[remote_id]
        assert isinstance(outcome, InternalError)
        assert type(bug).__name__ in str(outcome)
        assert str(outcome).endswith("Report it")
    world.add_remote(3, "POWEROFF")
    waiters.wait(3)
    run_thread(world)
    assert waiters.outcomes[3] == OFF


def _raise(bug: Exception) -> Callable[[object], Answer]:
    def fail(_ids: object) -> Answer:
        raise bug

    return fail


def test_a_callback_with_a_bug_takes_nothing_from_the_others(world: World) -> None:
    def fail(_answer: State | OneError) -> None:
        raise KeyError("callback")

    waiters = Waiters(world)
    for remote_id in (1, 2):
        world.add_remote(remote_id, "POWEROFF")
    with bugs() as found:
        waiters.watch.wait(StateWait(1, RUNNING, world.now + 60), fail)
        waiters.wait(2)
        run_thread(world)
    assert found == ["KeyError('callback')"]
    assert waiters.outcomes == {2: OFF}


def test_without_a_thread_nothing_waits_until_there_is_one(world: World) -> None:
    def refuse_thread(_name: str, _run: Callable[[], object]) -> None:
        raise RuntimeError("can't start new thread")

    waiters = Waiters(world)
    world.add_remote(1, "POWEROFF")
    world.add_remote(2, "POWEROFF")
    runtime.use(world.build_runtime(start_thread=refuse_thread))
    with pytest.raises(Busy, match="no thread can be started"):
        waiters.wait(1)
    runtime.use(world.build_runtime())
    waiters.wait(2)
    run_thread(world)
    assert waiters.outcomes == {2: OFF}, "oned was told of the other that it failed"


LATE = 100.0
"""The deadline of the waits in the next table."""


@pytest.mark.parametrize(
    ("read", "now", "ends"),
    [
        (RUNNING, 99.0, False),
        (RUNNING, LATE, True),
        (OFF, 99.0, True),
        (Unreachable("x"), 99.0, False),
        (Unreachable("x"), LATE, True),
        (Busy("x"), 99.0, False),
        (ProtocolError("x"), 99.0, False),
        (AuthenticationError("x"), 99.0, True),
        (NotAuthorized("x"), 99.0, True),
        (InternalError("x"), 99.0, True),
    ],
)
def test_what_ends_a_wait(read: State | OneError, now: float, *, ends: bool) -> None:
    assert end_wait(StateWait(1, RUNNING, LATE), read, now) == (read if ends else None)


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (AuthenticationError, True),
        (NotAuthorized, True),
        (InternalError, True),
        (Unreachable, False),
        (Busy, False),
        (ProtocolError, False),
    ],
)
def test_errors_after_which_asking_again_cannot_help(error: type[OneError], *, final: bool) -> None:
    assert is_final(error("x")) is final


def test_a_vm_that_the_list_leaves_out_is_asked_for_alone(world: World) -> None:
    cloud = world.open().cloud
    world.add_remote(1)
    world.remote.script("vm.info", answer(world.add_remote(2, "DONE").render()))
    del world.remote.vms[2]
    assert read_states(cloud, [1, 2]) == {1: RUNNING, 2: GONE}


def test_a_vm_is_gone_only_if_the_remote_denies_it_alone(world: World) -> None:
    cloud = world.open().cloud
    world.remote.script("vm.info", refuse(NOT_FOUND))
    assert read_states(cloud, [1]) == {1: GONE}
    world.remote.script("vm.info", drop)
    with pytest.raises(Unreachable):
        read_states(cloud, [1])


def test_a_vm_that_cannot_be_read_hides_no_other(world: World) -> None:
    cloud = world.open().cloud
    world.add_remote(2)
    world.remote.script("vm.info", answer("<VM/>"), answer("<VM/>"))
    assert read_states(cloud, [1, 2]) == {2: RUNNING}
    with pytest.raises(ProtocolError):
        read_states(cloud, [1])
