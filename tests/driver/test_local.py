"""The driver finds the local oned and its own password as OpenNebula's commands do."""

from pathlib import Path

import pytest

from one2one import runtime
from one2one.driver.local import LOCK, LocalCloud
from one2one.hybrid.onegate import make_onegate_token
from one2one.opennebula.client import Client
from one2one.opennebula.errors import ConfigurationError, NotFound, ProtocolError, Refused
from one2one.opennebula.secrets import encrypt
from one2one.opennebula.states import RaftState
from tests.driver.scripted import BORN, after, answer
from tests.driver.world import HOST, HOST_ID, HYBRID_ID, World

KEY = "0123456789abcdef0123456789abcdef"


def read_session(cloud: LocalCloud) -> str:
    client = cloud.cloud.client
    assert isinstance(client, Client)
    return client._session


@pytest.mark.parametrize("name", ["ONE_AUTH", "HOME"])
def test_credentials_are_found_where_opennebula_keeps_them(tmp_path: Path, name: str) -> None:
    auth = tmp_path / ("auth" if name == "ONE_AUTH" else ".one/one_auth")
    auth.parent.mkdir(exist_ok=True)
    auth.write_text("oneadmin:geheim\n")
    environment = {name: str(auth if name == "ONE_AUTH" else tmp_path)}
    assert read_session(LocalCloud(environment)) == "oneadmin:geheim"


@pytest.mark.parametrize(
    ("environment", "place"),
    [({"ONE_AUTH": "/nowhere"}, "/nowhere"), ({"HOME": "/nowhere"}, "~/.one/one_auth")],
)
def test_where_there_are_no_credentials_the_administrator_is_told(
    environment: dict[str, str], place: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"no credentials of oneadmin in {place}") as error:
        LocalCloud(environment)
    assert "set ONE_AUTH" in error.value.remedy


@pytest.mark.parametrize(
    ("environment", "file", "url"),
    [
        ({"ONE_XMLRPC": "http://a:1/RPC2"}, "http://b:2/RPC2", "http://a:1/RPC2"),
        ({}, "http://b:2/RPC2\n", "http://b:2/RPC2"),
        ({}, "", "http://localhost:2633/RPC2"),
    ],
)
def test_the_endpoint_is_found_where_opennebula_keeps_it(
    tmp_path: Path, environment: dict[str, str], file: str, url: str
) -> None:
    (tmp_path / ".one").mkdir()
    (tmp_path / ".one" / "one_auth").write_text("oneadmin:geheim")
    (tmp_path / ".one" / "one_endpoint").write_text(file)
    assert LocalCloud({"HOME": str(tmp_path), **environment}).cloud.url == url


def test_the_release_is_asked_for_once(world: World) -> None:
    world.local.version = "7.2.0"
    assert [world.cloud.get_version() for _ in range(2)] == [(7, 2), (7, 2)]
    assert world.local.calls == ["system.version"]


@pytest.mark.parametrize("version", ["", "six", "6", "6.x.1"])
def test_a_release_that_is_none_is_told(world: World, version: str) -> None:
    world.local.version = version
    with pytest.raises(ProtocolError, match="oned calls its release"):
        world.cloud.get_version()


def test_settings_are_those_of_the_host_that_oned_names(world: World) -> None:
    settings = world.cloud.read_settings(HOST_ID, HOST)
    assert (settings.endpoint, settings.session) == ("http://remote/RPC2", "burst:geheim")
    assert world.local.calls[0] == "host.info 2 True", "oned is asked to decrypt"


def test_a_host_that_was_renamed_or_replaced_is_not_used(world: World) -> None:
    world.local.host_name = "kvm1"
    with pytest.raises(ConfigurationError, match="host 2 is 'kvm1', not 'burst1'"):
        world.cloud.read_settings(HOST_ID, HOST)
    with pytest.raises(NotFound):
        world.cloud.read_settings(HOST_ID + 1, HOST)


@pytest.mark.parametrize(
    ("version", "kept", "password"),
    [
        ("5.8.5", encrypt("geheim", KEY), "geheim"),
        ("5.8.5", "in clear", "in clear"),
        ("6.10.0", encrypt("geheim", KEY), encrypt("geheim", KEY)),
    ],
)
def test_5_8_leaves_it_to_the_driver_to_decrypt_the_password(
    world: World, version: str, kept: str, password: str
) -> None:
    world.local.version = version
    world.local.hosts[HOST_ID]["ONE_PASSWORD"] = kept
    world.local.script("system.config", answer(f"<OPTS><ONE_KEY>{KEY}</ONE_KEY></OPTS>"))
    assert world.cloud.read_settings(HOST_ID, HOST).password == password


def test_a_hybrid_id_is_written_once_and_read_back(world: World) -> None:
    assert world.cloud.ensure_hybrid_id(HOST_ID) == HYBRID_ID
    assert world.local.count("host.update") == 0
    del world.local.hosts[HOST_ID]["ONE_HYBRID_ID"]
    new = world.cloud.ensure_hybrid_id(HOST_ID)
    assert world.local.hosts[HOST_ID]["ONE_HYBRID_ID"] == new != HYBRID_ID
    assert world.cloud.ensure_hybrid_id(HOST_ID) == new
    assert world.local.count("host.update") == 1


def test_two_drivers_do_not_write_two_hybrid_ids(world: World) -> None:
    """The other one has the lock first, and writes its own."""
    del world.local.hosts[HOST_ID]["ONE_HYBRID_ID"]
    locked = []

    def wait_for_the_other(file: object) -> None:
        locked.append(file)
        world.local.hosts[HOST_ID]["ONE_HYBRID_ID"] = "the other's"

    runtime.use(world.build_runtime(lock_file=wait_for_the_other))
    assert world.cloud.ensure_hybrid_id(HOST_ID) == "the other's"
    assert len(locked) == 1
    assert (world.directory / "var" / LOCK).stat().st_mode & 0o777 == 0o600


def test_a_hybrid_id_that_did_not_stay_is_not_used(world: World) -> None:
    del world.local.hosts[HOST_ID]["ONE_HYBRID_ID"]
    world.local.script("host.update", lambda _: HOST_ID)
    with pytest.raises(ProtocolError, match="host 2 did not keep its ONE_HYBRID_ID"):
        world.cloud.ensure_hybrid_id(HOST_ID)


@pytest.mark.parametrize(
    ("state", "answering", "ours", "found"),
    [
        (RaftState.SOLO, -1, None, RaftState.SOLO),
        (RaftState.SOLO, -1, 0, RaftState.SOLO),
        (RaftState.LEADER, 1, 1, RaftState.LEADER),
        (RaftState.LEADER, 1, None, RaftState.LEADER),
        (RaftState.LEADER, 1, 2, RaftState.FOLLOWER),
        (RaftState.FOLLOWER, 1, 1, RaftState.FOLLOWER),
        (RaftState.CANDIDATE, 1, 1, RaftState.FOLLOWER),
        (4711, 1, 1, RaftState.FOLLOWER),
    ],
)
def test_only_the_leader_beside_us_counts_as_leader(
    world: World, state: int, answering: int, ours: int | None, found: RaftState
) -> None:
    world.local.raft_state, world.local.server_id = state, answering
    if ours is not None:
        (world.directory / "etc").mkdir()
        (world.directory / "etc" / "oned.conf").write_text(f"FEDERATION = [ SERVER_ID = {ours} ]\n")
    assert world.cloud.raft_state() is found


@pytest.mark.parametrize("text", ["FEDERATION = [ SERVER_ID = one ]", "FEDERATION = [", "\xff"])
def test_an_oned_conf_that_does_not_tell_is_no_failure(world: World, text: str) -> None:
    world.local.raft_state, world.local.server_id = RaftState.LEADER, 1
    (world.directory / "etc").mkdir()
    (world.directory / "etc" / "oned.conf").write_bytes(text.encode("latin-1"))
    assert world.cloud.raft_state() is RaftState.LEADER


def make_token(world: World, **context: str) -> str | None:
    world.add_local(7, template={"CONTEXT": context, "CREATED_BY": "3"})
    return world.cloud.make_onegate_token(world.cloud.get_vm(7))


def test_a_vm_that_asks_for_no_token_gets_none(world: World) -> None:
    assert make_token(world, NETWORK="YES") is None
    assert make_token(world, TOKEN="NO") is None


def test_from_7_0_oned_has_written_the_token(world: World) -> None:
    written = world.directory / "var" / "vms" / "7" / "token.txt"
    written.parent.mkdir(parents=True)
    written.write_text("by-oned\n")
    assert make_token(world, TOKEN="yes") == "by-oned"


def test_before_7_0_the_driver_makes_the_token(world: World) -> None:
    user = f"<USER><ID>3</ID><TEMPLATE><TOKEN_PASSWORD>{KEY}</TOKEN_PASSWORD></TEMPLATE></USER>"
    world.local.script("user.info", answer(user))
    assert make_token(world, TOKEN="YES") == make_onegate_token(7, BORN, KEY)


def test_a_token_that_cannot_be_made_is_told_with_its_remedy(world: World) -> None:
    with pytest.raises(Refused, match="no OneGate token can be made") as refused:
        make_token(world, TOKEN="YES")
    assert "give its creator a TOKEN_PASSWORD" in refused.value.remedy


def test_deploy_ids_are_those_of_the_host_and_serve_a_burst(world: World) -> None:
    world.add_local(7, deploy_id="opennebula-hybrid-9")
    world.add_local(8, deploy_id="opennebula-hybrid-9")
    world.add_local(10, deploy_id="", hosts=[(HOST_ID, HOST), (HOST_ID + 1, "burst2")])
    for _ in range(2):
        found = world.cloud.map_deploy_ids(HOST_ID, world.now)
        assert found == {"opennebula-hybrid-9": {7, 8}}
    assert world.local.count("host.info") == 1
    world.wait(1)
    world.cloud.map_deploy_ids(HOST_ID, world.now)
    assert world.local.count("host.info") == 2


def test_a_vm_that_leaves_the_host_meanwhile_is_not_the_hosts(world: World) -> None:
    vm = world.add_local(7, deploy_id="opennebula-hybrid-9")
    leave = after(lambda: vm.hosts.append((HOST_ID + 1, "burst2")))
    world.local.script("vmpool.infoset", leave)
    assert world.cloud.map_deploy_ids(HOST_ID, world.now) == {}
