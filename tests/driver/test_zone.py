"""A remote with several servers: one that can serve is found, and left when it cannot."""

import pytest

from one2one.driver.events import CallEnded
from one2one.opennebula.errors import AuthenticationError, Busy, ConfigurationError, Unreachable
from one2one.opennebula.zone_client import CHECK_S
from tests.driver.scripted import NOT_AUTHENTICATED, drop, lose, refuse
from tests.driver.scripted_changes import ChangingOned
from tests.driver.world import HOST_ID, World

URLS = tuple(f"http://{name}/RPC2" for name in ("first", "second", "third"))


@pytest.fixture
def zone(world: World) -> World:
    """Return a world whose remote has three servers."""
    world.local.hosts[HOST_ID]["ONE_ENDPOINT"] = ", ".join(URLS)
    for name in ("second", "third"):
        server = world.servers[name] = ChangingOned()
        server.vms, server.templates = world.remote.vms, world.remote.templates
    world.servers["first"] = world.remote
    world.add_remote()
    return world


def list_asked(zone: World) -> list[str]:
    """Return the servers that were asked for a VM."""
    return [name for name, server in zone.servers.items() if server.count("vm.info")]


def test_the_first_server_serves_while_it_can(zone: World) -> None:
    cloud = zone.open().cloud
    for _ in range(5):
        cloud.get_vm(9)
    assert list_asked(zone) == ["first"]
    assert cloud.url == URLS[0]
    assert zone.remote.count("system.version") == 1, "it is not asked for its leader each time"


@pytest.mark.parametrize("trouble", ["is down", "has no leader"])
def test_a_server_that_cannot_serve_from_the_start_is_passed_over(
    zone: World, trouble: str
) -> None:
    zone.remote.is_down, zone.remote.has_leader = trouble == "is down", trouble == "is down"
    cloud = zone.open().cloud
    assert cloud.get_vm(9).id == 9
    assert list_asked(zone) == ["second"], "a server without a leader would show what is old"
    assert cloud.url == URLS[1]


def test_a_server_that_goes_down_is_left_and_not_taken_again_at_once(zone: World) -> None:
    cloud = zone.open().cloud
    cloud.get_vm(9)
    zone.remote.is_down = True
    assert cloud.get_vm(9).id == 9
    zone.remote.is_down = False
    cloud.vm_action("poweroff", 9)
    assert zone.servers["second"].actions == ["poweroff 9"]


def test_a_server_that_loses_its_leader_is_left_even_if_one_only_reads(zone: World) -> None:
    cloud = zone.open().cloud
    cloud.get_vm(9)
    zone.remote.has_leader = False
    zone.wait(CHECK_S)
    cloud.get_vm(9)
    assert zone.servers["second"].count("vm.info") == 1
    assert zone.remote.count("vm.info") == 1


def test_an_action_that_a_server_refuses_without_a_leader_goes_to_the_next(zone: World) -> None:
    cloud = zone.open().cloud
    cloud.get_vm(9)
    zone.remote.has_leader = False
    cloud.vm_action("poweroff", 9)
    assert zone.servers["second"].actions == ["poweroff 9"]


def test_an_action_whose_answer_is_lost_is_not_repeated_elsewhere(zone: World) -> None:
    cloud = zone.open().cloud
    zone.remote.script("vm.action", lose)
    with pytest.raises(Unreachable) as caught:
        cloud.vm_action("reboot", 9)
    assert caught.value.sent
    assert [server.actions for server in zone.servers.values()] == [[], [], [], ["reboot 9"]]
    cloud.get_vm(9)
    assert list_asked(zone) == ["second"], "but the next call goes elsewhere"


def test_a_reading_whose_answer_is_lost_is_done_elsewhere(zone: World) -> None:
    zone.remote.script("vm.info", drop)
    assert zone.open().cloud.get_vm(9).id == 9
    assert zone.servers["second"].count("vm.info") == 1


def test_while_no_server_has_a_leader_the_error_says_that_another_try_helps(zone: World) -> None:
    cloud = zone.open().cloud
    zone.remote.is_down = True
    for name in ("second", "third"):
        zone.servers[name].has_leader = False
    with pytest.raises(Busy, match=r"no leader found \(none of 3 servers can serve\)"):
        cloud.get_vm(9)
    zone.servers["third"].has_leader = True
    assert cloud.get_vm(9).id == 9
    assert cloud.url == URLS[2]


def test_while_no_server_answers_the_error_says_so(zone: World) -> None:
    for server in URLS:
        zone.servers[server.split("/")[2]].is_down = True
    with pytest.raises(Unreachable, match="none of 3 servers"):
        zone.open().cloud.get_vm(9)


@pytest.mark.parametrize("call", ["system.version", "vm.info"])
def test_a_server_that_knows_no_user_is_left(zone: World, call: str) -> None:
    """Its database is away."""
    zone.remote.script(call, refuse(NOT_AUTHENTICATED))
    cloud = zone.open().cloud
    assert cloud.get_vm(9).id == 9
    assert cloud.url == URLS[1]


def test_a_wrong_password_is_told_as_that(zone: World) -> None:
    for name in ("first", "second", "third"):
        zone.servers[name].script("system.version", refuse(NOT_AUTHENTICATED))
    with pytest.raises(AuthenticationError, match="none of 3 servers can serve"):
        zone.open().cloud.get_vm(9)


def test_each_server_has_a_breaker_of_its_own(zone: World) -> None:
    cloud = zone.open().cloud
    for _ in range(3):
        zone.remote.is_down = True
        zone.servers["second"].is_down = True
        assert cloud.get_vm(9).id == 9
    failed = [e for e in zone.events if isinstance(e, CallEnded) and e.error]
    assert failed
    zone.remote.is_down = False
    zone.servers["third"].is_down = True
    zone.wait(CHECK_S)
    assert cloud.get_vm(9).id == 9
    assert cloud.url == URLS[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" , ", "host burst1 has no|1 to 9 URLs"),
        ("http://a http://b:0", "http://b:0: .*port"),
        (" ".join(f"http://{n}" for n in range(10)), "1 to 9 URLs"),
        ("http://a http://u:geheim,x@b", "it has a user or password in it"),
    ],
)
def test_a_wrong_list_is_refused(world: World, text: str, words: str) -> None:
    world.local.hosts[HOST_ID]["ONE_ENDPOINT"] = text
    with pytest.raises(ConfigurationError, match=words) as caught:
        world.open()
    assert "geheim" not in str(caught.value)
