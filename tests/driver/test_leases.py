"""A VM ends when its hours are over, and not before; its user is told each thing once."""

from typing import Any

import pytest

from one2one.driver.leases import Leases
from one2one.driver.remotes import Remotes
from one2one.hybrid.naming import Marks, format_deploy_id
from one2one.opennebula.errors import NotAuthorized, Unreachable
from tests.driver.scripted import BORN, WRONG_STATE, ScriptedVm, refuse
from tests.driver.world import HOST_ID, HYBRID_ID, World

HOUR_S = 3600
NOT_AUTHORIZED = 0x200
LAST_DAY = "less than 24 of 100 hours are left, then poweroff (ONE_MAX_HOURS of host burst1)"
LAST_HOUR = LAST_DAY.replace("24 of", "1 of")
OVER = "its 100 hours are over: poweroff (ONE_MAX_HOURS of host burst1)"


class Keeper:
    """What keeps the leases of the host, in one process after the other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.log: list[str] = []
        """The lines for the logs of all VMs."""
        self.restart()
        world.local.hosts[HOST_ID] |= {"ONE_MAX_HOURS": "100"}
        world.local.after = {"poweroff": "SHUTDOWN_POWEROFF", "terminate": "SHUTDOWN"}

    def restart(self) -> None:
        remotes = Remotes(self.world.cloud)
        self.leases = Leases(HOST_ID, self.world.cloud, remotes, self.write)

    def write(self, _vm_id: int, line: str) -> None:
        self.log.append(line.removeprefix("REMOTE_LEASE: "))

    def look(self, hours: float = 0) -> None:
        """Look once, so many hours later."""
        self.world.wait(max(60.0, hours * HOUR_S))
        self.leases.keep()

    def read_told(self) -> Any:
        return self.world.local.vms[7].user_template.get("REMOTE_LEASE")

    def now(self) -> int:
        return int(BORN + self.world.now)


@pytest.fixture
def keeper(world: World) -> Keeper:
    return Keeper(world)


def begin(world: World) -> ScriptedVm:
    """Let a VM run on both sides from now on; return the local one."""
    remote, now = world.add_both(), int(BORN + world.now)
    local = world.local.vms[7]
    local.runs = remote.runs = [(now, 0)]
    remote.hosts = [(0, "node")]
    local.stime = now
    remote.user_template["ONE_HYBRID_STAY"] = f"{now}.0"
    return local


def test_it_is_told_a_day_and_an_hour_before_and_then_it_ends(world: World, keeper: Keeper) -> None:
    begin(world)
    keeper.look(75)
    assert keeper.read_told() is None
    for hours, words in ((1.5, LAST_DAY), (23, LAST_HOUR)):
        keeper.look(hours)
        keeper.look()
        assert keeper.read_told() == words
    assert world.local.actions == []
    keeper.look(1)
    assert (keeper.read_told(), world.local.actions) == (OVER, ["poweroff 7"])
    assert keeper.log == [LAST_DAY, LAST_HOUR, OVER]
    assert world.remote.actions == []


def test_a_new_process_tells_nothing_twice_and_forgets_nothing(
    world: World, keeper: Keeper
) -> None:
    begin(world)
    keeper.look(80)
    keeper.restart()
    keeper.look()
    assert keeper.log == [LAST_DAY]
    keeper.restart()
    keeper.look(21)
    assert world.local.actions == ["poweroff 7"]


def test_hours_in_which_it_was_off_do_not_count(world: World, keeper: Keeper) -> None:
    vm = begin(world)
    start, now = vm.runs[0][0], keeper.now() + 200 * HOUR_S
    for side in (vm, world.remote.vms[9]):
        side.hosts *= 2
        side.runs = [(start, start + 50 * HOUR_S), (now, 0)]
    keeper.look(200 + 49)
    assert (keeper.read_told(), world.local.actions) == (LAST_DAY.replace("24", "1"), [])
    keeper.look(1)
    assert world.local.actions == ["poweroff 7"]


def test_hours_on_another_host_do_not_count(world: World, keeper: Keeper) -> None:
    vm = begin(world)
    vm.hosts = [(HOST_ID + 1, "kvm1"), *vm.hosts]
    vm.runs = [(BORN - 1000 * HOUR_S, BORN), *vm.runs]
    vm.stime = BORN - 2000 * HOUR_S
    world.remote.vms[9].user_template["ONE_HYBRID_STAY"] = f"{vm.stime}.1"
    keeper.look(10)
    assert (keeper.read_told(), world.local.actions) == (None, [])


def test_hours_of_waiting_at_the_remote_do_not_count(world: World, keeper: Keeper) -> None:
    begin(world)
    world.remote.vms[9].runs = [(keeper.now() + 30 * HOUR_S, 0)]
    keeper.look(101)
    assert (keeper.read_told(), world.local.actions) == (None, [])
    keeper.look(30)
    assert world.local.actions == ["poweroff 7"]


@pytest.mark.parametrize("ahead", [1000 * HOUR_S, -1000 * HOUR_S])
def test_a_clock_that_jumps_ends_no_vm(world: World, keeper: Keeper, ahead: int) -> None:
    begin(world)
    world.remote.clock = lambda: BORN + world.now
    keeper.look(10)
    world.clock_ahead = ahead
    keeper.look(1)
    assert (keeper.read_told(), world.local.actions, keeper.log) == (None, [], [])
    world.clock_ahead = 0.0
    keeper.look(90)
    assert world.local.actions == ["poweroff 7"]


def test_a_clock_that_jumps_ends_no_vm_of_a_remote_that_does_not_tell_its_time(
    world: World, keeper: Keeper
) -> None:
    begin(world)
    remote = world.remote.vms[9]
    keeper.look(10)
    remote.monitoring = {"TIMESTAMP": str(keeper.now())}
    world.clock_ahead = 1000.0 * HOUR_S
    keeper.look(1)
    assert (keeper.read_told(), world.local.actions, keeper.log) == (None, [], [])
    world.clock_ahead = 0.0
    keeper.world.wait(91 * HOUR_S)
    remote.monitoring = {"TIMESTAMP": str(keeper.now())}
    keeper.look()
    assert world.local.actions == ["poweroff 7"]


def test_a_remote_clock_that_jumps_ends_no_vm(world: World, keeper: Keeper) -> None:
    begin(world)
    world.remote.clock = lambda: BORN + world.now + 1000 * HOUR_S
    keeper.look(99.5)
    assert (keeper.read_told(), world.local.actions) == (LAST_HOUR, [])


def test_the_owner_may_shorten_it_while_it_runs(world: World, keeper: Keeper) -> None:
    vm = begin(world)
    keeper.look(10)
    section = {"TYPE": "opennebula", "TEMPLATE_ID": "0", "MAX_HOURS": "11"}
    vm.user_template["PUBLIC_CLOUD"] = section
    keeper.look(0.5)
    assert keeper.read_told() == (
        "less than 1 of 11 hours are left, then poweroff (MAX_HOURS in PUBLIC_CLOUD)"
    )


def test_a_longer_limit_takes_back_what_was_told(world: World, keeper: Keeper) -> None:
    begin(world)
    keeper.look(80)
    world.local.hosts[HOST_ID]["ONE_MAX_HOURS"] = "1000"
    keeper.look()
    assert keeper.read_told() is None
    keeper.look(100)
    assert world.local.actions == []


def test_a_guest_that_does_not_follow_is_not_asked_again(world: World, keeper: Keeper) -> None:
    vm = begin(world)
    keeper.look(100)
    vm.state = "RUNNING"  # SHUTDOWN has failed
    keeper.look()
    assert world.local.actions == ["poweroff 7", "poweroff-hard 7"]
    vm.state, vm.hosts = "RUNNING", vm.hosts * 2  # its user has started it once more
    vm.runs = [(vm.runs[0][0], keeper.now()), (keeper.now(), 0)]
    keeper.look()
    assert world.local.actions[2:] == ["poweroff 7"]
    assert keeper.log == [OVER]


@pytest.mark.parametrize("state", ["POWEROFF", "SUSPENDED", "SHUTDOWN_POWEROFF", "HOTPLUG", "BOOT"])
def test_a_vm_that_does_not_run_is_left_alone(world: World, keeper: Keeper, state: str) -> None:
    begin(world).state = state
    keeper.look(101)
    assert (keeper.read_told(), world.local.actions) == (None, [])


def test_the_action_is_the_hosts(world: World, keeper: Keeper) -> None:
    begin(world)
    world.local.hosts[HOST_ID]["ONE_MAX_HOURS_ACTION"] = "TERMINATE"
    keeper.look(100)
    assert world.local.actions == ["terminate 7"]


def test_nothing_is_done_while_the_remote_is_away(world: World, keeper: Keeper) -> None:
    begin(world)
    world.remote.is_down = True
    with pytest.raises(Unreachable):
        keeper.look(101)
    assert world.local.actions == []
    world.remote.is_down = False
    keeper.look()
    assert world.local.actions == ["poweroff 7"]


@pytest.mark.parametrize("lost", ["gone", "anothers"])
def test_a_vm_whose_remote_vm_is_gone_or_anothers_is_left_alone(
    world: World, keeper: Keeper, lost: str
) -> None:
    begin(world)
    if lost == "gone":
        del world.remote.vms[9]
    else:
        world.remote.vms[9].user_template["REMOTE_OPENNEBULA_VM_ID"] = "12"
    keeper.look(101)
    assert (keeper.read_told(), world.local.actions, keeper.log) == (None, [], [])


def test_one_vm_that_is_refused_keeps_no_other(world: World, keeper: Keeper) -> None:
    begin(world)
    world.add_local(8, deploy_id=format_deploy_id(10)).runs = world.local.vms[7].runs
    world.local.vms[8].stime = world.local.vms[7].stime
    world.add_remote(10, marks=Marks(HYBRID_ID, 99, BORN, 0))
    keeper.look(101)
    assert world.local.actions == ["poweroff 7"]


def test_an_action_that_oned_refuses_is_asked_for_in_the_next_round(
    world: World, keeper: Keeper
) -> None:
    begin(world)
    world.local.script("vm.action", refuse(WRONG_STATE))
    keeper.look(101)
    keeper.look()
    assert world.local.actions == ["poweroff 7", "poweroff 7"]


def test_a_vm_that_its_user_has_locked_is_named_and_keeps_no_other(
    world: World, keeper: Keeper
) -> None:
    begin(world)
    world.add_local(8, deploy_id=format_deploy_id(10)).runs = world.local.vms[7].runs
    other = world.add_remote(10, marks=Marks(HYBRID_ID, 8, BORN, 0))
    other.hosts, other.runs = [(0, "node")], world.local.vms[7].runs
    world.local.script("vm.update", refuse(NOT_AUTHORIZED, "VM is locked"))
    with pytest.raises(NotAuthorized, match="is locked"):
        keeper.look(101)
    assert len(world.local.actions) == 1
    keeper.look()
    assert sorted(world.local.actions) == ["poweroff 7", "poweroff 8"]


def test_a_follower_does_nothing(world: World, keeper: Keeper) -> None:
    begin(world)
    world.local.raft_state = 2
    keeper.look(101)
    assert (keeper.read_told(), world.local.actions) == (None, [])


def test_a_vm_without_a_limit_costs_one_reading_in_ten_minutes(
    world: World, keeper: Keeper
) -> None:
    begin(world)
    del world.local.hosts[HOST_ID]["ONE_MAX_HOURS"]
    for _ in range(9):
        keeper.look()
    assert world.local.count("vm.info") == 0
    whole = [call for call in world.local.calls if call == "vmpool.infoset 7 True"]
    assert len(whole) == 1
    assert world.remote.calls == []


def test_a_few_are_read_in_a_round_and_all_in_turn(world: World, keeper: Keeper) -> None:
    for number in range(250):
        vm = world.add_local(number, deploy_id=format_deploy_id(number + 1000))
        vm.runs, vm.stime = [(BORN, 0)], BORN
        remote = world.add_remote(number + 1000, marks=Marks(HYBRID_ID, number, BORN, 0))
        remote.hosts, remote.runs = [(0, "node")], vm.runs
    world.wait(101 * HOUR_S)
    for done in (100, 200, 250):
        keeper.look()
        assert len(world.local.actions) == done


def test_hours_of_the_remote_vm_before_there_was_a_local_one_do_not_count(
    world: World, keeper: Keeper
) -> None:
    vm = begin(world)
    world.remote.vms[9].runs = [(BORN - 1000 * HOUR_S, 0)]
    start, now = vm.runs[0][0], keeper.now() + 20 * HOUR_S
    vm.hosts, vm.runs = vm.hosts * 2, [(start, start + HOUR_S), (now, 0)]
    keeper.look(20 + 98.5)
    assert (keeper.read_told(), world.local.actions) == (LAST_HOUR, [])
