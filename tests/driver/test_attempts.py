"""An operation begins again where that can help and cannot hurt, and only as often as allowed."""

from collections.abc import Callable

import pytest

from one2one.driver.attempts import carry_out
from one2one.driver.operation import Pause
from one2one.hybrid.retry import PATIENCE
from one2one.opennebula.errors import (
    AuthenticationError,
    Busy,
    ConfigurationError,
    NotFound,
    OneError,
    ProtocolError,
    Refused,
    Unreachable,
)
from tests.driver.scripted import (
    ACTION,
    NO_LEADER,
    NOT_AUTHENTICATED,
    Answer,
    Happening,
    ScriptedOned,
    drop,
    lose,
    refuse,
)
from tests.driver.world import HOST_ID, World, finish


def lose_leader(oned: ScriptedOned, method: str, times: int) -> None:
    oned.script(method, *times * [refuse(ACTION, NO_LEADER)])


def list_pauses(
    world: World, retries: int, action: str = "SAVE", state: str = "SAVE_SUSPEND"
) -> list[float]:
    """Return how long an operation waits before each new attempt, until it fails."""
    steps, found = carry_out(world.make_job(action, state), retries), list[float]()
    try:
        while True:
            pause = next(steps)
            assert isinstance(pause, Pause)
            found.append(pause.seconds)
            world.wait(pause.seconds)
    except (Unreachable, Busy):
        return found


def test_what_succeeds_at_once_is_done_once(world: World) -> None:
    world.add_both(remote_state="RUNNING")
    assert finish(carry_out(world.make_job("REBOOT", "RUNNING"), retries=3)) == ""
    assert world.remote.actions == ["reboot 9"]


@pytest.mark.parametrize(
    ("retries", "waits"),
    [(0, []), (1, [1.0]), (3, [1.0, 2.0, 4.0]), (8, [1, 2, 4, 8, 16, 32, 60, 60])],
)
def test_a_remote_that_is_down_is_tried_as_often_as_the_arguments_say(
    world: World, retries: int, waits: list[float]
) -> None:
    world.add_both()
    world.remote.is_down = True
    assert list_pauses(world, retries) == waits
    assert len(world.log) == len(waits)
    assert all(
        "before the next attempt: one.vm.info at http://remote" in line for line in world.log
    )


def test_a_remote_that_comes_back_costs_nothing_but_time(world: World) -> None:
    world.add_both(remote_state="SUSPENDED")
    world.remote.is_down = True
    steps = carry_out(world.make_job(), retries=1)
    next(steps)
    world.remote.is_down = False
    world.wait(2)
    with pytest.raises(StopIteration):
        next(steps)


def test_no_attempt_begins_ten_minutes_after_the_action_arrived(world: World) -> None:
    world.add_both()
    world.remote.is_down = True
    assert sum(list_pauses(world, retries=100)) <= 600


def test_a_zone_without_a_leader_is_waited_for_without_retries(world: World) -> None:
    world.add_both()
    lose_leader(world.remote, "vm.action", 100)
    assert list_pauses(world, retries=0) == [1, 2, 4, 8, 16][:PATIENCE]


def test_a_new_leader_ends_the_waiting(world: World) -> None:
    world.add_both()
    lose_leader(world.remote, "vm.action", 2)
    world.remote.after["suspend"] = "SUSPENDED"
    assert finish(carry_out(world.make_job()), None, None) == ""
    assert world.remote.actions == 3 * ["suspend 9"]


@pytest.mark.parametrize(
    ("action", "state", "method"),
    [
        ("DEPLOY", "BOOT", "template.instantiate"),
        ("REBOOT", "RUNNING", "vm.action"),
        ("RESET", "RUNNING", "vm.action"),
    ],
)
def test_what_would_be_done_twice_is_not_repeated_after_a_lost_answer(
    world: World, action: str, state: str, method: str
) -> None:
    world.add_local(7, deploy_id="" if action == "DEPLOY" else "opennebula-hybrid-9")
    world.add_remote(9)
    world.remote.vms[9].state = "RUNNING" if action != "DEPLOY" else "DONE"
    world.remote.script(method, drop)
    assert list_pauses(world, 5, action, state) == []
    assert world.remote.count(method) == 1


def test_what_asks_for_a_state_is_repeated_after_a_lost_answer(world: World) -> None:
    world.add_both()
    world.remote.after["suspend"] = "SAVE_SUSPEND"
    world.remote.script("vm.action", lose)
    world.remote.script("vmpool.infoset", drop)
    assert finish(carry_out(world.make_job(), retries=1), None, "SUSPENDED") == ""


@pytest.mark.parametrize(("code", "kind"), [(ACTION, Refused), (0x1000, ProtocolError)])
def test_a_refusal_is_final(world: World, code: int, kind: type[OneError]) -> None:
    world.add_both()
    world.remote.script("vm.action", refuse(code))
    with pytest.raises(kind):
        finish(carry_out(world.make_job(), retries=5))
    assert world.remote.count("vm.action") == 1


def test_a_host_with_a_wrong_setting_is_told_at_once(world: World) -> None:
    world.add_both()
    world.local.hosts[HOST_ID]["ONE_TIMEOUT"] = "soon"
    with pytest.raises(ConfigurationError, match="host burst1 has ONE_TIMEOUT='soon'"):
        finish(carry_out(world.make_job(), retries=5))


def test_a_host_that_is_gone_is_told_at_once(world: World) -> None:
    world.add_both()
    job = world.make_job()
    del world.local.hosts[HOST_ID]
    with pytest.raises(NotFound):
        finish(carry_out(job, retries=5))


def change_password(world: World, password: str) -> Happening:
    """Return the refusal of the present password, while an administrator writes a new one."""

    def happen(carry_out: Callable[[], Answer]) -> Answer:
        world.local.hosts[HOST_ID]["ONE_PASSWORD"] = password
        world.wait(1)
        return refuse(NOT_AUTHENTICATED)(carry_out)

    return happen


def test_a_new_password_is_tried_at_once_and_without_retries(world: World) -> None:
    world.add_both(remote_state="SUSPENDED")
    world.remote.script("vm.info", change_password(world, "neu"))
    assert finish(carry_out(world.make_job())) == ""
    assert world.remote.count("vm.info") == 2


def test_of_many_new_passwords_one_is_tried_at_once(world: World) -> None:
    world.add_both(remote_state="SUSPENDED")
    world.remote.script("vm.info", *(change_password(world, str(n)) for n in range(5)))
    assert isinstance(next(carry_out(world.make_job(), retries=5)), Pause)
    assert world.remote.count("vm.info") == 2


def test_a_remote_whose_database_is_away_knows_no_user_and_is_waited_for(world: World) -> None:
    world.add_both(remote_state="SUSPENDED")
    world.remote.script("vm.info", *2 * [refuse(NOT_AUTHENTICATED)])
    assert finish(carry_out(world.make_job()), None, None) == ""


def test_a_wrong_password_is_not_tried_for_ever(world: World) -> None:
    world.add_both()
    world.remote.script("vm.info", *100 * [refuse(NOT_AUTHENTICATED)])
    with pytest.raises(AuthenticationError):
        finish(carry_out(world.make_job(), retries=8), *PATIENCE * [None])
    assert world.remote.count("vm.info") == 1 + PATIENCE


def test_each_attempt_goes_where_the_host_points_by_then(world: World) -> None:
    world.add_both(remote_state="SUSPENDED")
    world.local.hosts[HOST_ID]["ONE_ENDPOINT"] = "http://local/RPC2"
    world.local.vms[9] = world.remote.vms[9]
    world.local.script("vm.info", refuse(ACTION, NO_LEADER))
    steps = carry_out(world.make_job())
    next(steps)
    world.local.hosts[HOST_ID]["ONE_ENDPOINT"] = "http://remote/RPC2"
    world.wait(1)
    with pytest.raises(StopIteration):
        next(steps)
    assert world.remote.calls == ["vm.info 9"]


@pytest.mark.parametrize("cause", ["down", "busy"])
def test_a_state_that_cannot_be_read_is_no_failure(world: World, cause: str) -> None:
    world.add_both()
    world.remote.is_down = cause == "down"
    world.remote.script("vm.info", refuse(ACTION, NO_LEADER))
    assert finish(carry_out(world.make_job("POLL", "RUNNING"), retries=5)) == "STATE=-"
    assert world.log[0].startswith(
        "The state of opennebula-hybrid-9 could not be read: one.vm.info"
    )


def test_a_wrong_password_fails_a_poll(world: World) -> None:
    world.add_both()
    world.remote.script("vm.info", refuse(NOT_AUTHENTICATED))
    with pytest.raises(AuthenticationError):
        finish(carry_out(world.make_job("POLL", "RUNNING")))
