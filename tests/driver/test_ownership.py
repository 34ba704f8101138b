"""Whose a remote VM is comes first: what is asked of a VM that a deploy id names, and how often."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

import pytest

from one2one import runtime
from one2one.driver.attempts import carry_out
from one2one.driver.local import LocalCloud
from one2one.driver.operation import Job, Pause
from one2one.driver.owner_cache import OwnerCache
from one2one.driver.remotes import Remotes
from one2one.hybrid.naming import Marks
from one2one.hybrid.request import Request
from one2one.opennebula.errors import OneError, Refused, Unreachable
from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.merging import remove
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from tests.end_to_end.burst import Burst, burst, of_the_host

ACTIONS = {
    "suspend": ("SAVE", LcmState.SAVE_SUSPEND),
    "stop": ("SAVE", LcmState.SAVE_STOP),
    "poweroff": ("SHUTDOWN", LcmState.SHUTDOWN_POWEROFF),
    "poweroff-hard": ("CANCEL", LcmState.SHUTDOWN_POWEROFF),
    "undeploy": ("SHUTDOWN", LcmState.SHUTDOWN_UNDEPLOY),
    "terminate": ("SHUTDOWN", LcmState.SHUTDOWN),
    "terminate-hard": ("CANCEL", LcmState.SHUTDOWN),
    "reboot": ("REBOOT", LcmState.RUNNING),
    "reboot-hard": ("RESET", LcmState.RUNNING),
    "resume": ("RESTORE", LcmState.BOOT_SUSPENDED),
    "resume of what is unknown": ("DEPLOY", LcmState.BOOT_UNKNOWN),
    "delete": ("CLEANUP", LcmState.CLEANUP_DELETE),
    "poll": ("POLL", LcmState.RUNNING),
}
"""What a user does, as oned asks for it: the action, and the LCM state by then."""


@dataclass
class Process:
    """What a driver's process knows: it does one operation after the other."""

    both: Burst
    remotes: Remotes
    local: LocalCloud
    log: list[str] = field(default_factory=list)

    def do(self, what: str, vm: LocalVm, host: LocalHost | None = None) -> str:
        """Do an operation to its end, as oned would ask for it, and return the answer."""
        action, lcm = ACTIONS[what]
        place = host or self.both.host
        asked = replace(self.local.get_vm(vm.id), state=State(VmState.ACTIVE, lcm))
        request = Request(action, asked, host_name=place.name, deploy_id=asked.deploy_id)
        job = Job(request, self.local, self.remotes, self.log.append, float("inf"))
        steps = carry_out(job)
        try:
            wait = next(steps)
            while True:
                assert not isinstance(wait, Pause)
                told: SimpleQueue[State | OneError] = SimpleQueue()
                job.remote.watch.wait(wait, told.put)
                outcome = told.get(timeout=30)
                assert isinstance(outcome, State)
                wait = steps.send(outcome)
        except StopIteration as end:
            return str(end.value)

    def calls(self, what: str, vm: LocalVm) -> dict[str, int]:
        """Return how often an operation reads and asks; how often it then looks is the remote's."""
        self.both.cloud.calls.clear()
        self.do(what, vm)
        counts = self.both.cloud.calls.counts()
        return {method: counts[method] for method in ("one.vm.info", "one.vm.action")}


@contextmanager
def process(both: Burst) -> Iterator[Process]:
    local = LocalCloud(both.frontend.home.environment(both.frontend.endpoint))
    remotes = Remotes(local)
    try:
        yield Process(both, remotes, local)
    finally:
        remotes.close()
        local.cloud.client.close()


def steal(both: Burst, thief: LocalVm, remote_id: int) -> None:
    """Have a local VM name a remote VM, as after a restored database."""
    with both.frontend.clock.lock:
        both.frontend.pools.find_vm(thief.id).deploy_id = f"opennebula-hybrid-{remote_id}"


def unmark(remote: Vm) -> None:
    remote.user_template = Template(a for a in remote.user_template if "OPENNEBULA" not in a[0])
    remote.user_template = remove(remote.user_template, "ONE_HYBRID_ID", "ONE_HYBRID_STAY")


@pytest.mark.parametrize("what", sorted(ACTIONS.keys() - {"delete", "poll"}))
def test_nothing_is_done_to_the_vm_of_another(what: str) -> None:
    with burst() as both, process(both) as driver:
        victim, thief = both.run_vm(), both.run_vm()
        steal(both, thief, both.remote_id(victim))
        both.cloud.calls.clear()
        with pytest.raises(Refused) as refused:
            driver.do(what, thief)
        named = f"remote VM {both.remote_id(victim)} is not VM {thief.id}'s: it carries the marks "
        assert str(refused.value).startswith(f"{named}of VM {victim.id}. Nothing was done to it.")
        assert both.cloud.calls.counts() == {"one.vm.info": 1}


def test_nothing_is_told_of_the_vm_of_another() -> None:
    with burst() as both, process(both) as driver:
        victim, thief = both.run_vm(), both.run_vm()
        steal(both, thief, both.remote_id(victim))
        assert driver.do("poll", thief) == "STATE=-", "up to 5.10 a FAILURE makes it UNKNOWN"
        assert f"is not VM {thief.id}'s" in driver.log[0]


def test_a_clean_up_ends_what_the_marks_tell_and_nothing_else() -> None:
    with burst() as both, process(both) as driver:
        victim, thief = both.run_vm(), both.run_vm()
        own = both.remote_id(thief)
        steal(both, thief, both.remote_id(victim))
        with pytest.raises(Refused, match=f"is not VM {thief.id}'s"):
            driver.do("delete", thief)
        assert both.cloud.wait_for(own, State(VmState.DONE))
        assert both.alive() == [both.remote_id(victim)]


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ({"ONE_HYBRID_ID": "other"}, "carries the marks of VM 0 of another host or cloud"),
        ({"ONE_HYBRID_STAY": "1.0"}, "carries the marks of an earlier VM 0"),
        ({"ONE_HYBRID_STAY": "soon"}, "carries damaged marks"),
        ({"REMOTE_OPENNEBULA_VM_ID": "9"}, "carries the marks of VM 9"),
        ({"REMOTE_OPENNEBULA_VM_ID": "x9"}, "carries damaged marks"),
    ],
)
def test_marks_that_say_otherwise_are_told(marks: Vector, words: str) -> None:
    with burst() as both, process(both) as driver:
        vm = both.run_vm()
        remote = both.cloud.vms[both.remote_id(vm)]
        kept = remove(remote.user_template, *marks)
        remote.user_template = Template([*kept, *marks.items()])
        with pytest.raises(Refused, match=f"is not VM {vm.id}'s: it {words}"):
            driver.do("poweroff", vm)
        assert remote.state == RUNNING


def test_a_vm_that_has_lost_its_marks_is_left_alone() -> None:
    with burst() as both, process(both) as driver:
        vm = both.run_vm()
        unmark(both.cloud.vms[both.remote_id(vm)])
        with pytest.raises(Refused, match=f"is called after VM {vm.id}, and has lost its marks"):
            driver.do("suspend", vm)


def test_a_vm_of_the_ruby_driver_is_known_by_its_one_mark() -> None:
    with burst() as both, process(both) as driver:
        vm, thief = both.run_vm(), both.run_vm()
        remote = both.cloud.vms[both.remote_id(vm)]
        remote.user_template = remove(remote.user_template, "ONE_HYBRID_ID", "ONE_HYBRID_STAY")
        driver.do("suspend", vm)
        assert remote.state == State(VmState.SUSPENDED)
        steal(both, thief, remote.id)
        with pytest.raises(Refused, match=r"the marks of VM 0, by the Ruby driver"):
            driver.do("resume", thief)


@pytest.mark.parametrize("generation", ["5.10", "7.2"])
def test_marks_cost_one_call_a_vm_and_process(generation: str) -> None:
    with burst(generation) as both, process(both) as driver:
        vm = both.run_vm()
        assert driver.calls("poweroff", vm) == {"one.vm.info": 1, "one.vm.action": 1}
        for what in ("resume", "suspend", "resume", "reboot", "reboot-hard", "undeploy"):
            assert driver.calls(what, vm) == {"one.vm.info": 0, "one.vm.action": 1}, what


def test_a_reboot_reads_the_marks_first_too() -> None:
    with burst() as both, process(both) as driver:
        vm = both.run_vm()
        assert driver.calls("reboot", vm) == {"one.vm.info": 1, "one.vm.action": 1}
        assert driver.calls("reboot-hard", vm) == {"one.vm.info": 0, "one.vm.action": 1}


def test_who_made_a_vm_knows_whose_it_is() -> None:
    with burst() as both:
        vm = both.run_vm()
        both.cloud.calls.clear()
        vm.act("poweroff")
        vm.wait("POWEROFF")
        assert both.cloud.calls.counts()["one.vm.info"] == 0


def test_what_is_there_already_is_not_asked_for() -> None:
    with burst() as both, process(both) as driver:
        vm = both.run_vm()
        both.cloud.act(both.remote_id(vm), "poweroff")
        both.wait_remote(vm, "POWEROFF")
        assert driver.calls("poweroff", vm) == {"one.vm.info": 1, "one.vm.action": 0}


def test_an_id_that_a_restored_remote_gave_to_another_is_noticed() -> None:
    with burst() as both, process(both) as driver:
        vm = both.run_vm()
        remote = both.cloud.vms[both.remote_id(vm)]
        driver.do("reboot", vm)
        both.cloud.server.stop()
        with pytest.raises(Unreachable):
            driver.do("reboot", vm)
        both.cloud.server.start()
        remote.user_template = Template([("REMOTE_OPENNEBULA_VM_ID", "4711")])
        with pytest.raises(Refused, match=r"carries the marks of VM 4711"):
            driver.do("reboot", vm)


@pytest.mark.parametrize("what", ["poweroff", "poll", "terminate-hard"])
def test_a_vm_that_the_remote_does_not_know_is_gone(what: str) -> None:
    with burst() as both, process(both) as driver:
        vm = both.run_vm()
        steal(both, vm, 4711)
        if what == "poweroff":
            with pytest.raises(Refused, match="is DONE and cannot become POWEROFF"):
                driver.do(what, vm)
        else:
            assert driver.do(what, vm) == ("STATE=d" if what == "poll" else "")


def import_vm(both: Burst, foreign: Vm, **template: str | Vector) -> LocalVm:
    """Import a remote VM, by the template that is offered for it or so."""
    name = "DEPLOY_ID" if both.frontend.release.monitord else "IMPORT_VM_ID"
    vm = both.vm(**{name: f"opennebula-hybrid-{foreign.id}"} | template)
    vm.deploy(both.host)
    return vm


@pytest.mark.parametrize("generation", ["5.10", "6.10"])
def test_an_imported_vm_gets_marks_before_the_first_action(generation: str) -> None:
    with burst(generation) as both, process(both) as driver:
        foreign = both.cloud.instantiate(0, "web")
        vm = import_vm(both, foreign)
        driver.do("reboot", vm)
        marks = foreign.user_template
        stime = both.frontend.pools.find_vm(vm.id).stime
        assert marks.text("REMOTE_OPENNEBULA_VM_ID") == str(vm.id)
        assert marks.text("ONE_HYBRID_ID") == both.host.template.text("ONE_HYBRID_ID") != ""
        assert marks.text("ONE_HYBRID_STAY") == f"{stime}.0"
        assert (
            driver.log[0] == f"Remote VM {foreign.id}, which was imported, is marked as this VM's"
        )


def test_what_two_clouds_have_imported_is_the_first_ones() -> None:
    with burst() as one, burst() as two:
        two.host.update(**of_the_host(one.cloud))
        foreign = one.cloud.instantiate(0, "web")
        first, second = import_vm(one, foreign), import_vm(two, foreign)
        with process(one) as driver:
            driver.do("reboot", first)
        with process(two) as driver:
            for what in ("poweroff", "terminate-hard", "delete"):
                with pytest.raises(Refused, match="carries the marks of VM 0 of another host"):
                    driver.do(what, second)
        assert foreign.state == RUNNING


def test_marks_that_did_not_stay_are_no_proof() -> None:
    with burst() as both, process(both) as driver:
        foreign = both.cloud.instantiate(0, "web")
        vm = import_vm(both, foreign)

        def overtake() -> None:
            foreign.user_template = Template([("REMOTE_OPENNEBULA_VM_ID", "7")])

        both.cloud.faults.on(faults.run(overtake), "one.vm.info", nth=2)
        with pytest.raises(Refused, match="carries the marks of VM 7, by the Ruby driver"):
            driver.do("poweroff", vm)
        assert foreign.state == RUNNING


def test_an_unmarked_vm_that_was_not_imported_from_here_is_left_alone() -> None:
    with burst() as both, process(both) as driver:
        foreign = both.cloud.instantiate(0, "web")
        elsewhere = import_vm(both, foreign, PUBLIC_CLOUD={"TYPE": "opennebula", "HOST": "burst2"})
        thief = both.run_vm()
        steal(both, thief, foreign.id)
        for vm in (elsewhere, thief):
            with pytest.raises(Refused, match=f"not VM {vm.id}'s: it carries no marks, and no"):
                driver.do("terminate-hard", vm)
        assert foreign.state == RUNNING


OWNER = Marks("me", 7, 1_700_000_000, 0)


def test_what_is_known_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    owner_cache, now = OwnerCache(), [1000.0]
    monkeypatch.setattr(runtime, "monotonic", lambda: now[0])
    owner_cache.add(42, OWNER)
    assert owner_cache.holds(42, replace(OWNER, sequence=3))
    assert not owner_cache.holds(42, replace(OWNER, stime=0))
    assert not owner_cache.holds(43, OWNER)
    now[0] += 601
    assert not owner_cache.holds(42, OWNER)


def test_no_more_is_known_than_there_is_room_for() -> None:
    owner_cache = OwnerCache()
    for remote_id in range(25_000):
        owner_cache.add(remote_id, OWNER)
    assert sum(owner_cache.holds(remote_id, OWNER) for remote_id in range(25_000)) <= 10_000
    assert owner_cache.holds(24_999, OWNER)
