"""What a driver's answer does to a VM, and which operations the driver gets."""

from collections.abc import Callable
from pathlib import Path

import pytest

from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.frontend.frontend import FrontEnd
from opennebula_sandbox.frontend.handles import LocalVm
from opennebula_sandbox.frontend.lines import Lines
from tests.sandbox.frontends import GENERATIONS, TEMPLATE, FakeDriver, running

ATTACHING: list[Callable[[LocalVm], object]] = [
    lambda vm: vm.attach_disk(TYPE="fs", FORMAT="raw", SIZE="10"),
    lambda vm: vm.attach_nic(NETWORK="public"),
    lambda vm: vm.snapshot("s"),
]
DETACHING: list[Callable[[LocalVm], object]] = [
    lambda vm: vm.detach_disk(1),
    lambda vm: vm.detach_nic(0),
    lambda vm: vm.delete_snapshot(0),
]


@pytest.fixture
def fake_driver(tmp_path: Path) -> FakeDriver:
    return FakeDriver(tmp_path)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_failed_deploy_is_recovered_by_a_retry(generation: str, fake_driver: FakeDriver) -> None:
    fake_driver.tell(DEPLOY=["DEPLOY FAILURE {id} no room\n"])
    with FrontEnd(generation, driver=fake_driver.argv) as frontend:
        vm = frontend.add_vm(TEMPLATE)
        vm.deploy(frontend.add_host("burst1"))
        vm.wait("BOOT_FAILURE")
        old = generation == "5.10"
        assert vm.error == f"{'Error deploying virtual machine' if old else 'DEPLOY'}: no room"
        fake_driver.tell()
        vm.recover("retry")
        vm.wait("RUNNING")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_empty_deploy_id_is_a_failure(generation: str, fake_driver: FakeDriver) -> None:
    fake_driver.tell(DEPLOY=["DEPLOY SUCCESS {id} \n"])
    with FrontEnd(generation, driver=fake_driver.argv) as frontend:
        vm = frontend.add_vm(TEMPLATE)
        vm.deploy(frontend.add_host("burst1"))
        vm.wait("BOOT_FAILURE")
        assert any("Empty deploy ID" in line for line in vm.log)


@pytest.mark.parametrize(
    ("action", "message"),
    [("suspend", "SAVE"), ("poweroff", "SHUTDOWN"), ("undeploy-hard", "CANCEL"), ("stop", "SAVE")],
)
def test_vm_runs_on_when_an_operation_fails(
    action: str, message: str, fake_driver: FakeDriver
) -> None:
    fake_driver.tell(**{message: [message + " FAILURE {id} the remote said no\n"]})
    with running("6.10", fake_driver) as (_, vm):
        vm.act(action)
        vm.wait("RUNNING")
        assert vm.error == f"{message}: the remote said no"


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("reason", ["a\x1b[31mb", "a]]>b", "a\ufffeb"])
def test_reason_that_xml_cannot_hold_is_logged_and_not_kept(
    generation: str, reason: str, fake_driver: FakeDriver
) -> None:
    fake_driver.tell(DEPLOY=["DEPLOY FAILURE {id} " + reason + "\n"])
    with FrontEnd(generation, driver=fake_driver.argv) as frontend:
        vm = frontend.add_vm(TEMPLATE)
        vm.deploy(frontend.add_host("burst1"))
        vm.wait("BOOT_FAILURE")
        assert vm.error == ""
        assert any(line.endswith(f": {reason}") for line in vm.log)


def test_nul_ends_a_reason(fake_driver: FakeDriver) -> None:
    fake_driver.tell(DEPLOY=["DEPLOY FAILURE {id} J\0\0005.7\n"])
    with FrontEnd("5.10", driver=fake_driver.argv) as frontend:
        vm = frontend.add_vm(TEMPLATE)
        vm.deploy(frontend.add_host("burst1"))
        vm.wait("BOOT_FAILURE")
        assert vm.error == ""
        assert any(line.endswith(": J") for line in vm.log)


def test_nul_swallows_the_next_answer_from_6_0_on() -> None:
    pieces = [
        b"DEPLOY FAILURE 2 J\0\0x\n",
        b"DEPLOY FAIL",
        b"URE 3 no\nLOG I 4 x\n",
        b"LOG I 5 y\n",
    ]
    old, new = Lines(stops_at_nul=False), Lines(stops_at_nul=True)
    lost = "DEPLOY FAILURE 3 no"
    read = ["DEPLOY FAILURE 2 J\0\0x", lost, "LOG I 4 x", "LOG I 5 y"]
    assert [line for piece in pieces for line in old.feed(piece)] == read
    read.remove(lost)
    assert [line for piece in pieces for line in new.feed(piece)] == read


def test_reason_that_begins_with_a_dash_is_not_kept(fake_driver: FakeDriver) -> None:
    fake_driver.tell(SAVE=["SAVE FAILURE {id} -\n"])
    with running("6.10", fake_driver) as (_, vm):
        vm.act("suspend")
        vm.wait("RUNNING")
        assert vm.error == ""


@pytest.mark.parametrize(("generation", "shown"), [("5.10", True), ("6.10", False)])
def test_failed_reboot_is_seen_in_5_only(
    generation: str, shown: bool, fake_driver: FakeDriver
) -> None:
    fake_driver.tell(REBOOT=["REBOOT FAILURE {id} no\n", "RESET SUCCESS {id} -\n"])
    with running(generation, fake_driver) as (_, vm):
        vm.act("reboot")
        vm.wait_for_log("VM successfully rebooted-hard.")
        assert bool(vm.error) is shown


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("rest", ["poweroff", "suspend", "stop", "undeploy"])
def test_terminating_a_vm_at_rest_never_reaches_the_driver(
    generation: str, rest: str, fake_driver: FakeDriver
) -> None:
    with running(generation, fake_driver) as (frontend, vm):
        vm.act(rest)
        states = ("POWEROFF", "SUSPENDED", "STOPPED", "UNDEPLOYED")
        assert frontend.pools.wait_for(lambda: vm.state in states, 30)
        vm.act("terminate")
        assert vm.state == "DONE"
        vm.act("terminate")
        before = fake_driver.read_sent()
    assert before == fake_driver.read_sent()[:-1]


@pytest.mark.parametrize(
    ("generation", "sent"),
    [("5.10", ["CLEANUP 0"]), ("6.10", ["CLEANUP 0"]), ("7.2", [])],
)
def test_deleting_a_vm_at_rest_cleans_up_on_public_clouds_only(
    generation: str, sent: list[str], fake_driver: FakeDriver
) -> None:
    with running(generation, fake_driver) as (_, vm):
        vm.act("poweroff")
        vm.wait("POWEROFF")
        vm.recover("delete")
        assert vm.state == "DONE"
    assert fake_driver.read_sent()[3:-1] == sent


def test_hard_operation_overrides_its_soft_kin_since_6(fake_driver: FakeDriver) -> None:
    fake_driver.tell(SHUTDOWN=[])
    with running("6.10", fake_driver) as (_, vm):
        vm.act("terminate")
        vm.act("terminate-hard")
        vm.wait("DONE")
    assert fake_driver.read_sent()[2:-1] == ["SHUTDOWN 0", "DRIVER_CANCEL 0", "CANCEL 0"]


def test_hard_operation_must_wait_for_its_soft_kin_in_5(fake_driver: FakeDriver) -> None:
    fake_driver.tell(SHUTDOWN=[])
    with running("5.10", fake_driver) as (_, vm):
        vm.act("poweroff")
        with pytest.raises(Refusal, match="not available for state SHUTDOWN_POWEROFF"):
            vm.act("poweroff-hard")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_answer_for_a_vm_that_waits_for_nothing_is_ignored(
    generation: str, fake_driver: FakeDriver
) -> None:
    fake_driver.tell(SAVE=["SAVE SUCCESS {id} -\n", "DEPLOY SUCCESS {id} other\n"])
    with running(generation, fake_driver) as (_, vm):
        vm.act("suspend")
        vm.wait_for_log("Ignored: DEPLOY SUCCESS 0 other")
        assert (vm.state, vm.deploy_id) == ("SUSPENDED", "opennebula-hybrid-7")


@pytest.mark.parametrize(("generation", "target"), [("5.10", None), ("7.2", "0")])
def test_answer_without_an_id_concerns_vm_0_since_6(
    generation: str, target: str | None, fake_driver: FakeDriver
) -> None:
    fake_driver.tell(SAVE=["SAVE SUCCESS - -\n", "RESET SUCCESS {id} -\n"])
    with running(generation, fake_driver) as (_, vm):
        vm.act("suspend")
        vm.wait_for_log("VM successfully rebooted-hard" if target is None else "New state is SUSP")
        assert vm.state == ("SAVE_SUSPEND" if target is None else "SUSPENDED")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_refused_parts_are_taken_back(generation: str, fake_driver: FakeDriver) -> None:
    actions = ("ATTACHDISK", "ATTACHNIC", "SNAPSHOTCREATE")
    fake_driver.tell(**{action: [f"{action} FAILURE {{id}} not supported\n"] for action in actions})
    with running(generation, fake_driver) as (_, vm):
        for attach in ATTACHING:
            attach(vm)
            vm.wait("RUNNING")
            assert vm.error.endswith(": not supported")
        names = {name for name, _ in vm.template}
        assert not names & {"DISK", "NIC", "SNAPSHOT", "SECURITY_GROUP_RULE"}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_parts_come_and_go_with_success(generation: str, fake_driver: FakeDriver) -> None:
    fake_driver.tell(SNAPSHOTCREATE=["SNAPSHOTCREATE SUCCESS {id} snap-at-remote\n"])
    with running(generation, fake_driver) as (_, vm):
        for attach in ATTACHING:
            attach(vm)
            vm.wait("RUNNING")
        assert vm.template.vector("SNAPSHOT")["HYPERVISOR_ID"] == "snap-at-remote"
        assert vm.template.vector("NIC")["NIC_ID"] == "0"
        for detach in DETACHING:
            detach(vm)
            vm.wait("RUNNING")
        names = {name for name, _ in vm.template}
        assert not names & {"DISK", "NIC", "SNAPSHOT", "SECURITY_GROUP_RULE"}


@pytest.mark.parametrize("success", [True, False])
def test_resize_is_undone_when_it_fails(success: bool, fake_driver: FakeDriver) -> None:
    result = "SUCCESS" if success else "FAILURE"
    fake_driver.tell(RESIZE=[f"RESIZE {result} {{id}} -\n"])
    with running("7.2", fake_driver) as (_, vm):
        vm.resize(CPU="2", MEMORY="256")
        vm.wait("RUNNING")
        assert vm.template.text("MEMORY") == ("256" if success else "128")
        assert not vm.template.vectors("RESIZE")


def test_migration_is_refused_to_public_clouds(fake_driver: FakeDriver) -> None:
    with (
        running("6.10", fake_driver) as (frontend, vm),
        pytest.raises(Refusal, match="Public Cloud"),
    ):
        vm.migrate(frontend.add_host("burst2"))


@pytest.mark.parametrize(("result", "host"), [("SUCCESS", "burst2"), ("FAILURE", "burst1")])
def test_migration_reaches_the_driver_in_7(result: str, host: str, fake_driver: FakeDriver) -> None:
    fake_driver.tell(MIGRATE=[f"MIGRATE {result} {{id}} -\n"])
    with running("7.2", fake_driver) as (frontend, vm):
        vm.migrate(frontend.add_host("burst2"))
        vm.wait("RUNNING")
        document = str(frontend.call("one.vm.info", vm.id))
        assert document.count(f"<HOSTNAME>{host}</HOSTNAME>") == (1 if host == "burst2" else 2)


@pytest.mark.parametrize(("operation", "state"), [("success", "RUNNING"), ("failure", "POWEROFF")])
def test_recover_settles_what_the_driver_left_open(
    operation: str, state: str, fake_driver: FakeDriver
) -> None:
    with running("6.10", fake_driver) as (_, vm):
        vm.act("poweroff")
        vm.wait("POWEROFF")
        fake_driver.tell(DEPLOY=[])
        vm.act("resume")
        assert vm.state == "BOOT_POWEROFF"
        vm.recover(operation)
        assert vm.state == state


def test_7_writes_context_and_token_for_the_driver(fake_driver: FakeDriver) -> None:
    context = {"TOKEN": "YES", "PASSWORD": "it's secret"}
    with running("7.2", fake_driver, CONTEXT=context) as (frontend, vm):
        directory = frontend.home.var / "vms" / str(vm.id)
        assert "PASSWORD=" in (directory / "context.sh").read_text()
        assert (directory / "token.txt").read_text().endswith("=\n")
        assert vm.template.text("CREATED_BY") == "0"
        assert vm.template.vector("CONTEXT")["PASSWORD"] != "it's secret"
        opened = str(frontend.call("one.vm.info", vm.id, True))
        assert "<PASSWORD><![CDATA[it's secret]]></PASSWORD>" in opened
