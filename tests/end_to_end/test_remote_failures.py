"""What the remote itself fails at: the user is told whose fault it is, in the remote's words."""

import pytest

from one2one.opennebula.template import Template
from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.burst import PAIRS, Burst, burst

STORAGE = "the remote's storage could not take its disks back"
SAID = "Error executing image transfer script: no space left"


def fails(both: Burst, vm: LocalVm, state: str, *, persistent: bool = False) -> None:
    """Let the work of a state fail at the remote."""
    remote = both.cloud.vms[both.remote_id(vm)]
    remote.user_template = Template([*remote.user_template, ("SANDBOX_FAILS", state)])
    if persistent:
        remote.template.vectors("DISK")[0] |= {"PERSISTENT": "YES", "SAVE": "YES"}
    both.cloud.vms.note_change(remote)


@pytest.mark.parametrize("action", ["terminate", "terminate-hard"])
@pytest.mark.parametrize(("generation", "way"), PAIRS)
def test_a_vm_whose_disks_cannot_be_removed_is_deleted(
    generation: str, way: str, action: str
) -> None:
    with burst(generation, way) as both:
        vm = both.run_vm()
        fails(both, vm, "EPILOG")
        vm.act(action)
        vm.wait("DONE")
        assert both.alive() == []
        if way == "resident":
            assert any(f"is EPILOG_FAILURE: {STORAGE}" in line for line in vm.log)


def test_what_a_persistent_disk_has_not_saved_is_not_deleted() -> None:
    with burst() as both:
        vm = both.run_vm()
        fails(both, vm, "EPILOG", persistent=True)
        vm.act("terminate-hard")
        vm.wait_for_log(STORAGE)
        vm.wait("RUNNING")
        remote_id = both.remote_id(vm)
        assert f"remote VM {remote_id} is EPILOG_FAILURE: {STORAGE}" in vm.error
        assert SAID in vm.error
        assert f"onevm recover --retry {remote_id}" in vm.error
        assert "loses what its persistent disks have not saved" in vm.error
        assert both.alive() == [remote_id]
        vm.act("terminate-hard")  # the user knows now
        vm.wait("DONE")
        assert both.alive() == []


@pytest.mark.parametrize(
    ("action", "state", "words"),
    [
        ("undeploy", "EPILOG_UNDEPLOY", f"is EPILOG_UNDEPLOY_FAILURE: {STORAGE} ("),
        ("stop", "EPILOG_STOP", f"is EPILOG_STOP_FAILURE: {STORAGE} ("),
        ("suspend", "SAVE_SUSPEND", "is still RUNNING: its hypervisor did not follow suspend"),
        ("poweroff", "SHUTDOWN_POWEROFF", "its guest or hypervisor did not follow poweroff"),
    ],
)
def test_what_failed_is_told_by_the_state_and_the_action(
    action: str, state: str, words: str
) -> None:
    with burst() as both:
        vm = both.run_vm()
        fails(both, vm, state)
        vm.act(action)
        vm.wait_for_log("did not follow" if "did not" in words else "storage")
        assert words in vm.error
        assert ("use the hard variant" in vm.error) is (action == "poweroff")


def test_a_vm_that_did_not_start_again_is_told_so() -> None:
    with burst() as both:
        vm = both.run_vm()
        vm.act("undeploy")
        vm.wait("UNDEPLOYED")
        fails(both, vm, "PROLOG_UNDEPLOY")
        vm.act("resume")
        vm.wait("PENDING")
        vm.deploy(both.host)
        vm.wait("BOOT_UNDEPLOY_FAILURE")
        assert "PROLOG_UNDEPLOY_FAILURE: the remote's storage could not bring its disks" in vm.error
