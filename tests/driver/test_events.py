"""What a listener is told of the driver's work, in which order."""

from collections.abc import Callable

import pytest

from one2one.driver.attempts import carry_out
from one2one.driver.events import CallEnded, Event, RemoteOpened, ignore
from one2one.driver.monitor import HostMonitor
from one2one.driver.reaper import Reaper
from one2one.hybrid.orphans import NO_GRACE
from tests.driver.world import HOST_ID, World, finish


def deploy(world: World) -> None:
    world.add_local(7)
    finish(carry_out(world.make_job("DEPLOY", "BOOT")))


def monitor(world: World) -> None:
    world.add_both()
    host = HostMonitor(HOST_ID, world.cloud, world.remotes)
    host.read_capacity(host.read_states())


def reap(world: World) -> None:
    world.add_remote(9)
    remote = world.open()
    reaper = Reaper(HOST_ID, world.cloud, world.log.append, grace=NO_GRACE)
    reaper.reap(remote, remote.cloud.list_summaries())


@pytest.mark.parametrize(
    ("work", "told"),
    [
        (deploy, ["vmpool.info", "template.info", "template.instantiate"]),
        (
            monitor,
            [
                "vmpool.infoset",
                "vmpool.infoset",
                "StatesRead",
                "user.info",
                "group.info",
                "CapacityRead",
            ],
        ),
        (reap, ["vmpool.info", "vmpool.infoset", "vm.info", "vm.action", "OrphanReaped"]),
    ],
)
def test_each_call_to_the_remote_and_each_result_is_told(
    world: World, work: Callable[[World], None], told: list[str]
) -> None:
    work(world)
    first, *rest = world.events
    assert isinstance(first, RemoteOpened)
    assert [render(event) for event in rest] == told
    assert all(event.host_id == HOST_ID for event in world.events)


def render(event: Event) -> str:
    if isinstance(event, CallEnded):
        assert event.error is None
        return event.method.removeprefix("one.")
    return type(event).__name__


def test_without_a_listener_nothing_happens() -> None:
    assert ignore(CallEnded(HOST_ID, "one.vm.info", 0.1, None)) is None  # type: ignore[func-returns-value]
