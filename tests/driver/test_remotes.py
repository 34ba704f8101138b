"""The remote that a host stands for is opened once, and again when its host says otherwise."""

import pytest

from one2one.driver.events import CallEnded, RemoteOpened
from one2one.driver.remotes import build_endpoints
from one2one.opennebula.errors import AuthenticationError, ConfigurationError, NotFound, Unreachable
from tests.driver.scripted import ACTION, NOT_AUTHENTICATED, drop, refuse
from tests.driver.world import HOST, HOST_ID, MARKS, World

FAILURES = 3
"""Calls without an answer after which a remote is spared."""


def test_a_burst_reads_the_host_once(world: World) -> None:
    remotes = [world.remotes.open_for_host(HOST_ID, HOST, world.now) for _ in range(50)]
    assert world.local.count("host.info") == 1
    assert len({id(remote.cloud) for remote in remotes}) == 1


def test_no_reading_of_the_host_serves_for_longer_than_a_second(world: World) -> None:
    asked_at = world.now
    world.remotes.open_for_host(HOST_ID, HOST, asked_at)
    world.wait(1.1)
    world.remotes.open_for_host(HOST_ID, HOST, asked_at)
    assert world.local.count("host.info") == 2


def test_no_operation_works_with_what_the_host_said_before_it_was_asked_for(world: World) -> None:
    world.remotes.open_for_host(HOST_ID, HOST, world.now)
    world.wait(0.1)
    world.local.hosts[HOST_ID]["ONE_ENDPOINT"] = "http://other/RPC2"
    assert world.remotes.open_for_host(HOST_ID, HOST, world.now).cloud.url == "http://other/RPC2"


@pytest.mark.parametrize(
    ("name", "value", "is_new"),
    [
        ("ONE_ENDPOINT", "http://other/RPC2", True),
        ("ONE_PASSWORD", "neu", True),
        ("ONE_USER", "other", True),
        ("ONE_PROXY", "http://proxy:3128", True),
        ("ONE_TIMEOUT", "5", True),
        ("ONE_MAX_CONNECTIONS", "2", True),
        ("ONE_SHUTDOWN_TIMEOUT", "5", False),
        ("ONE_OUTAGE_GRACE", "5", False),
        ("ONE_HYBRID_ID", "hybrid-b", False),
    ],
)
def test_what_was_known_of_a_remote_is_kept_unless_it_is_another(
    world: World, name: str, value: str, *, is_new: bool
) -> None:
    before = world.open()
    before.owner_cache.add(9, MARKS)
    world.local.hosts[HOST_ID][name] = value
    after = world.open()
    assert (after.cloud is not before.cloud) is is_new
    assert after.owner_cache.holds(9, MARKS) is not is_new
    assert after.settings != before.settings, "new settings count at once"
    opened = [event for event in world.events if isinstance(event, RemoteOpened)]
    assert len(opened) == 1 + is_new


@pytest.mark.parametrize("ending", ["outage", "unknown id"])
def test_after_an_outage_or_an_unknown_id_no_owner_is_known(world: World, ending: str) -> None:
    remote = world.open()
    remote.owner_cache.add(9, MARKS)
    if ending == "outage":
        world.remote.script("vm.info", drop)
    with pytest.raises((Unreachable, NotFound)):
        remote.cloud.get_vm(4711)
    assert not remote.owner_cache.holds(9, MARKS)


def test_a_refusal_leaves_the_owners_known(world: World) -> None:
    remote = world.open()
    remote.owner_cache.add(9, MARKS)
    world.remote.script("vm.action", refuse(ACTION))
    with pytest.raises(Exception, match=r"one\.vm\.action"):
        remote.cloud.vm_action("reboot", 9)
    assert remote.owner_cache.holds(9, MARKS)


def test_each_call_is_told_with_its_time_and_its_error(world: World) -> None:
    remote = world.open()
    remote.cloud.get_version()
    world.remote.script("system.version", refuse(NOT_AUTHENTICATED))
    with pytest.raises(AuthenticationError):
        remote.cloud.get_version()
    calls = [event for event in world.events if isinstance(event, CallEnded)]
    assert [(call.host_id, call.method, type(call.error)) for call in calls] == [
        (HOST_ID, "one.system.version", type(None)),
        (HOST_ID, "one.system.version", AuthenticationError),
    ]


def test_hosts_with_the_same_endpoint_share_its_outage(world: World) -> None:
    world.local.hosts[HOST_ID + 1] = world.local.hosts[HOST_ID] | {"ONE_USER": "other"}
    one, other = world.open(), world.remotes.open_for_host(HOST_ID + 1, HOST)
    world.remote.is_down = True
    for _ in range(FAILURES):
        with pytest.raises(Unreachable):
            one.cloud.get_version()
    world.remote.is_down = False
    with pytest.raises(Unreachable):
        other.cloud.get_version()
    assert world.remote.calls == []
    world.wait(3)
    assert other.cloud.get_version() == "6.10.0"


def test_a_host_with_a_wrong_setting_opens_nothing(world: World) -> None:
    del world.local.hosts[HOST_ID]["ONE_PASSWORD"]
    with pytest.raises(ConfigurationError, match="host burst1 has no ONE_PASSWORD"):
        world.open()
    assert world.events == []


def test_what_is_closed_is_opened_again_when_it_is_needed(world: World) -> None:
    before = world.open()
    world.remotes.close()
    assert world.open().cloud is not before.cloud


def test_the_settings_of_the_host_bound_every_wait(world: World) -> None:
    world.local.hosts[HOST_ID] |= {"ONE_TIMEOUT": "20", "ONE_MAX_CONNECTIONS": "3"}
    (endpoint,) = build_endpoints(world.open().settings)
    waits = endpoint.connect_timeout, endpoint.read_timeout, endpoint.total_timeout
    assert waits == (10.0, 20.0, 80.0)
    assert endpoint.max_connections == 3
