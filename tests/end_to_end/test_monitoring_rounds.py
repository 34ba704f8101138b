"""One round after the other, step by step: what is asked for, and what is said and kept quiet."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from one2one.driver.local import LocalCloud
from one2one.driver.monitor import HostMonitor
from one2one.driver.remotes import Remotes
from one2one.driver.round import Round
from one2one.hybrid.mirror import Report
from one2one.opennebula.errors import ConfigurationError, NotFound, ProtocolError, Unreachable
from one2one.opennebula.states import LcmState, State, VmState
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.wire.server import XmlRpcServer
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import GENERATIONS, Burst, burst


@dataclass
class Scene:
    """Both sides, and the monitoring of the host, whose calls to the local cloud are counted."""

    both: Burst
    monitor: HostMonitor
    local_calls: Counter[str]
    last: Round = field(init=False)
    """The last round."""

    def read_reports(self) -> dict[int, Report]:
        """Return what a status round says, but for silence."""
        self.last = self.monitor.read_states()
        reports = self.last.reports
        return {one.vm_id: one.report for one in reports if one.report is not Report.SILENCE}


@contextmanager
def scene(generation: str = "6.10", stuck_after: float = 60.0) -> Iterator[Scene]:
    calls = Counter[str]()
    with burst(generation) as both:

        def call(method: str, arguments: tuple[object, ...]) -> Sequence[bool | int | str | bytes]:
            calls[method] += 1
            return both.frontend.api(method, arguments)

        server = XmlRpcServer(call, delivery=both.frontend.faults.deliver)
        server.start()
        local = LocalCloud(both.frontend.home.environment(server.endpoint))
        remotes = Remotes(local)
        try:
            yield Scene(both, HostMonitor(0, local, remotes, stuck_after=stuck_after), calls)
        finally:
            remotes.close()
            local.cloud.close()
            server.stop()


def force(both: Burst, vm: LocalVm, state: State) -> None:
    """Have the remote VM be in *state*."""
    with both.cloud.clock.lock:
        both.cloud.machine.enter(both.cloud.vms[both.remote_id(vm)], state)


def set_local(both: Burst, vm: LocalVm, state: State) -> None:
    """Have the local VM be in *state*, as after an operation whose answer was lost."""
    with both.frontend.clock.lock:
        both.frontend.pools.find_vm(vm.id).state = state


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_status_round_is_one_call_to_each_cloud(generation: str) -> None:
    with scene(generation) as on:
        vms = [on.both.run_vm() for _ in range(5)]
        on.monitor.refresh()
        on.read_reports()
        on.local_calls.clear()
        on.both.cloud.calls.clear()
        for _ in range(3):
            assert on.read_reports() == {}
        pool = "one.vmpool.info" if generation == "5.10" else "one.vmpool.infoset"
        assert on.both.cloud.calls.counts() == {pool: 3}
        assert on.local_calls == {pool: 3}
        on.both.cloud.act(on.both.remote_id(vms[3]), "poweroff")
        on.both.wait_remote(vms[3], "POWEROFF")
        assert on.read_reports() == {vms[3].id: Report.POWEROFF}
        assert on.both.cloud.calls.counts().total() == 4
        assert on.local_calls.total() == 4


@pytest.mark.parametrize("generation", GENERATIONS)
def test_usage_and_capacity_cost_as_little(generation: str) -> None:
    with scene(generation) as on:
        for _ in range(5):
            on.both.run_vm()
        on.monitor.refresh()
        on.read_reports()
        on.both.cloud.calls.clear()
        assert len(on.monitor.read_usages(on.last)) == 5
        usage = "infoextended" if generation == "5.10" else "monitoring"
        assert on.both.cloud.calls.counts() == {f"one.vmpool.{usage}": 1}
        on.both.cloud.calls.clear()
        on.monitor.read_capacity(on.last)
        assert on.both.cloud.calls.counts() == {"one.user.info": 1, "one.group.info": 1}


def steal(both: Burst, thief: LocalVm, victim: LocalVm) -> None:
    """Have a local VM name another's remote VM."""
    with both.frontend.clock.lock:
        both.frontend.pools.find_vm(thief.id).deploy_id = victim.deploy_id


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_vm_of_another_is_neither_followed_nor_shown(generation: str) -> None:
    with scene(generation) as on:
        victim, thief = on.both.run_vm(), on.both.run_vm()
        steal(on.both, thief, victim)
        force(on.both, victim, State(VmState.POWEROFF))
        on.monitor.refresh()
        on.read_reports()
        (why,) = on.last.denied
        number = on.both.remote_id(victim)
        assert f"remote VM {number} is not VM {thief.id}'s: it carries the marks of" in str(why)
        assert on.read_reports() == {victim.id: Report.POWEROFF}
        assert on.last.denied == (), "told once"
        assert on.monitor.read_usages(on.last) == []


def test_marks_that_were_repaired_count_with_the_next_reading_of_the_host() -> None:
    with scene() as on:
        vm = on.both.run_vm()
        force(on.both, vm, State(VmState.POWEROFF))
        remote = on.both.cloud.vms[on.both.remote_id(vm)]
        marks, remote.user_template = remote.user_template, Template()
        on.both.cloud.vms.note_change(remote)
        on.monitor.refresh()
        on.read_reports()
        (why,) = on.last.denied
        assert "has lost its marks" in str(why)
        assert on.read_reports() == {}
        remote.user_template = marks
        on.both.cloud.vms.note_change(remote)
        on.monitor.refresh()
        assert on.read_reports() == {vm.id: Report.POWEROFF}


def test_a_hybrid_id_that_the_first_deploy_has_written_counts_at_once() -> None:
    with scene() as on:
        on.monitor.refresh()
        vm = on.both.run_vm()
        on.both.cloud.act(on.both.remote_id(vm), "poweroff")
        on.both.wait_remote(vm, "POWEROFF")
        on.monitor._vms.read_host()
        on.read_reports()
        assert on.last.denied == ()
        assert on.read_reports() == {vm.id: Report.POWEROFF}


@pytest.mark.parametrize("generation", ["5.10", "6.10"])
def test_an_imported_vm_is_marked_when_it_is_seen(generation: str) -> None:
    with scene(generation) as on:
        foreign = on.both.cloud.instantiate(0, "web")
        name = "IMPORT_VM_ID" if generation == "5.10" else "DEPLOY_ID"
        vm = on.both.vm(**{name: f"opennebula-hybrid-{foreign.id}"})
        vm.deploy(on.both.host)
        force(on.both, vm, State(VmState.POWEROFF))
        on.monitor.refresh()
        on.read_reports()
        assert on.read_reports() == {vm.id: Report.POWEROFF}
        assert foreign.user_template.text("REMOTE_OPENNEBULA_VM_ID") == str(vm.id)
        on.both.cloud.calls.clear()
        on.read_reports()
        assert on.both.cloud.calls.counts().total() == 1, "marks are read once"


def test_a_vm_whose_deploy_id_oned_lacks_is_not_given_that_of_another() -> None:
    with scene(stuck_after=0) as on:
        vm, guest = on.both.run_vm(), on.both.run_vm()
        cheat = on.both.cloud.vms[on.both.remote_id(guest)]
        cheat.user_template = on.both.cloud.vms[on.both.remote_id(vm)].user_template
        on.both.cloud.call("one.vm.rename", cheat.id, f"remote-opennebula-{vm.id}")
        on.both.cloud.act(on.both.remote_id(vm), "terminate-hard")
        on.both.wait_remote(vm, "DONE")
        with on.both.frontend.clock.lock:
            on.both.frontend.pools.find_vm(vm.id).deploy_id = ""
        set_local(on.both, vm, State(VmState.ACTIVE, LcmState.BOOT))
        on.monitor.refresh()
        on.read_reports()
        assert on.monitor.find_unlinked(on.last) == []


def test_a_host_without_vms_still_asks_whether_the_remote_lives() -> None:
    with scene() as on:
        assert on.read_reports() == {}
        on.both.cloud.server.stop()
        with pytest.raises(Unreachable):
            on.read_reports()
        on.both.cloud.server.start()


def test_a_vm_that_oned_moved_meanwhile_is_not_spoken_of() -> None:
    with scene() as on:
        vm = on.both.run_vm()
        on.monitor.refresh()
        on.read_reports()

        def moves() -> None:
            set_local(on.both, vm, State(VmState.SUSPENDED))

        on.both.cloud.faults.on(faults.run(moves), "one.vmpool.infoset")
        assert on.read_reports() == {}, "this reading of the remote may be older than the move"
        assert on.read_reports() == {vm.id: Report.RUNNING}, "this one is not"


def test_an_operation_under_way_is_left_alone() -> None:
    with scene() as on:
        vm = on.both.run_vm()
        on.monitor.refresh()
        set_local(on.both, vm, State(VmState.ACTIVE, LcmState.SHUTDOWN_POWEROFF))
        force(on.both, vm, State(VmState.POWEROFF))
        on.read_reports()
        assert on.read_reports() == {}


def test_an_operation_that_is_stuck_is_helped_out() -> None:
    with scene(stuck_after=0) as on:
        vms = [on.both.run_vm() for _ in range(3)]
        on.monitor.refresh()
        set_local(on.both, vms[0], State(VmState.ACTIVE, LcmState.SHUTDOWN_POWEROFF))
        force(on.both, vms[0], State(VmState.POWEROFF))
        set_local(on.both, vms[1], State(VmState.ACTIVE, LcmState.BOOT_POWEROFF))
        set_local(on.both, vms[2], State(VmState.ACTIVE, LcmState.SHUTDOWN))
        force(on.both, vms[2], State(VmState.POWEROFF))
        assert on.read_reports() == {0: Report.POWEROFF, 1: Report.RUNNING}


@pytest.mark.parametrize("generation", ["6.10", "7.2"])
def test_a_vm_whose_answer_to_deploy_was_lost_gets_its_deploy_id(generation: str) -> None:
    with scene(generation, stuck_after=0) as on:
        vm = on.both.run_vm()
        deploy_id = vm.deploy_id
        with on.both.frontend.clock.lock:
            on.both.frontend.pools.find_vm(vm.id).deploy_id = ""
        set_local(on.both, vm, State(VmState.ACTIVE, LcmState.BOOT))
        on.monitor.refresh()
        assert on.read_reports() == {}
        (found,) = on.monitor.find_unlinked(on.last)
        assert (found.vm_id, found.deploy_id, found.report) == (vm.id, deploy_id, Report.RUNNING)


def test_a_deploy_id_that_oned_made_up_is_replaced() -> None:
    with scene(stuck_after=0) as on:
        vm = on.both.run_vm()
        deploy_id = vm.deploy_id
        with on.both.frontend.clock.lock:  # as onevm recover --success leaves it
            on.both.frontend.pools.find_vm(vm.id).deploy_id = f"one-{vm.id}"
        on.monitor.refresh()
        assert on.read_reports() == {}
        (found,) = on.monitor.find_unlinked(on.last)
        assert (found.vm_id, found.deploy_id, found.report) == (vm.id, deploy_id, Report.RUNNING)


def test_what_was_made_before_a_recreate_is_not_taken_for_its_remote_vm() -> None:
    with scene(stuck_after=0) as on:
        vm = on.both.run_vm()
        place = on.both.frontend.pools.find_vm(vm.id).history
        place.append(place[-1])
        set_local(on.both, vm, State(VmState.ACTIVE, LcmState.BOOT))
        on.monitor.refresh()
        on.read_reports()
        assert on.monitor.find_unlinked(on.last) == []


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_vm_that_is_gone_is_off_only_when_the_remote_says_so(generation: str) -> None:
    with scene(generation) as on:
        gone, theirs, purged = (on.both.run_vm() for _ in range(3))
        on.monitor.refresh()
        on.read_reports()
        on.both.cloud.act(on.both.remote_id(gone), "terminate-hard")
        on.both.wait_remote(gone, "DONE")
        with on.both.cloud.clock.lock:
            on.both.cloud.vms[on.both.remote_id(theirs)].uid = on.both.cloud.oneadmin.id
            on.both.frontend.pools.find_vm(purged.id).deploy_id = "opennebula-hybrid-4711"
        on.read_reports()
        assert on.read_reports() == {gone.id: Report.POWEROFF, purged.id: Report.POWEROFF}


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("fault", [faults.cut_xml, faults.truncate, faults.answer_garbage()])
def test_half_a_pool_says_nothing_of_any_vm(generation: str, fault: object) -> None:
    with scene(generation) as on:
        vms = [on.both.run_vm() for _ in range(3)]
        on.monitor.refresh()
        on.read_reports()
        for vm in vms:
            force(on.both, vm, State(VmState.POWEROFF))
        on.both.cloud.faults.on(fault, "one.vmpool.info*")  # type: ignore[arg-type]
        with pytest.raises((Unreachable, ProtocolError)) as caught:
            on.read_reports()
        assert "\n" not in str(caught.value)
        assert "one.vmpool.info" in str(caught.value)
        assert len(on.read_reports()) == 3


def test_a_vm_with_a_deploy_id_of_another_kind_is_not_spoken_of() -> None:
    with scene() as on:
        vm, other = on.both.run_vm(), on.both.run_vm()
        on.monitor.refresh()
        with on.both.frontend.clock.lock:
            on.both.frontend.pools.find_vm(vm.id).deploy_id = 'one-5"]'
        force(on.both, other, State(VmState.POWEROFF))
        on.read_reports()
        assert on.read_reports() == {other.id: Report.POWEROFF}


def test_a_host_that_is_gone_or_wrong_is_told_apart() -> None:
    with scene() as on:
        on.both.host.update(ONE_ENDPOINT="")
        with pytest.raises(ConfigurationError, match="host burst1 has no ONE_ENDPOINT"):
            on.monitor.refresh()
        on.both.frontend.call("one.host.delete", 0)
        with pytest.raises(NotFound):
            on.monitor.refresh()


def test_clocks_do_not_matter() -> None:
    with scene() as on:
        vm = on.both.run_vm()
        on.monitor.refresh()
        on.read_reports()
        for seconds in (-7200, 86400):
            on.both.frontend.clock.jump(seconds)
            on.both.cloud.clock.jump(-seconds)
            force(on.both, vm, State(VmState.POWEROFF))
            assert on.read_reports() == {vm.id: Report.POWEROFF}
            force(on.both, vm, State(VmState.ACTIVE, LcmState.RUNNING))
            assert on.read_reports() == {}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_what_fits_into_the_reported_capacity_is_not_refused(generation: str) -> None:
    with scene(generation) as on:
        on.both.cloud.instantiate(0, "another user's")
        on.both.run_vm()
        on.both.cloud.owner.quotas.limit(CPU=1, MEMORY=128 * 6)
        on.monitor.refresh()
        on.read_reports()
        capacity = on.monitor.read_capacity(on.last)
        assert capacity.total == (90, 5 * 128 * 1024)
        fits = capacity.free_memory // (128 * 1024)
        made = [on.both.run_vm() for _ in range(fits)]
        refused = on.both.vm()
        refused.deploy(on.both.host)
        refused.wait("BOOT_FAILURE")
        assert "quota" in refused.error.lower()
        on.monitor.refresh()
        on.read_reports()
        assert (len(made), on.monitor.read_capacity(on.last).free_memory) == (4, 0)


def test_a_malformed_quota_is_one_clear_line_and_the_rest_goes_on() -> None:
    with scene() as on:
        vm = on.both.run_vm()
        on.monitor.refresh()
        force(on.both, vm, State(VmState.POWEROFF))
        on.both.cloud.faults.on(
            faults.answer_garbage(b"<methodResponse/>"), "one.user.info", times=None
        )
        on.read_reports()
        assert on.read_reports() == {vm.id: Report.POWEROFF}
        with pytest.raises(ProtocolError, match=r"one\.user\.info"):
            on.monitor.read_capacity(on.last)
        assert on.monitor.known_capacity is None
        on.both.cloud.faults.clear()
        assert on.monitor.read_capacity(on.last).total_cpu > 0


def test_usage_is_plain_whatever_the_remote_says() -> None:
    with scene() as on:
        vms = [on.both.run_vm() for _ in range(3)]
        say = on.both.cloud.usage.override
        say(on.both.remote_id(vms[0]), CPU='1"]\nSTATE="d', MEMORY="9" * 40, NETRX="-1", NETTX="7")
        say(on.both.remote_id(vms[1]), CPU="1e400", MEMORY="[A=1]", GUEST_IP="10.1.1.1")
        on.both.cloud.usage.lag = 10_000  # nothing yet
        on.monitor.refresh()
        on.read_reports()
        usages = {one.vm_id: one.usage for one in on.monitor.read_usages(on.last)}
        assert set(usages) == {0, 1, 2}
        on.both.cloud.usage.lag = 0
        usages = {one.vm_id: one.usage for one in on.monitor.read_usages(on.last)}
        assert usages[0]["NETTX"] == "7"
        assert not {"CPU", "MEMORY", "NETRX"} & usages[0].keys()
        assert "CPU" not in usages[1]
        assert usages[1]["REMOTE_STATE"] == "RUNNING"
