"""The marks of an account's VMs are read once each, and never taken for those of another VM."""

import pytest

from one2one.driver.identities import Identities
from one2one.hybrid.naming import Marks
from one2one.opennebula.errors import Unreachable
from one2one.opennebula.records import VmRow
from tests.driver.scripted import BORN, drop, refuse
from tests.driver.world import MARKS, World


def rows(world: World) -> list[VmRow]:
    """Return the account's VMs as a pool shows them."""
    return [
        VmRow(vm.id, vm.name, vm.read().state, "", vm.stime) for vm in world.remote.vms.values()
    ]


def read(world: World, identities: Identities) -> dict[int, Marks | None]:
    return {vm_id: one.marks for vm_id, one in identities.read(rows(world)).items()}


@pytest.fixture
def identities(world: World) -> Identities:
    world.add_remote(9)
    world.add_remote(10, marks=None)
    return world.open().identities


def test_all_that_are_new_are_read_in_one_call(world: World, identities: Identities) -> None:
    assert read(world, identities) == {9: MARKS, 10: None}
    assert world.remote.calls == ["vmpool.infoset 9,10 True"]
    world.add_remote(11)
    assert read(world, identities) == {9: MARKS, 10: None, 11: MARKS}
    assert world.remote.calls[1:] == ["vmpool.infoset 11 True"]
    read(world, identities)
    assert len(world.remote.calls) == 2


def test_a_vm_that_got_the_id_of_another_is_read_again(
    world: World, identities: Identities
) -> None:
    read(world, identities)
    world.add_remote(9, marks=None).stime = BORN + 5
    assert read(world, identities) == {9: None, 10: None}


def test_a_vm_that_changed_between_list_and_reading_is_not_known(
    world: World, identities: Identities
) -> None:
    listed = rows(world)
    world.remote.vms[9].stime = BORN + 5
    assert set(identities.read(listed)) == {10}


def test_a_vm_that_cannot_be_read_is_tried_again_when_the_account_is_surveyed(
    world: World, identities: Identities
) -> None:
    kept = world.remote.vms.copy()
    listed = rows(world)
    del world.remote.vms[9]
    for _ in range(2):
        assert set(identities.read(listed)) == {10}
    assert world.remote.calls == ["vmpool.infoset 9,10 True"], "not at each round"
    world.remote.vms |= kept
    identities.keep({9, 10})
    assert set(identities.read(listed)) == {9, 10}


def test_an_outage_is_told_and_nothing_is_guessed(world: World, identities: Identities) -> None:
    world.remote.script("vmpool.infoset", drop)
    with pytest.raises(Unreachable):
        read(world, identities)
    assert read(world, identities) == {9: MARKS, 10: None}


def test_what_is_forgotten_is_read_again(world: World, identities: Identities) -> None:
    read(world, identities)
    world.remote.vms[9].user_template.clear()
    assert read(world, identities)[9] == MARKS
    identities.forget([9, 4711])
    assert read(world, identities)[9] is None


def test_vms_that_have_gone_are_forgotten(world: World, identities: Identities) -> None:
    listed = rows(world)
    identities.read(listed)
    identities.keep({10})
    world.remote.script("vmpool.infoset", refuse(0x2000))
    with pytest.raises(Exception, match="infoset"):
        identities.read(listed)
