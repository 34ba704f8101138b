"""A system that gives no thread is busy, and no bug ends a thread."""

from collections.abc import Callable

import pytest

from one2one import runtime
from one2one.driver.threads import run_guarded, start_thread
from one2one.opennebula.errors import Busy
from tests.driver.world import World
from tests.threads import bugs


def test_what_is_started_runs(world: World) -> None:
    run: list[str] = []
    start_thread("worker", lambda: run.append("ran"))
    (started,) = world.threads
    started()
    assert run == ["ran"]


@pytest.mark.parametrize("bug", [RuntimeError("can't start new thread"), MemoryError()])
def test_a_thread_that_the_system_does_not_give_is_told_with_the_limit_to_raise(
    world: World, bug: Exception
) -> None:
    def refuse(_name: str, _run: Callable[[], object]) -> None:
        raise bug

    runtime.use(world.build_runtime(start_thread=refuse))
    with pytest.raises(Busy, match="no thread can be started") as busy:
        start_thread("worker", lambda: None)
    assert "TasksMax" in busy.value.remedy


def test_a_bug_is_reported_and_the_thread_goes_on() -> None:
    def fail() -> None:
        raise KeyError("one")

    with bugs() as found:
        run_guarded(fail)
        run_guarded(lambda: found.append("next"))
    assert found == ["KeyError('one')", "next"]


def test_the_end_of_the_process_is_no_bug() -> None:
    def end() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        run_guarded(end)
