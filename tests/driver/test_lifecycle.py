"""What each of oned's actions makes of the remote VM, by the state of the local one."""

import pytest

from one2one.driver.operation import Steps
from one2one.driver.operations import find_operation
from one2one.driver.reach import SETTLE_S
from one2one.opennebula.errors import Refused
from one2one.opennebula.states import LcmState
from tests.driver.scripted import BORN, STATES
from tests.driver.world import HOST, HOST_ID, MARKS, World, finish

ASKED = [
    ("SAVE", "SAVE_SUSPEND", "suspend", "SUSPENDED"),
    ("SAVE", "SAVE_STOP", "stop", "STOPPED"),
    ("SHUTDOWN", "SHUTDOWN_POWEROFF", "poweroff", "POWEROFF"),
    ("CANCEL", "SHUTDOWN_POWEROFF", "poweroff-hard", "POWEROFF"),
    ("SHUTDOWN", "SHUTDOWN_UNDEPLOY", "undeploy", "UNDEPLOYED"),
    ("CANCEL", "SHUTDOWN_UNDEPLOY", "undeploy-hard", "UNDEPLOYED"),
    ("SHUTDOWN", "SHUTDOWN", "terminate", "DONE"),
    ("CANCEL", "SHUTDOWN", "terminate-hard", "DONE"),
    ("CANCEL", "CLEANUP_DELETE", "terminate-hard", "DONE"),
    ("CANCEL", "CLEANUP_RESUBMIT", "terminate-hard", "DONE"),
    ("CANCEL", "DONE", "terminate-hard", "DONE"),
    ("CLEANUP", "CLEANUP_DELETE", "terminate-hard", "DONE"),
    ("CLEANUP", "CLEANUP_RESUBMIT", "terminate-hard", "DONE"),
]
"""oned's action, the local state, what is asked of a remote VM that runs, and where that leads."""

STARTED = [
    ("RESTORE", "BOOT_SUSPENDED", ""),
    ("RESTORE", "BOOT_STOPPED", ""),
    ("DEPLOY", "BOOT_POWEROFF", "opennebula-hybrid-9"),
    ("DEPLOY", "BOOT_SUSPENDED", "opennebula-hybrid-9"),
    ("DEPLOY", "BOOT_STOPPED", "opennebula-hybrid-9"),
    ("DEPLOY", "BOOT_UNDEPLOY", "opennebula-hybrid-9"),
    ("DEPLOY", "BOOT_UNKNOWN", "opennebula-hybrid-9"),
]
"""oned's action, the local state, and the answer once the remote VM runs again."""


def begin(world: World, action: str, state: str) -> Steps:
    return find_operation(action)(world.open_job(action, state))


@pytest.mark.parametrize(("action", "state", "asked", "end"), ASKED)
def test_the_remote_vm_is_asked_for_what_the_local_one_is_to_become(
    world: World, action: str, state: str, asked: str, end: str
) -> None:
    world.add_both()
    world.remote.after[asked] = end
    assert finish(begin(world, action, state)) == ""
    assert world.remote.actions == [f"{asked} 9"]


@pytest.mark.parametrize(("action", "state", "asked", "end"), ASKED)
def test_no_answer_comes_before_the_remote_vm_is_there(
    world: World, action: str, state: str, asked: str, end: str
) -> None:
    vm = world.add_both()
    steps = begin(world, action, state)
    next(steps)
    vm.state = end  # a clean-up then looks for more VMs
    with pytest.raises(StopIteration):
        steps.send(STATES[end])


@pytest.mark.parametrize(("action", "state", "reply"), STARTED)
def test_a_vm_that_was_left_is_resumed(world: World, action: str, state: str, reply: str) -> None:
    world.add_both(remote_state="POWEROFF")
    world.remote.after["resume"] = "BOOT_POWEROFF"
    assert finish(begin(world, action, state), "RUNNING") == reply
    assert world.remote.actions == ["resume 9"]


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "MIGRATE", "BACKUP"])
def test_a_vm_that_runs_or_waits_for_a_place_counts_as_resumed(world: World, state: str) -> None:
    world.add_both(remote_state=state)
    assert finish(begin(world, "RESTORE", "BOOT_SUSPENDED")) == ""
    assert world.remote.actions == []


@pytest.mark.parametrize("state", ["BOOT", "BOOT_FAILURE"])
def test_a_first_start_makes_the_remote_vm(world: World, state: str) -> None:
    world.add_local(7)
    assert finish(begin(world, "DEPLOY", state)) == "opennebula-hybrid-0"
    assert world.remote.vms[0].name == "remote-opennebula-7"


@pytest.mark.parametrize(
    ("action", "state"), [("DEPLOY", "BOOT_MIGRATE"), ("SAVE", "SAVE_MIGRATE")]
)
def test_a_migration_is_refused_before_anything_is_asked(
    world: World, action: str, state: str
) -> None:
    world.add_both()
    with pytest.raises(Refused, match="MIGRATE is not supported for VMs in a remote OpenNebula"):
        finish(begin(world, action, state))
    assert world.remote.calls == []


@pytest.mark.parametrize("state", ["BOOT_UNDEPLOY", "BOOT_STOPPED"])
@pytest.mark.parametrize(("earlier", "ours"), [((1, "kvm1"), False), ((HOST_ID, HOST), True)])
def test_a_vm_starts_again_only_where_its_disks_are(
    world: World, state: str, earlier: tuple[int, str], *, ours: bool
) -> None:
    world.add_both(remote_state="UNDEPLOYED")
    world.local.vms[7].hosts = [earlier, (HOST_ID, HOST)]
    world.remote.after["resume"] = "RUNNING"
    steps = begin(world, "DEPLOY", state)
    if ours:
        assert finish(steps) == "opennebula-hybrid-9"
    else:
        with pytest.raises(Refused, match=r"left on host kvm1, .* Deploy it on host kvm1"):
            finish(steps)
        assert world.remote.calls == []


@pytest.mark.parametrize(("action", "asked"), [("REBOOT", "reboot"), ("RESET", "reboot-hard")])
def test_a_reboot_is_done_when_the_remote_accepts_it(world: World, action: str, asked: str) -> None:
    world.add_both()
    assert finish(begin(world, action, "RUNNING")) == ""
    assert world.remote.calls == ["vm.info 9", f"vm.action {asked} 9"]
    assert world.log == [f"Remote VM 9 accepted {asked}"]


@pytest.mark.parametrize(
    ("state", "letter"),
    [
        ("RUNNING", "a"),
        ("PENDING", "a"),
        ("POWEROFF", "d"),
        ("DONE", "d"),
        ("SUSPENDED", "p"),
        ("UNKNOWN", "e"),
        ("BOOT_FAILURE", "e"),
        ("SHUTDOWN_POWEROFF", "-"),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_a_poll_tells_the_state_in_the_letters_of_5_10(
    world: World, state: str, letter: str, *, known: bool
) -> None:
    world.add_both(remote_state=state)
    job = world.open_job("POLL", "RUNNING")
    if known:
        job.remote.owner_cache.add(9, MARKS)
    assert finish(find_operation("POLL")(job)) == f"STATE={letter}"


def test_a_poll_of_a_vm_that_is_gone_tells_that_it_is_off(world: World) -> None:
    world.add_local(7, deploy_id="opennebula-hybrid-9")
    assert finish(begin(world, "POLL", "RUNNING")) == "STATE=d"


def test_a_poll_tells_nothing_of_the_vm_of_another(world: World) -> None:
    world.add_both().user_template["REMOTE_OPENNEBULA_VM_ID"] = "12"
    assert finish(begin(world, "POLL", "RUNNING")) == "STATE=-"
    assert "remote VM 9 is not VM 7's" in world.log[0]


@pytest.mark.parametrize(
    ("action", "state"),
    [("CLEANUP", "CLEANUP_DELETE"), ("CANCEL", "CLEANUP_DELETE"), ("CANCEL", "DONE")],
)
def test_a_clean_up_destroys_what_a_lost_deploy_made(world: World, action: str, state: str) -> None:
    world.add_local(7)
    world.add_remote(9)
    world.remote.after["terminate-hard"] = "DONE"
    assert finish(begin(world, action, state)) == ""
    assert world.remote.actions == ["terminate-hard 9"]


def test_a_clean_up_destroys_every_vm_with_the_marks(world: World) -> None:
    world.add_both()
    world.add_remote(11)
    world.add_remote(12).user_template["REMOTE_OPENNEBULA_VM_ID"] = "8"
    world.remote.after["terminate-hard"] = "DONE"
    assert finish(begin(world, "CLEANUP", "CLEANUP_DELETE")) == ""
    assert world.remote.actions == ["terminate-hard 9", "terminate-hard 11"]


def test_a_clean_up_spares_what_only_the_deploy_id_names_and_says_so(world: World) -> None:
    world.add_both().user_template["REMOTE_OPENNEBULA_VM_ID"] = "12"
    world.add_remote(11)
    world.remote.after["terminate-hard"] = "DONE"
    with pytest.raises(Refused, match="remote VM 9 is not VM 7's"):
        finish(begin(world, "CLEANUP", "CLEANUP_DELETE"))
    assert world.remote.actions == ["terminate-hard 11"]


def test_a_clean_up_of_nothing_is_done(world: World) -> None:
    world.add_local(7)
    assert finish(begin(world, "CLEANUP", "CLEANUP_DELETE")) == ""
    assert world.remote.actions == []


def test_a_clean_up_on_a_host_that_never_deployed_asks_nothing(world: World) -> None:
    world.add_local(7)
    world.local.hosts[HOST_ID]["ONE_HYBRID_ID"] = ""
    assert finish(begin(world, "CLEANUP", "CLEANUP_DELETE")) == ""
    assert world.remote.calls == []


def test_after_recover_success_the_marks_tell_the_remote_vm(world: World) -> None:
    world.add_local(7, deploy_id="one-7")
    world.add_remote(8, "DONE")
    world.add_remote(9)
    world.remote.after["suspend"] = "SUSPENDED"
    assert finish(begin(world, "SAVE", "SAVE_SUSPEND")) == ""
    assert world.remote.actions == ["suspend 9"]


def test_without_marks_too_the_user_is_told_what_to_do(world: World) -> None:
    world.add_local(7, deploy_id="one-7")
    with pytest.raises(Refused, match=r"deploy id 'one-7' is not .* onevm recover --delete"):
        finish(begin(world, "SAVE", "SAVE_SUSPEND"))


def test_a_vm_found_by_its_marks_is_known_from_then_on(world: World) -> None:
    world.add_local(7, deploy_id="one-7")
    world.add_remote(9)
    world.local.vms[7].stime = world.remote.vms[9].stime = BORN
    assert finish(begin(world, "REBOOT", "RUNNING")) == ""
    assert world.remote.count("vm.info") == 1, "the one that read the marks"


def test_a_shutdown_that_the_guest_ignores_is_a_failure(world: World) -> None:
    world.add_both()
    steps = begin(world, "SHUTDOWN", "SHUTDOWN_POWEROFF")
    next(steps)
    world.wait(SETTLE_S)
    with pytest.raises(Refused, match="Act in the guest, or use the hard variant"):
        steps.send(None)


def test_every_state_of_a_shutdown_is_known() -> None:
    shutdowns = {lcm.name for lcm in LcmState if lcm.name.startswith("SHUTDOWN")}
    assert shutdowns == {state for _, state, _, _ in ASKED if state.startswith("SHUTDOWN")}
