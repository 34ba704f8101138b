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
from one2one.opennebula.errors import ProtocolError, Unreachable
from one2one.opennebula.states import State, VmState
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


@pytest.mark.parametrize(
    ("generation", "fault"),
    [("5.10", faults.cut_xml), ("6.10", faults.truncate), ("7.2", faults.answer_garbage())],
)
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
