"""A local VM tells what is wrong with its remote VM, while it is, and is written for no less."""

from typing import Any

import pytest

from one2one.driver.monitor import HostMonitor
from one2one.hybrid.naming import Marks, format_deploy_id
from one2one.opennebula.errors import Unreachable
from tests.driver.scripted import BORN, NOT_FOUND, ScriptedVm, after, drop, refuse
from tests.driver.world import HOST_ID, HYBRID_ID, World

NO_HOST = "Cannot dispatch VM: No host with enough capacity to deploy the VM"
SAID = f"remote VM 9 is PENDING: {NO_HOST}"
FORBIDDEN = 0x200


class Host:
    """The monitoring of one host, by one process after the other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.restart()

    def restart(self) -> None:
        self.monitor = HostMonitor(HOST_ID, self.world.cloud, self.world.remotes)

    def look(self) -> None:
        """Do a round half a minute later, in which usage is read too."""
        self.world.wait(30)
        self.monitor.refresh()
        self.monitor.tell_problems(self.monitor.read_states())

    def read_problem(self, vm_id: int = 7) -> Any:
        return self.world.local.vms[vm_id].user_template.get("REMOTE_PROBLEM")

    def writes(self) -> int:
        return self.world.local.count("vm.update")


@pytest.fixture
def host(world: World) -> Host:
    return Host(world)


def hold_back(vm: ScriptedVm, words: str = NO_HOST, second: int = 0) -> None:
    vm.state = "PENDING"
    vm.user_template["SCHED_MESSAGE"] = f"Fri Nov 27 18:51:{second:02} 2026: {words}"


def test_it_is_written_once_and_removed_once(world: World, host: Host) -> None:
    remote = world.add_both()
    for second in range(3):  # the scheduler says it again and again
        hold_back(remote, second=second)
        host.look()
        assert host.read_problem() == SAID
    assert host.writes() == 1
    remote.state = "RUNNING"
    for _ in range(3):
        host.look()
        assert host.read_problem() is None
    assert host.writes() == 2


def test_words_that_the_scheduler_clears_for_a_moment_stay(world: World, host: Host) -> None:
    remote = world.add_both()
    hold_back(remote)
    host.look()
    remote.user_template["SCHED_MESSAGE"] = ""
    for _ in range(3):
        host.look()
        assert (host.read_problem(), host.writes()) == (SAID, 1)


def test_another_reason_takes_its_place(world: World, host: Host) -> None:
    remote = world.add_both()
    hold_back(remote)
    host.look()
    hold_back(remote, "Cannot dispatch VM: No hosts enabled to run VMs")
    host.look()
    assert host.read_problem().endswith("No hosts enabled to run VMs")
    assert host.writes() == 2


def test_nothing_is_written_where_all_is_well(world: World, host: Host) -> None:
    world.add_both()
    for _ in range(3):
        host.look()
    assert host.writes() == 0
    assert world.remote.count("vm.info") == 0


def test_a_vm_that_waits_without_a_reason_is_told_after_half_a_minute(
    world: World, host: Host
) -> None:
    world.add_both(remote_state="PENDING")
    host.look()
    assert host.read_problem() is None
    host.look()
    assert "found no place" in host.read_problem()


@pytest.mark.parametrize("state", ["DONE", None])
def test_a_remote_vm_that_is_gone_is_told(world: World, host: Host, state: str | None) -> None:
    remote = world.add_both("POWEROFF", "POWEROFF")
    host.look()
    if state:
        remote.state = state
    else:
        del world.remote.vms[9]
    host.look()
    assert host.read_problem().startswith("remote VM 9 is gone")


def test_a_remote_vm_that_changed_its_owner_is_told(world: World, host: Host) -> None:
    world.add_both()
    host.look()
    del world.remote.vms[9]  # the pool leaves it out
    world.remote.script("vm.info", refuse(FORBIDDEN, "Not authorized"))
    world.local.vms[7].state = "UNKNOWN"
    world.remote.script("vm.info", refuse(FORBIDDEN, "Not authorized"))
    host.look()
    assert "no longer the remote account's" in host.read_problem()


def test_another_process_removes_what_an_earlier_one_wrote(world: World, host: Host) -> None:
    remote = world.add_both()
    hold_back(remote)
    host.look()
    remote.state = "RUNNING"
    host.restart()
    host.look()
    assert host.read_problem() is None


def test_another_process_does_not_write_it_again(world: World, host: Host) -> None:
    hold_back(world.add_both())
    host.look()
    host.restart()
    host.look()
    assert (host.read_problem(), host.writes()) == (SAID, 1)


def test_what_a_user_does_to_it_is_put_right(world: World, host: Host) -> None:
    remote = world.add_both()
    hold_back(remote)
    host.look()
    for value in ("all is well", {"A": "b"}):
        world.local.vms[7].user_template["REMOTE_PROBLEM"] = value
        host.look()
        assert host.read_problem() == SAID


def test_a_users_update_and_the_error_of_oned_are_kept(world: World, host: Host) -> None:
    hold_back(world.add_both())

    def update(carry_out: Any) -> Any:
        world.local.vms[7].user_template |= {"ERROR": "ATTACHNIC: refused", "LABELS": "mine"}
        return carry_out()

    world.local.script("vm.update", update)
    host.look()
    kept = world.local.vms[7].user_template
    assert (kept["ERROR"], kept["LABELS"], host.read_problem()) == (
        "ATTACHNIC: refused",
        "mine",
        SAID,
    )


def test_an_operation_under_way_is_waited_for(world: World, host: Host) -> None:
    remote = world.add_both()
    hold_back(remote)
    host.look()
    world.local.vms[7].state = "SHUTDOWN_UNDEPLOY"
    remote.state = "DONE"
    host.look()
    assert host.read_problem() == SAID


def test_a_vm_that_left_the_host_tells_it_no_more(world: World, host: Host) -> None:
    hold_back(world.add_both())
    host.look()
    vm = world.local.vms[7]
    vm.state, vm.hosts = "RUNNING", [*vm.hosts, (HOST_ID + 1, "kvm1")]
    host.look()
    assert host.read_problem() is None


def test_what_the_next_host_of_a_vm_tells_is_left_alone(world: World, host: Host) -> None:
    hold_back(world.add_both())
    host.look()
    vm = world.local.vms[7]
    vm.hosts = [*vm.hosts, (HOST_ID + 1, "burst2")]
    vm.user_template["REMOTE_PROBLEM"] = "remote VM 4 is gone"
    host.look()
    assert host.read_problem() == "remote VM 4 is gone"


def test_a_vm_that_ends_just_then_is_no_error(world: World, host: Host) -> None:
    hold_back(world.add_both())
    world.local.script("vm.update", refuse(NOT_FOUND))
    host.look()
    host.look()
    assert host.read_problem() == SAID


def test_nothing_of_anothers_vm_is_told(world: World, host: Host) -> None:
    remote = world.add_both()
    remote.user_template |= {"REMOTE_OPENNEBULA_VM_ID": "12", "ERROR": "private"}
    remote.state = "BOOT_FAILURE"
    host.look()
    assert host.read_problem() == "remote VM 9 is not VM 7's: it carries the marks of VM 12"


def test_marks_that_changed_since_they_were_read_are_seen(world: World, host: Host) -> None:
    remote = world.add_both()
    host.look()
    remote.user_template |= {"REMOTE_OPENNEBULA_VM_ID": "12", "ERROR": "private"}
    remote.state = "BOOT_FAILURE"
    host.look()
    assert "private" not in (host.read_problem() or "")


def test_few_are_read_in_a_round_and_all_in_turn(world: World, host: Host) -> None:
    for number in range(50):
        world.add_local(number, deploy_id=format_deploy_id(number + 100))
        hold_back(world.add_remote(number + 100, marks=Marks(HYBRID_ID, number, BORN, 0)))
    for looks in range(1, 4):
        world.remote.calls.clear()
        host.look()
        assert world.remote.count("vm.info") == 20
        assert sum(bool(host.read_problem(number)) for number in range(50)) == min(50, 20 * looks)


def test_a_remote_that_fails_in_the_middle_leaves_everything_as_it_is(
    world: World, host: Host
) -> None:
    hold_back(world.add_both())
    host.look()
    world.remote.script("vm.info", drop)
    with pytest.raises(Unreachable):
        host.look()
    assert host.read_problem() == SAID


def test_a_reason_that_ends_while_it_is_read_is_not_written(world: World, host: Host) -> None:
    remote = world.add_both()
    hold_back(remote)
    world.remote.script("vm.info", after(lambda: setattr(remote, "state", "RUNNING")))
    host.look()
    assert host.read_problem() is None
