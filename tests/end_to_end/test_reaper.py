"""No remote VM outlives its local VM, and no other remote VM is touched."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from one2one.driver.local import LocalCloud
from one2one.driver.reaper import Reaper
from one2one.driver.remotes import Remote, Remotes
from one2one.hybrid.orphans import NO_GRACE
from one2one.opennebula.errors import Unreachable
from one2one.opennebula.states import LcmState, State, VmState
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import (
    GENERATIONS,
    PAIRS,
    STATES,
    TEMPLATE,
    Burst,
    burst,
    monitoring_settings,
    of_the_host,
)

OFF = {
    "poweroff-hard": "POWEROFF",
    "suspend": "SUSPENDED",
    "stop": "STOPPED",
    "undeploy-hard": "UNDEPLOYED",
}


def switch_off(both: Burst, action: str) -> LocalVm:
    vm = both.run_vm()
    vm.act(action)
    vm.wait(OFF[action])
    return vm


def has_log(both: Burst, way: str, text: str) -> Callable[[], bool]:
    own = both.frontend.home.var / "one2one.log"

    def is_logged() -> bool:
        lines = list(both.frontend.log)
        if way == "scripts" and own.exists():
            lines += own.read_text().splitlines()
        return any(text in line for line in lines)

    return is_logged


@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_what_was_terminated_while_it_was_off_is_destroyed(generation: str, way: str) -> None:
    with burst(generation, way, monitoring=monitoring_settings(generation)) as both:
        stays, ended = both.run_vm(), switch_off(both, "poweroff-hard")
        remote_id = both.remote_id(ended)
        assert len(both.alive()) == 2
        both.end_long_ago(ended)
        both.wait_remote(ended, "DONE")
        why = f"is destroyed (abandoned: local VM {ended.id} is DONE)"
        told = has_log(both, way, f"remote VM {remote_id} at {both.cloud.endpoint} {why}")
        assert both.frontend.pools.wait_for(told, 30)
        assert both.alive() == [both.remote_id(stays)]


def test_no_way_to_be_off_is_forgotten() -> None:
    with burst("6.10", monitoring=monitoring_settings("6.10")) as both:
        vms = [switch_off(both, action) for action in OFF]
        both.end_long_ago(*vms)
        for vm in vms:
            both.wait_remote(vm, "DONE")


def test_a_vm_that_ended_just_now_is_given_time() -> None:
    with burst("7.2", monitoring=monitoring_settings("7.2")) as both:
        vm = switch_off(both, "poweroff-hard")
        vm.act("terminate-hard")
        vm.wait("DONE")
        both.frontend.wait_for_log("will be destroyed when that was so for 300 s (abandoned")
        assert both.alive() == [both.remote_id(vm)]


def test_recover_delete_before_the_deploy_id_was_known() -> None:
    with burst("6.10", monitoring=monitoring_settings("6.10")) as both:
        both.cloud.faults.on(faults.drop_after, "one.template.instantiate")
        both.cloud.faults.on(faults.drop_before, "one.vm.info", times=None)
        vm = both.vm()
        vm.deploy(both.host)
        vm.wait("BOOT_FAILURE")
        vm.recover("delete")
        vm.wait("DONE")
        vm.wait_for_log("Ignored: CLEANUP FAILURE")  # oned takes no notice
        [remote_id] = both.alive()
        both.cloud.faults.clear()
        both.frontend.pools.find_vm(vm.id).etime -= 600
        both.frontend.wait_for_log(f"remote VM {remote_id} at {both.cloud.endpoint} is destroyed")
        assert both.cloud.wait_for(remote_id, STATES["DONE"])


def test_hosts_and_front_ends_on_one_account_leave_each_others_vms_alone() -> None:
    with ExitStack() as stack:
        one = stack.enter_context(burst("7.2", monitoring=monitoring_settings("7.2")))
        two = stack.enter_context(burst("6.10", monitoring=monitoring_settings("6.10")))
        account = of_the_host(one.cloud)
        neighbour = one.frontend.add_host("burst2", **account)
        two.host.update(**account)
        stranger = Burst(one.cloud, two.frontend, two.host)
        theirs = [stranger.run_vm(), stranger.run_vm()]
        next_door = one.frontend.add_vm(TEMPLATE)
        next_door.deploy(neighbour)
        next_door.wait("RUNNING")
        mine = switch_off(one, "poweroff-hard")
        assert mine.id == theirs[1].id, "the same number, in two clouds"
        by_hand = one.cloud.instantiate(0, f"remote-opennebula-{mine.id}").id
        one.end_long_ago(mine)
        one.wait_remote(mine, "DONE")
        kept = {stranger.remote_id(vm) for vm in theirs} | {one.remote_id(next_door), by_hand}
        assert set(one.alive()) == kept


def test_a_restored_database_has_nothing_destroyed() -> None:
    with burst("6.10", monitoring=monitoring_settings("6.10")) as both:
        vms = [both.run_vm() for _ in range(5)]
        remote_ids = {both.remote_id(vm) for vm in vms}
        with both.frontend.clock.lock:
            for vm in vms[1:]:
                del both.frontend.pools.vms[vm.id]
        both.frontend.wait_for_log("4 of 5 remote VMs have lost their local VM at once")
        both.frontend.wait_for_log("None is destroyed")
        assert set(both.alive()) == remote_ids


def test_a_probe_leaves_what_needs_a_second_look() -> None:
    with burst("5.10", "scripts", monitoring=monitoring_settings("5.10")) as both:
        kept, lost = both.run_vm(), both.run_vm()
        remote_ids = [both.remote_id(kept), both.remote_id(lost)]
        with both.frontend.clock.lock:
            del both.frontend.pools.vms[lost.id]
        told = has_log(both, "scripts", "is left to: one2one reap (lost: there is no local VM 1)")
        assert both.frontend.pools.wait_for(told, 30)
        assert both.alive() == remote_ids


@dataclass
class Look:
    """A reaper in this process, which waits for nothing."""

    reaper: Reaper
    remote: Remote
    lines: list[str]

    def reap(self) -> None:
        self.reaper.reap(self.remote, self.remote.cloud.list_summaries())


@contextmanager
def looking(both: Burst) -> Iterator[Look]:
    local = LocalCloud(both.frontend.home.environment(both.frontend.endpoint))
    remotes, lines = Remotes(local), list[str]()
    reaper = Reaper(both.host.id, local, lines.append, grace=NO_GRACE)
    yield Look(reaper, remotes.open_for_host(both.host.id, both.host.name), lines)
    remotes.close()
    local.cloud.close()


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_host_that_was_created_again(generation: str) -> None:
    with burst(generation) as both:
        ended, undeployed = switch_off(both, "poweroff-hard"), switch_off(both, "undeploy-hard")
        attributes = dict(both.host.template)
        both.end_long_ago(ended)
        both.frontend.call("one.host.delete", both.host.id)
        account = of_the_host(both.cloud)
        new = Burst(both.cloud, both.frontend, both.frontend.add_host("burst1", **account))
        running = new.run_vm()
        with looking(new) as look:
            look.reap()
        assert len(both.alive()) == 3, "with a new id none of the old VMs is its own"
        new.host.update(ONE_HYBRID_ID=attributes["ONE_HYBRID_ID"])
        with looking(new) as look:
            look.reap()
        both.wait_remote(ended, "DONE")
        assert set(both.alive()) == {both.remote_id(undeployed), both.remote_id(running)}


def test_without_an_answer_of_the_local_cloud_nothing_is_done() -> None:
    with burst() as both:
        both.end_long_ago(switch_off(both, "poweroff-hard"))
        with looking(both) as look:
            both.frontend.server.stop()
            with pytest.raises(Unreachable):
                look.reap()
            both.frontend.server.start()
            assert len(both.alive()) == 1
            assert look.lines == []


def test_a_remote_that_answers_half_is_asked_again() -> None:
    with burst() as both:
        vm = switch_off(both, "poweroff-hard")
        both.end_long_ago(vm)
        with looking(both) as look:
            both.cloud.faults.on(faults.truncate, "one.vmpool.infoset")
            with pytest.raises(Unreachable):
                look.reap()
            assert len(both.alive()) == 1
            look.reap()
            both.wait_remote(vm, "DONE")


def test_a_vm_whose_marks_changed_after_the_look_is_spared() -> None:
    with burst() as both:
        vm = switch_off(both, "poweroff-hard")
        both.end_long_ago(vm)
        with looking(both) as look:
            decision = look.reaper.judge(look.remote, look.remote.cloud.list_summaries())
            remote = both.cloud.vms[both.remote_id(vm)]
            remote.user_template = Template(
                a for a in remote.user_template if a[0] != "ONE_HYBRID_ID"
            )
            outcomes = look.reaper.destroy(look.remote, decision.destroy)
            assert outcomes == {remote.id: "is left alone: its marks have changed"}
            look.reap()
            assert both.alive() == [remote.id]


def test_a_vm_that_oned_takes_up_again_after_the_look_is_spared() -> None:
    with burst() as both:
        vm = both.run_vm()
        with both.frontend.clock.lock:
            kept = both.frontend.pools.vms.pop(vm.id)
        with looking(both) as look:
            decision = look.reaper.judge(look.remote, look.remote.cloud.list_summaries())
            both.frontend.pools.vms[vm.id] = kept
            assert len(decision.destroy) == 1
            [outcome] = look.reaper.destroy(look.remote, decision.destroy).values()
            assert outcome == f"is left alone: local VM {vm.id} may need it again"
            assert both.alive() == [both.remote_id(vm)]


def test_a_remote_that_refuses_is_told_and_asked_again() -> None:
    with burst() as both:
        vm = switch_off(both, "poweroff-hard")
        both.end_long_ago(vm)
        with looking(both) as look:
            both.cloud.faults.on(faults.answer_http_error("404 Not Found"), "one.vm.action")
            look.reap()
            assert "could not be destroyed: one.vm.action" in look.lines[0]
            look.reap()
            both.wait_remote(vm, "DONE")


def test_a_remote_vm_that_is_busy_is_destroyed_when_it_is_not() -> None:
    with burst() as both:
        vm = switch_off(both, "suspend")
        both.end_long_ago(vm)
        remote = both.cloud.vms[both.remote_id(vm)]
        with looking(both) as look:
            remote.state = State(VmState.ACTIVE, LcmState.SAVE_SUSPEND)
            look.reap()
            assert "is left alone: it is SAVE_SUSPEND" in look.lines[0]
            remote.state = STATES["SUSPENDED"]
            look.reap()
            both.wait_remote(vm, "DONE")


def test_what_persistent_disks_have_not_saved_is_not_destroyed() -> None:
    with burst() as both:
        vm = switch_off(both, "poweroff-hard")
        both.end_long_ago(vm)
        remote = both.cloud.vms[both.remote_id(vm)]
        remote.state = State(VmState.ACTIVE, LcmState.EPILOG_FAILURE)
        remote.template.vectors("DISK")[0]["SAVE"] = "YES"
        with looking(both) as look:
            look.reap()
            assert "it is EPILOG_FAILURE, and its persistent disks are not saved" in look.lines[0]
            assert both.alive() == [remote.id]
            remote.template.vectors("DISK")[0]["SAVE"] = "NO"
            look.reap()
            both.wait_remote(vm, "DONE")


def test_marks_are_read_once() -> None:
    with burst() as both:
        for _ in range(3):
            both.run_vm()
        with looking(both) as look:
            look.reap()
            both.cloud.calls.clear()
            look.reap()
            assert both.cloud.calls.counts() == {"one.vmpool.info": 1}
