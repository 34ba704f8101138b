"""A round tells the local cloud what the remote VMs do, and nothing that is old or unsure."""

from typing import Any

import pytest

from one2one.driver.events import CapacityRead, StatesRead
from one2one.driver.host_vms import FrontEndError
from one2one.driver.monitor import HostMonitor
from one2one.driver.round import Round
from one2one.hybrid.mirror import STUCK_S, Report
from one2one.hybrid.naming import read_marks
from one2one.hybrid.outage import GRACE_S
from one2one.opennebula.errors import ConfigurationError, NotFound, ProtocolError, Unreachable
from one2one.opennebula.states import HostState, RaftState
from tests.driver.scripted import STATES, after, answer, drop
from tests.driver.world import HOST, HOST_ID, MARKS, World


class MonitoredHost:
    """The monitoring of one host."""

    def __init__(self, world: World, **options: Any) -> None:
        self.world = world
        self.monitor = HostMonitor(HOST_ID, world.cloud, world.remotes, **options)

    def round(self) -> Round:
        """Read both sides twice, some seconds apart, so that every state was there before."""
        self.monitor.read_states()
        self.world.wait(5)
        return self.monitor.read_states()

    def reports(self) -> dict[int, Report]:
        return {one.vm_id: one.report for one in self.round().reports}


@pytest.fixture
def host(world: World) -> MonitoredHost:
    return MonitoredHost(world)


@pytest.mark.parametrize(
    ("local", "remote", "report"),
    [
        ("RUNNING", "RUNNING", Report.SILENCE),
        ("RUNNING", "POWEROFF", Report.POWEROFF),
        ("RUNNING", "SUSPENDED", Report.SUSPENDED),
        ("RUNNING", "UNKNOWN", Report.FAILURE),
        ("UNKNOWN", "RUNNING", Report.RUNNING),
        ("POWEROFF", "RUNNING", Report.RUNNING),
        ("SUSPENDED", "RUNNING", Report.RUNNING),
        ("RUNNING", "SHUTDOWN_POWEROFF", Report.SILENCE),
        ("SHUTDOWN_POWEROFF", "RUNNING", Report.SILENCE),
    ],
)
def test_the_local_vm_follows_its_remote_vm(
    world: World, host: MonitoredHost, local: str, remote: str, report: Report
) -> None:
    world.add_both(local, remote)
    assert host.reports() == {7: report}


def test_a_round_is_one_call_to_each_cloud_for_any_number_of_vms(
    world: World, host: MonitoredHost
) -> None:
    for number in range(50):
        world.add_local(number, deploy_id=f"opennebula-hybrid-{number + 100}")
        world.add_remote(number + 100).user_template["REMOTE_OPENNEBULA_VM_ID"] = str(number)
    host.round()
    for oned in (world.local, world.remote):
        oned.calls.clear()
    world.wait(5)
    host.monitor.read_states()
    for oned in (world.local, world.remote):
        assert [call.split()[0] for call in oned.calls] == ["vmpool.infoset"]


def test_a_state_that_was_first_seen_in_this_round_is_not_corrected_yet(
    world: World, host: MonitoredHost
) -> None:
    world.add_both(remote_state="POWEROFF")
    world.remote.script("vmpool.infoset", after(lambda: world.wait(1)))
    (report,) = host.monitor.read_states().reports
    assert report.report is Report.SILENCE


def test_a_vm_that_gets_another_remote_vm_meanwhile_is_not_corrected(
    world: World, host: MonitoredHost
) -> None:
    world.add_both(remote_state="POWEROFF")
    host.round()
    local = world.local.vms[7]
    move = after(lambda: setattr(local, "deploy_id", "opennebula-hybrid-10"))
    world.remote.script("vmpool.infoset", move)
    world.wait(5)
    assert host.monitor.read_states().links == {}


def test_a_vm_that_oned_moves_while_the_remote_is_read_is_not_corrected(
    world: World, host: MonitoredHost
) -> None:
    world.add_both(remote_state="POWEROFF")
    host.monitor.read_states()
    world.wait(5)

    def move(carry_out: Any) -> Any:
        world.local.vms[7].state = "SHUTDOWN_POWEROFF"
        world.wait(1)
        return carry_out()

    world.remote.script("vmpool.infoset", move)
    (report,) = host.monitor.read_states().reports
    assert report.report is Report.SILENCE


def test_an_old_local_reading_is_read_again_before_the_remote(
    world: World, host: MonitoredHost
) -> None:
    world.add_both(remote_state="POWEROFF")
    host.monitor.read_states()
    world.local.calls.clear()
    world.wait(46)
    host.monitor.read_states()
    assert world.local.count("vmpool.infoset") == 2


def test_after_a_round_that_failed_the_local_vms_are_read_first_again(
    world: World, host: MonitoredHost
) -> None:
    world.add_both()
    host.round()
    world.remote.script("vmpool.infoset", drop)
    with pytest.raises(Unreachable):
        host.monitor.read_states()
    world.local.calls.clear()
    host.monitor.read_states()
    assert world.local.count("vmpool.infoset") == 2


def test_an_operation_that_is_stuck_is_corrected(world: World) -> None:
    host = MonitoredHost(world, stuck_after=STUCK_S)
    world.add_both("SHUTDOWN_POWEROFF", "POWEROFF")
    assert host.reports() == {7: Report.SILENCE}
    world.wait(STUCK_S)
    assert host.reports() == {7: Report.POWEROFF}


def test_a_vm_with_the_marks_of_another_is_not_shown(world: World, host: MonitoredHost) -> None:
    world.add_both(remote_state="POWEROFF").user_template["REMOTE_OPENNEBULA_VM_ID"] = "12"
    first = host.monitor.read_states()
    assert first.links == {}
    assert [refusal.cause[:30] for refusal in first.denied] == ["remote VM 9 is not VM 7's: it "]
    world.wait(5)
    again = host.monitor.read_states()
    assert [one.report for one in again.reports] == [Report.SILENCE]
    assert again.denied == (), "each reason is told once"


def test_marks_that_were_repaired_count_with_the_next_reading_of_the_host(
    world: World, host: MonitoredHost
) -> None:
    vm = world.add_both(remote_state="POWEROFF")
    vm.user_template["REMOTE_OPENNEBULA_VM_ID"] = "12"
    host.round()
    vm.user_template["REMOTE_OPENNEBULA_VM_ID"] = "7"
    host.monitor.refresh()
    assert host.reports() == {7: Report.POWEROFF}


def test_the_first_deploys_hybrid_id_counts_before_the_host_is_read_again(
    world: World, host: MonitoredHost
) -> None:
    hybrid_id = world.local.hosts[HOST_ID].pop("ONE_HYBRID_ID")
    world.add_local(7, "BOOT")
    host.round()
    world.local.hosts[HOST_ID]["ONE_HYBRID_ID"] = hybrid_id
    world.add_both(remote_state="POWEROFF")
    assert host.reports() == {7: Report.POWEROFF}


def test_a_vm_that_the_list_leaves_out_is_asked_for_where_it_matters(
    world: World, host: MonitoredHost
) -> None:
    world.add_local(7, deploy_id="opennebula-hybrid-9")
    world.add_local(8, "POWEROFF", deploy_id="opennebula-hybrid-10")
    assert host.reports() == {7: Report.POWEROFF, 8: Report.SILENCE}
    asked = {call for call in world.remote.calls if call.startswith("vm.info")}
    assert asked == {"vm.info 9"}, "a VM that is off already would not change"


def test_a_vm_that_now_belongs_to_another_user_is_not_taken_for_gone(
    world: World, host: MonitoredHost
) -> None:
    world.add_both()
    world.remote.script("vmpool.infoset", *2 * [answer("<VM_POOL/>")])
    assert host.reports() == {7: Report.SILENCE}


def test_a_vm_that_cannot_be_asked_for_is_not_taken_for_gone(
    world: World, host: MonitoredHost
) -> None:
    world.add_local(7, deploy_id="opennebula-hybrid-9")
    world.remote.script("vm.info", drop, drop)
    assert host.reports() == {7: Report.SILENCE}


def test_a_missing_vm_that_is_anothers_by_its_marks_is_not_shown(
    world: World, host: MonitoredHost
) -> None:
    world.add_both(remote_state="POWEROFF").user_template["REMOTE_OPENNEBULA_VM_ID"] = "12"
    world.remote.script("vmpool.infoset", *2 * [answer("<VM_POOL/>")])
    assert host.reports() == {7: Report.SILENCE}


def test_few_missing_vms_are_asked_for_in_a_round(world: World, host: MonitoredHost) -> None:
    for number in range(100):
        world.add_local(number, deploy_id=f"opennebula-hybrid-{number + 100}")
    host.monitor.read_states()
    world.wait(5)
    world.remote.calls.clear()
    host.monitor.read_states()
    assert world.remote.count("vm.info") == 20


def test_a_host_without_vms_still_asks_the_remote(world: World, host: MonitoredHost) -> None:
    assert host.reports() == {}
    world.remote.is_down = True
    with pytest.raises(Unreachable):
        host.monitor.read_states()


def test_a_local_vm_that_cannot_be_read_is_listed_without_a_state(
    world: World, host: MonitoredHost
) -> None:
    world.add_both()
    host.monitor.refresh()
    pool = "<VM_POOL><VM><ID>7</ID><STATE>x</STATE></VM></VM_POOL>"
    world.local.script("vmpool.infoset", *3 * [answer(pool)])
    assert host.reports() == {7: Report.SILENCE}


def test_a_front_end_that_cannot_be_read_is_told_from_a_remote(
    world: World, host: MonitoredHost
) -> None:
    world.add_both()
    host.round()
    world.local.script("vmpool.infoset", drop)
    with pytest.raises(FrontEndError):
        host.monitor.read_states()


def test_what_was_read_is_told_to_the_listener(world: World, host: MonitoredHost) -> None:
    world.add_both(remote_state="POWEROFF")
    host.round()
    states = [event for event in world.events if isinstance(event, StatesRead)]
    assert states[-1] == StatesRead(HOST_ID, {9: STATES["POWEROFF"]}, {7: Report.POWEROFF})


def test_a_host_that_is_off_line_or_gone_is_not_monitored(
    world: World, host: MonitoredHost
) -> None:
    world.local.host_state = HostState.OFFLINE
    with pytest.raises(NotFound, match="is off line"):
        host.monitor.refresh()


def test_only_a_leader_monitors(world: World, host: MonitoredHost) -> None:
    assert host.monitor.is_ours()
    world.local.raft_state = RaftState.FOLLOWER
    assert not host.monitor.is_ours()


def test_the_grace_and_the_name_are_the_hosts(world: World, host: MonitoredHost) -> None:
    assert host.monitor.grace == GRACE_S
    world.local.hosts[HOST_ID]["ONE_OUTAGE_GRACE"] = "90"
    host.monitor.refresh()
    assert host.monitor.grace == 90
    assert host.monitor.host_name == HOST
    assert host.monitor.clouds == (world.cloud, world.open())


def test_new_settings_count_with_the_next_reading_of_the_host(
    world: World, host: MonitoredHost
) -> None:
    host.monitor.refresh()
    world.local.hosts[HOST_ID]["ONE_PASSWORD"] = ""
    with pytest.raises(ConfigurationError, match="has no ONE_PASSWORD"):
        host.monitor.refresh()


def find_unlinked(host: MonitoredHost) -> list[str]:
    """Return the deploy ids that are told for VMs that have none, after they were stuck."""
    host.monitor.read_states()
    host.world.wait(STUCK_S)
    found = host.monitor.find_unlinked(host.monitor.read_states())
    assert all((one.vm_id, one.report) == (7, Report.RUNNING) for one in found)
    return [one.deploy_id for one in found]


@pytest.mark.parametrize(("state", "deploy_id"), [("BOOT", ""), ("RUNNING", "one-7")])
def test_a_deploy_id_that_was_lost_is_told_by_the_marks(
    world: World, host: MonitoredHost, state: str, deploy_id: str
) -> None:
    world.add_local(7, state, deploy_id=deploy_id)
    world.add_remote(9)
    assert find_unlinked(host) == ["opennebula-hybrid-9"]


def test_while_a_deploy_may_still_be_answered_nothing_is_told(
    world: World, host: MonitoredHost
) -> None:
    world.add_local(7, "BOOT")
    world.add_remote(9)
    assert host.monitor.find_unlinked(host.round()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"state": "POWEROFF"},
        {"state": "BOOT_FAILURE"},
        {"name": "web"},
        {"user_template": {"ONE_HYBRID_ID": "hybrid-b"}},
    ],
)
def test_a_vm_that_does_not_run_or_is_not_marked_is_not_linked(
    world: World, host: MonitoredHost, change: dict[str, Any]
) -> None:
    world.add_local(7, "BOOT")
    vm = world.add_remote(9)
    for name, value in change.items():
        setattr(vm, name, value)
    assert find_unlinked(host) == []


def test_a_vm_of_an_earlier_start_is_not_linked(world: World, host: MonitoredHost) -> None:
    world.add_local(7, "BOOT", hosts=2 * [(HOST_ID, HOST)])
    world.add_remote(9)
    assert find_unlinked(host) == []


def test_a_vm_that_oned_calls_anothers_is_not_linked(world: World, host: MonitoredHost) -> None:
    world.add_local(7, "BOOT")
    world.add_local(8, deploy_id="opennebula-hybrid-9")
    world.add_remote(9)
    assert find_unlinked(host) == []


def test_a_host_without_a_hybrid_id_has_no_vm_to_link(world: World, host: MonitoredHost) -> None:
    del world.local.hosts[HOST_ID]["ONE_HYBRID_ID"]
    world.add_local(7, "BOOT")
    assert find_unlinked(host) == []
    assert world.remote.count("vmpool.info") == 0


def test_usage_is_told_of_each_vm_that_runs(world: World, host: MonitoredHost) -> None:
    world.add_both().monitoring = {"CPU": "12.5", "MEMORY": "1024", "TIMESTAMP": str(MARKS.stime)}
    world.add_local(8, deploy_id="opennebula-hybrid-10")
    world.add_remote(10).user_template["REMOTE_OPENNEBULA_VM_ID"] = "8"
    world.add_local(11, deploy_id="opennebula-hybrid-12")
    world.add_remote(12, "POWEROFF").user_template["REMOTE_OPENNEBULA_VM_ID"] = "11"
    found = {one.vm_id: one.usage for one in host.monitor.read_usages(host.round())}
    assert set(found) == {7, 8}
    assert (found[7]["CPU"], found[7]["MEMORY"]) == ("12.5", "1024")
    assert "CPU" not in found[8], "it was not measured yet"
    assert found[8]["REMOTE_VM_ID"] == "10"


def test_the_capacity_is_what_the_quotas_leave_and_the_hosts_own_vms(
    world: World, host: MonitoredHost
) -> None:
    world.add_both()
    world.remote.quota = {"CPU": "4", "CPU_USED": "1.5", "MEMORY": "4096", "MEMORY_USED": "1024"}
    capacity = host.monitor.read_capacity(host.round())
    assert capacity.total == (300, 1024 * (4096 - 1024 + 256))
    assert (capacity.used_cpu, capacity.used_memory) == (50, 1024 * 256)
    assert host.monitor.known_capacity == capacity
    assert CapacityRead(HOST_ID, capacity) in world.events


def test_a_quota_that_is_none_is_told(world: World, host: MonitoredHost) -> None:
    world.remote.quota = {"CPU": "many"}
    with pytest.raises(ProtocolError, match="quota CPU of user burst is 'many'"):
        host.monitor.read_capacity(host.round())


def find_wild(world: World, host: MonitoredHost) -> list[str]:
    host.round()
    return [one.deploy_id for one in host.monitor.survey_account()]


@pytest.mark.parametrize(
    ("version", "offered"), [("5.10.5", True), ("6.10.0", True), ("7.0.0", False)]
)
def test_a_vm_that_no_front_end_made_is_offered_up_to_6_10(
    world: World, host: MonitoredHost, version: str, *, offered: bool
) -> None:
    world.local.version = version
    world.add_both()
    world.add_remote(10, marks=None)
    assert find_wild(world, host) == (["opennebula-hybrid-10"] if offered else [])


def test_a_vm_that_is_or_was_a_front_ends_is_not_offered(world: World, host: MonitoredHost) -> None:
    world.add_local(7, deploy_id="opennebula-hybrid-9", template={"IMPORTED": "YES"})
    assert read_marks(world.add_remote(9, marks=None).read()) is None
    world.add_remote(10).user_template.clear()
    world.add_remote(11).name = "web"
    assert find_wild(world, host) == []


def test_a_vm_that_another_host_has_imported_is_not_offered(
    world: World, host: MonitoredHost
) -> None:
    vm = world.add_local(7, deploy_id="opennebula-hybrid-9", template={"IMPORTED": "YES"})
    vm.hosts = [(HOST_ID + 1, "burst2")]
    world.add_remote(9, marks=None)
    assert find_wild(world, host) == []


def test_the_reaper_sees_all_of_the_account(world: World) -> None:
    seen = []
    host = MonitoredHost(world, on_survey=lambda remote, rows: seen.append((remote, rows)))
    world.add_both()
    world.add_remote(10, marks=None)
    world.add_remote(11, "DONE")
    find_wild(world, host)
    ((remote, rows),) = seen
    assert remote == world.open()
    assert {row.id for row in rows} == {9, 10}
