"""A local VM's system snapshots are those of its remote VM, by their names."""

import pytest

from one2one.driver.operation import Steps
from one2one.driver.reach import SETTLE_S
from one2one.driver.snapshots import OPERATIONS
from one2one.opennebula.errors import Refused, Unreachable
from one2one.opennebula.template import Vector
from tests.driver.scripted import BORN, STATES, drop, lose
from tests.driver.world import World, finish

TAG = f"before [one2one 7.2.{BORN}]"
"""The name of the remote snapshot that is that of snapshot 2 of local VM 7."""


def begin(world: World, action: str) -> Steps:
    """Begin an action about snapshot 2 of the local VM."""
    snapshot = {"SNAPSHOT_ID": "2", "NAME": "before", "TIME": str(BORN), "ACTIVE": "YES"}
    world.local.vms[7].template["SNAPSHOT"] = snapshot
    return OPERATIONS[action](world.open_job(action, "HOTPLUG_SNAPSHOT"))


def add_snapshots(world: World, *names: str, **more: str) -> None:
    """Give both sides a VM, and the remote one these snapshots."""
    vectors: list[Vector] = [
        {"SNAPSHOT_ID": str(number), "NAME": name, **more} for number, name in enumerate(names)
    ]
    world.add_both().template["SNAPSHOT"] = vectors


def list_names(world: World) -> list[str]:
    return [vector["NAME"] for vector in world.remote.read_devices(9, "SNAPSHOT")]


def test_a_snapshot_is_made_and_its_number_answered(world: World) -> None:
    add_snapshots(world, "by its remote user")
    assert finish(begin(world, "SNAPSHOTCREATE")) == "1"
    assert list_names(world) == ["by its remote user", TAG]


def test_a_snapshot_that_an_earlier_attempt_made_is_not_made_again(world: World) -> None:
    add_snapshots(world, "by its remote user", TAG)
    assert finish(begin(world, "SNAPSHOTCREATE")) == "1"
    assert world.remote.count("vm.snapshotcreate") == 0


def test_a_snapshot_whose_answer_was_lost_is_made_once(world: World) -> None:
    add_snapshots(world)
    world.remote.script("vm.snapshotcreate", lose)
    assert finish(begin(world, "SNAPSHOTCREATE")) == "0"
    assert list_names(world) == [TAG]


def test_a_snapshot_that_may_still_be_made_is_not_asked_for_again(world: World) -> None:
    add_snapshots(world)
    world.remote.script("vm.snapshotcreate", drop)
    with pytest.raises(Unreachable, match="snapshotcreate"):
        finish(begin(world, "SNAPSHOTCREATE"))
    assert world.remote.count("vm.snapshotcreate") == 1


def test_what_had_the_number_before_is_deleted_first(world: World) -> None:
    left, others = f"old [one2one 7.2.{BORN - 9}]", f"old [one2one 8.2.{BORN - 9}]"
    add_snapshots(world, left, others)
    assert finish(begin(world, "SNAPSHOTCREATE")) == "2"
    assert list_names(world) == [others, TAG]


@pytest.mark.parametrize("action", OPERATIONS)
def test_a_snapshot_that_is_worked_on_is_waited_for(world: World, action: str) -> None:
    add_snapshots(world, TAG, ACTIVE="YES")
    steps = begin(world, action)
    next(steps)
    assert [call.split()[0] for call in world.remote.calls] == ["vm.info"]
    world.remote.vms[9].template["SNAPSHOT"] = [{"SNAPSHOT_ID": "0", "NAME": TAG}]
    with pytest.raises(StopIteration):
        steps.send(STATES["RUNNING"])


def test_a_vm_is_brought_back_to_its_own_snapshot(world: World) -> None:
    add_snapshots(world, "by its remote user", TAG)
    assert finish(begin(world, "SNAPSHOTREVERT")) == ""
    assert "vm.snapshotrevert 9 1" in world.remote.calls


def test_a_snapshot_that_the_remote_lost_is_told(world: World) -> None:
    add_snapshots(world, "by its remote user")
    with pytest.raises(Refused, match=r"snapshot 2 \(before\) is gone.*Delete it here too"):
        finish(begin(world, "SNAPSHOTREVERT"))
    assert world.remote.count("vm.snapshotrevert") == 0


@pytest.mark.parametrize("said", ["SNAPSHOTREVERT", "Error reverting VM Snapshot"])
def test_a_revert_that_the_remote_fails_at_is_told(world: World, said: str) -> None:
    add_snapshots(world, TAG)

    def fail(_carry_out: object) -> int:
        world.remote.vms[9].user_template["ERROR"] = f"Fri Nov 6 12:00:00 : {said}: no space left"
        return 9

    world.remote.script("vm.snapshotrevert", fail)
    with pytest.raises(Refused, match="no space left"):
        finish(begin(world, "SNAPSHOTREVERT"))


def test_the_failure_of_another_action_fails_no_revert(world: World) -> None:
    add_snapshots(world, TAG)

    def revert_while_another_fails(_carry_out: object) -> int:
        world.remote.vms[9].user_template["ERROR"] = "Fri Nov 6 12:00:00 2026: ATTACHNIC: no"
        return 9

    world.remote.script("vm.snapshotrevert", revert_while_another_fails)
    assert finish(begin(world, "SNAPSHOTREVERT")) == ""


def test_a_snapshot_is_deleted_and_no_other(world: World) -> None:
    add_snapshots(world, "by its remote user", TAG)
    assert finish(begin(world, "SNAPSHOTDELETE")) == ""
    assert list_names(world) == ["by its remote user"]


def test_a_snapshot_that_is_gone_counts_as_deleted(world: World) -> None:
    add_snapshots(world, "by its remote user")
    assert finish(begin(world, "SNAPSHOTDELETE")) == ""
    assert world.remote.count("vm.snapshotdelete") == 0


def test_a_snapshot_that_does_not_go_has_failed(world: World) -> None:
    add_snapshots(world, TAG)
    world.remote.script("vm.snapshotdelete", lambda _: 9)
    steps = begin(world, "SNAPSHOTDELETE")
    next(steps)
    world.wait(SETTLE_S)
    with pytest.raises(Refused, match="snapshot-delete 0 failed there"):
        steps.send(None)
    assert world.remote.count("vm.snapshotdelete") == 1


@pytest.mark.parametrize("action", OPERATIONS)
def test_nothing_is_done_to_the_vm_of_another(world: World, action: str) -> None:
    add_snapshots(world, TAG)
    world.remote.vms[9].user_template["REMOTE_OPENNEBULA_VM_ID"] = "12"
    with pytest.raises(Refused, match="remote VM 9 is not VM 7's"):
        finish(begin(world, action))
    assert list_names(world) == [TAG]
