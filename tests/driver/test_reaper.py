"""A remote VM without a local one is destroyed in time; any doubt spares it."""

from typing import Any

import pytest

from one2one.driver.events import OrphanReaped
from one2one.driver.reaper import Reaper
from one2one.hybrid.naming import Marks
from one2one.hybrid.orphans import GRACE_S, NO_GRACE, Decision, Kind
from one2one.opennebula.errors import Unreachable
from tests.driver.scripted import ACTION, BORN, after, answer, drop, refuse
from tests.driver.world import HOST, HOST_ID, HYBRID_ID, World

ABANDONED_S, LOST_S = GRACE_S[Kind.ABANDONED], GRACE_S[Kind.LOST]
_UNDEPLOYED, _RECREATED = 5, 14
"""Actions that end a stay, as oned numbers them."""


class Look:
    """The reaper of a host, and what it writes."""

    def __init__(self, world: World, **options: Any) -> None:
        self.world = world
        self.log: list[str] = []
        self.reaper = Reaper(HOST_ID, world.cloud, self.log.append, **options)

    def look(self) -> list[str]:
        """Look once, and return what was asked of the remote's VMs."""
        remote = self.world.open()
        self.world.remote.calls.clear()
        self.reaper.reap(remote, remote.cloud.list_summaries())
        return self.world.remote.actions

    def judge(self) -> Decision:
        remote = self.world.open()
        return self.reaper.judge(remote, remote.cloud.list_summaries())


@pytest.fixture
def reaper(world: World) -> Look:
    world.remote.after["terminate-hard"] = "DONE"
    return Look(world)


def add_done(world: World, ended_for: float, vm_id: int = 7) -> None:
    """Give the front-end a VM that has ended, so that its remote VM is abandoned."""
    world.add_local(vm_id, "DONE", deploy_id="opennebula-hybrid-9")
    world.local.vms[vm_id].etime = int(BORN + world.now - ended_for)


def make_marks(vm_id: int) -> Marks:
    return Marks(HYBRID_ID, vm_id, BORN, 0)


def test_the_vm_of_a_living_local_vm_is_left_alone(world: World, reaper: Look) -> None:
    world.add_both()
    for _ in range(3):
        assert reaper.look() == []
        world.wait(LOST_S)
    assert reaper.log == []


def test_an_abandoned_vm_is_destroyed_at_the_first_look_after_its_grace(
    world: World, reaper: Look
) -> None:
    add_done(world, ABANDONED_S)
    world.add_remote(9)
    assert reaper.look() == ["terminate-hard 9"]
    assert OrphanReaped(HOST_ID) in world.events
    (told,) = reaper.log
    assert told.startswith("Host burst1: remote VM 9 at http://remote/RPC2 is destroyed ")
    assert told.endswith("(abandoned: local VM 7 is DONE)")


def test_an_abandoned_vm_is_not_destroyed_before(world: World, reaper: Look) -> None:
    add_done(world, ABANDONED_S - 1)
    world.add_remote(9)
    assert reaper.look() == []
    assert reaper.log[0].endswith(
        "will be destroyed when that was so for 300 s (abandoned: local VM 7 is DONE)"
    )
    world.wait(1)
    assert reaper.look() == ["terminate-hard 9"]
    assert len(reaper.log) == 2


def test_a_lost_vm_needs_two_looks_far_apart(world: World, reaper: Look) -> None:
    world.add_remote(9)
    assert reaper.look() == []
    world.wait(LOST_S - 1)
    assert reaper.look() == []
    assert len(reaper.log) == 1, "what waits is told once"
    world.wait(1)
    assert reaper.look() == ["terminate-hard 9"]
    assert reaper.log[1].endswith("is destroyed (lost: there is no local VM 7)")


def test_a_local_vm_that_comes_back_begins_the_grace_again(world: World, reaper: Look) -> None:
    world.add_remote(9)
    reaper.look()
    world.add_local(7, deploy_id="opennebula-hybrid-9")
    world.wait(LOST_S)
    reaper.look()
    del world.local.vms[7]
    assert reaper.look() == []


def test_a_process_without_a_second_look_leaves_it_to_the_command(world: World) -> None:
    reaper = Look(world, one_shot=True)
    world.add_remote(9)
    assert reaper.look() == []
    assert reaper.log[0].endswith("is left to: one2one reap (lost: there is no local VM 7)")


def test_a_double_is_destroyed_and_the_one_that_oned_names_is_not(
    world: World, reaper: Look
) -> None:
    world.add_both()
    world.add_remote(10)
    reaper.look()
    world.wait(LOST_S)
    assert reaper.look() == ["terminate-hard 10"]


def test_what_a_recreated_vm_left_is_destroyed_though_another_remote_gave_the_same_id(
    world: World, reaper: Look
) -> None:
    vm = world.add_local(7, deploy_id="opennebula-hybrid-9")
    vm.hosts, vm.actions = [(HOST_ID, HOST), (HOST_ID + 1, "burst2")], {0: _RECREATED}
    world.add_remote(9)
    reaper.look()
    world.wait(LOST_S)
    assert reaper.look() == ["terminate-hard 9"]
    assert reaper.log[-1].endswith(
        "(left behind: local VM 7 is on host burst2 as opennebula-hybrid-9)"
    )


def test_the_vm_of_one_that_was_moved_and_not_recreated_is_left_alone(
    world: World, reaper: Look
) -> None:
    vm = world.add_local(7, deploy_id="opennebula-hybrid-9")
    vm.hosts, vm.actions = [(HOST_ID, HOST), (HOST_ID + 1, "burst2")], {0: _UNDEPLOYED}
    world.add_remote(9)
    for _ in range(3):
        assert reaper.look() == []
        world.wait(LOST_S)


@pytest.mark.parametrize(
    "change",
    [
        {"ONE_HYBRID_ID": "hybrid-b"},
        {"ONE_HYBRID_ID": ""},
        {"ONE_HYBRID_STAY": "soon"},
        {"REMOTE_OPENNEBULA_VM_ID": ""},
    ],
)
def test_a_vm_without_this_hosts_marks_is_no_business_of_it(
    world: World, reaper: Look, change: dict[str, str]
) -> None:
    world.add_remote(9).user_template |= change
    reaper.look()
    world.wait(LOST_S)
    assert reaper.look() == []


def test_an_imported_or_renamed_vm_is_never_destroyed(world: World, reaper: Look) -> None:
    world.add_remote(9).name = "web"
    reaper.look()
    world.wait(LOST_S)
    assert reaper.look() == []
    assert [one.remote_id for one in reaper.judge().kept] == [9]


def test_many_that_are_lost_at_once_are_told_and_left_alone(world: World, reaper: Look) -> None:
    for remote_id in range(4):
        world.add_remote(remote_id, marks=make_marks(remote_id))
    for _ in range(3):
        assert reaper.look() == []
        world.wait(LOST_S)
    (told,) = reaper.log
    assert told.startswith("Host burst1: 4 of 4 remote VMs have lost their local VM at once")
    assert told.endswith("None is destroyed. See them with: one2one reap --host burst1 --dry-run")


def test_an_administrator_who_has_seen_them_may_have_them_destroyed(world: World) -> None:
    world.remote.after["terminate-hard"] = "DONE"
    reaper = Look(world, allow_many=True, grace=NO_GRACE)
    for remote_id in range(4):
        world.add_remote(remote_id, marks=make_marks(remote_id))
    assert len(reaper.look()) == 4


def change_marks(world: World) -> None:
    world.remote.vms[9].user_template["REMOTE_OPENNEBULA_VM_ID"] = "12"


def set_remote(world: World, **values: Any) -> None:
    for name, value in values.items():
        setattr(world.remote.vms[9], name, value)


SPARED = [
    (lambda world: world.remote.vms.clear(), "it is gone"),
    (change_marks, "its marks have changed"),
    (lambda world: world.remote.vms[9].user_template.clear(), "its marks have changed"),
    (lambda world: set_remote(world, name="web"), "its marks have changed"),
    (lambda world: set_remote(world, state="DONE"), "it is DONE"),
    (lambda world: set_remote(world, state="SHUTDOWN"), "it is SHUTDOWN"),
    (lambda world: set_remote(world, state="HOTPLUG"), "it is HOTPLUG"),
    (
        lambda world: set_remote(
            world, state="EPILOG_FAILURE", template={"DISK": {"DISK_ID": "0", "SAVE": "YES"}}
        ),
        "it is EPILOG_FAILURE, and its persistent disks are not saved yet",
    ),
    (
        lambda world: world.add_local(7, deploy_id="opennebula-hybrid-9"),
        "local VM 7 may need it again",
    ),
    (lambda world: world.add_local(7, "BOOT"), "local VM 7 may need it again"),
]
"""What happens after the account was read, and why the remote VM is spared then."""


@pytest.mark.parametrize(("change", "why"), SPARED, ids=range(len(SPARED)))
def test_the_second_look_spares_what_has_changed(
    world: World, reaper: Look, change: Any, why: str
) -> None:
    add_done(world, ABANDONED_S)
    world.add_remote(9)
    world.remote.script("vm.info", after(lambda: change(world)))
    assert reaper.look() == []
    assert f"remote VM 9 at http://remote/RPC2 is left alone: {why} (abandoned" in reaper.log[0]


def test_a_second_look_that_fails_spares_and_is_told(world: World, reaper: Look) -> None:
    add_done(world, ABANDONED_S)
    world.add_remote(9)
    world.remote.script("vm.info", refuse(ACTION, "no"))
    assert reaper.look() == []
    assert "could not be destroyed: one.vm.info" in reaper.log[0]
    assert reaper.look() == ["terminate-hard 9"]


def test_an_outage_ends_the_look(world: World, reaper: Look) -> None:
    for remote_id in (9, 10):
        add_done(world, ABANDONED_S, vm_id=remote_id)
        world.add_remote(remote_id, marks=make_marks(remote_id))
    world.remote.script("vm.action", drop)
    with pytest.raises(Unreachable):
        reaper.look()
    assert world.remote.actions == ["terminate-hard 9"]


def test_a_refusal_hinders_no_other_and_is_met_again(world: World, reaper: Look) -> None:
    for remote_id in (9, 10):
        add_done(world, ABANDONED_S, vm_id=remote_id)
        world.add_remote(remote_id, marks=make_marks(remote_id))
    world.remote.script("vm.action", refuse(ACTION, "locked"))
    assert reaper.look() == ["terminate-hard 9", "terminate-hard 10"]
    assert "could not be destroyed: one.vm.action at http://remote/RPC2: locked" in reaper.log[0]
    assert reaper.look() == ["terminate-hard 9"]


def test_a_local_vm_is_gone_only_if_oned_denies_it_alone(world: World, reaper: Look) -> None:
    world.add_remote(9)
    world.add_local(7, "RUNNING", deploy_id="opennebula-hybrid-9")
    world.local.script("vmpool.infoset", answer("<VM_POOL/>"))
    assert reaper.judge() == Decision()


def test_a_local_vm_that_cannot_be_read_is_not_judged(world: World, reaper: Look) -> None:
    world.add_remote(9)
    for _ in range(2):
        world.local.script("vmpool.infoset", answer("<VM_POOL><VM><ID>7</ID></VM></VM_POOL>"))
        world.local.script("vm.info", answer("<VM><ID>7</ID></VM>"))
        assert reaper.judge() == Decision()
    assert len(reaper.log) == 1
    assert reaper.log[0].startswith(
        "Host burst1: VM 7 at http://local/RPC2 cannot be read, and is left"
    )


def test_a_remote_vm_that_cannot_be_read_is_not_judged(world: World, reaper: Look) -> None:
    world.add_remote(9)
    world.remote.script("vmpool.infoset", answer("<VM_POOL><VM><ID>9</ID></VM></VM_POOL>"))
    assert reaper.judge() == Decision()
    assert "VM 9 at http://remote/RPC2 cannot be read, and is left alone" in reaper.log[0]


@pytest.mark.parametrize("side", ["local", "remote"])
def test_where_a_cloud_cannot_be_read_nothing_is_decided(
    world: World, reaper: Look, side: str
) -> None:
    world.add_remote(9)
    reaper.judge()
    oned = world.local if side == "local" else world.remote
    oned.script("vmpool.info" if side == "remote" else "vmpool.infoset", drop)
    world.wait(LOST_S)
    with pytest.raises(Unreachable):
        reaper.judge()
    assert [one.remote_id for one in reaper.judge().destroy] == [9], "the first sighting counts"


def test_marks_are_read_once_and_names_each_time(world: World, reaper: Look) -> None:
    world.add_both()
    reaper.judge()
    reaper.judge()
    assert world.remote.count("vmpool.infoset") == 1
    world.remote.vms[9].name = "web"
    del world.local.vms[7]
    assert [one.remote_id for one in reaper.judge().kept] == [9]


def test_what_the_account_holds_is_told_to_the_administrator(world: World, reaper: Look) -> None:
    for remote_id in (1, 2):
        world.add_remote(remote_id)
    world.add_remote(3, marks=Marks("hybrid-b", 7, BORN, 0))
    world.add_remote(4).user_template.clear()
    world.add_remote(5, marks=None)
    reaper.judge()
    assert reaper.reaper.count_by_hybrid_id() == {HYBRID_ID: 2, "hybrid-b": 1}
    (unmarked,) = reaper.reaper.find_unmarked()
    assert (unmarked.remote_id, unmarked.vm_id) == (4, 7)


def test_what_became_of_each_is_told_to_the_caller(world: World, reaper: Look) -> None:
    add_done(world, ABANDONED_S)
    world.add_remote(9)
    destroy = reaper.judge().destroy
    assert reaper.reaper.destroy(world.open(), destroy) == {9: "is destroyed"}
    assert reaper.reaper.destroy(world.open(), destroy) == {9: "is left alone: it is DONE"}
