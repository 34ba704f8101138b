"""The host's VMs are those that oned shows on it, and each is known to be so since a moment."""

from collections.abc import Callable

import pytest

from one2one.driver.host_vms import FrontEndError, HostVms
from one2one.opennebula.errors import NotFound
from one2one.opennebula.states import HostState, RaftState
from tests.driver.scripted import ACTION, STATES, Happening, answer, drop, refuse
from tests.driver.world import HOST, HOST_ID, World


@pytest.fixture
def vms(world: World) -> HostVms:
    world.add_local(7, deploy_id="opennebula-hybrid-9")
    world.add_local(8, "BOOT")
    return HostVms(HOST_ID, world.cloud)


def read(vms: HostVms) -> set[int]:
    vms.read_host()
    vms.read()
    return set(vms.rows)


@pytest.mark.parametrize(
    ("state", "ours"),
    [
        (RaftState.SOLO, True),
        (RaftState.LEADER, True),
        (RaftState.FOLLOWER, False),
        (RaftState.CANDIDATE, False),
    ],
)
def test_only_a_leader_monitors(
    world: World, vms: HostVms, state: RaftState, *, ours: bool
) -> None:
    world.local.raft_state = state
    assert vms.are_ours() is ours


def test_all_vms_of_the_host_are_read_in_one_call(world: World, vms: HostVms) -> None:
    assert read(vms) == {7, 8}
    assert world.local.count("vmpool.infoset") == 1
    assert vms.map_remote_ids() == {7: 9}


@pytest.mark.parametrize(
    "deploy_id", ["", "one-7", 'one-5"]', "opennebula-hybrid-", "opennebula-hybrid--9"]
)
def test_a_deploy_id_of_another_kind_names_no_remote_vm(
    world: World, vms: HostVms, deploy_id: str
) -> None:
    world.local.vms[7].deploy_id = deploy_id
    read(vms)
    assert vms.map_remote_ids() == {}


def test_a_vm_that_ended_or_went_to_another_host_is_not_the_hosts(
    world: World, vms: HostVms
) -> None:
    vms.read_host()
    world.local.vms[7].state = "DONE"
    world.local.vms[8].hosts.append((HOST_ID + 1, "burst2"))
    vms.read()
    assert vms.rows == {}
    assert vms.find_unread() == []


def test_a_vm_that_cannot_be_read_is_named(world: World, vms: HostVms) -> None:
    vms.read_host()
    pool = "<VM_POOL><VM><ID>8</ID><STATE>x</STATE></VM></VM_POOL>"
    world.local.script("vmpool.infoset", answer(pool))
    vms.read()
    assert vms.find_unread() == [8]


def test_a_vm_is_in_its_state_since_it_was_first_seen_so(world: World, vms: HostVms) -> None:
    read(vms)
    first = world.now
    world.wait(5)
    read(vms)
    assert vms.observations[8].since == first
    world.wait(5)
    world.local.vms[8].state = "RUNNING"
    read(vms)
    assert vms.observations[8].since == world.now
    assert vms.observations[8].state == STATES["RUNNING"]
    assert vms.observations[7].since == first


def test_a_vm_with_another_deploy_id_begins_again(world: World, vms: HostVms) -> None:
    read(vms)
    world.wait(5)
    world.local.vms[7].deploy_id = "opennebula-hybrid-10"
    read(vms)
    assert vms.observations[7].since == world.now


def test_a_host_that_is_gone_or_off_line_ends_its_monitoring(world: World, vms: HostVms) -> None:
    world.local.host_state = HostState.OFFLINE
    with pytest.raises(NotFound, match=f"host {HOST} is off line"):
        vms.read_host()
    del world.local.hosts[HOST_ID]
    with pytest.raises(NotFound):
        vms.read_host()


ASK: dict[str, Callable[[HostVms], object]] = {
    "zone.raftstatus": HostVms.are_ours,
    "host.info": HostVms.read_host,
    "vmpool.infoset": HostVms.read,
    "vm.info": lambda vms: vms.read_whole(7),
}
"""What each of its calls is made for."""


@pytest.mark.parametrize("method", ASK)
@pytest.mark.parametrize("happening", [drop, refuse(ACTION)], ids=["lost", "refused"])
def test_a_front_end_that_cannot_be_read_is_no_failure_of_the_remote(
    world: World, vms: HostVms, method: str, happening: Happening
) -> None:
    read(vms)
    world.local.script(method, happening)
    with pytest.raises(FrontEndError, match=f"one.{method} at http://local"):
        ASK[method](vms)
    assert set(vms.rows) == {7, 8}, "the last reading stays"
