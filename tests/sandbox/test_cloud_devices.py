"""Changes to VMs of the sandbox: devices, snapshots, size, configuration, attributes, names."""

import pytest

from one2one.opennebula.template import Vector
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.profile import PROFILES
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal


@pytest.fixture(params=list(PROFILES))
def cloud(request: pytest.FixtureRequest) -> SimulatedCloud:
    return SimulatedCloud(request.param, clock=Clock(virtual=True), delay=1)


@pytest.fixture
def vm(cloud: SimulatedCloud) -> Vm:
    vm = cloud.instantiate(0, "x", "CONTEXT=[A=1]")
    cloud.clock.settle()
    return vm


def do(cloud: SimulatedCloud, method: str, *arguments: str | int) -> int:
    """Make a call and let it take effect; return its result."""
    result = cloud.call(method, *arguments)
    assert isinstance(result, int)
    cloud.clock.settle()
    return result


@pytest.mark.parametrize("state", ["RUNNING", "POWEROFF"])
def test_devices_come_and_go(cloud: SimulatedCloud, vm: Vm, state: str) -> None:
    if state == "POWEROFF":
        do(cloud, "one.vm.action", "poweroff", vm.id)
    used = dict(cloud.owner.quotas.used)
    do(cloud, "one.vm.attach", vm.id, 'DISK=[TYPE="fs",SIZE="10"]')
    do(cloud, "one.vm.attach", vm.id, 'DISK=[IMAGE="ttylinux"]')
    do(cloud, "one.vm.attachnic", vm.id, 'NIC=[NETWORK="public"]')
    assert [disk["DISK_ID"] for disk in vm.template.vectors("DISK")] == ["0", "2", "3"]
    assert len({nic["MAC"] for nic in vm.template.vectors("NIC")}) == 2
    assert cloud.owner.quotas.used["SYSTEM_DISK_SIZE"] == 2 * 1024 + 10
    assert cloud.owner.quotas.leases[0] == 2
    do(cloud, "one.vm.detach", vm.id, 2)
    do(cloud, "one.vm.detach", vm.id, 3)
    do(cloud, "one.vm.detachnic", vm.id, 1)
    assert str(vm.state) == state
    assert dict(cloud.owner.quotas.used) == used
    with pytest.raises(Refusal, match="Could not detach disk with DISK_ID 7, it does not exist"):
        do(cloud, "one.vm.detach", vm.id, 7)
    with pytest.raises(Refusal, match="User 2 does not own a network with name: none"):
        do(cloud, "one.vm.attachnic", vm.id, "NIC=[NETWORK=none]")


def test_devices_need_a_vm_that_runs_or_is_switched_off(cloud: SimulatedCloud, vm: Vm) -> None:
    do(cloud, "one.vm.action", "suspend", vm.id)
    with pytest.raises(
        Refusal, match="Could not attach a new disk to VM 0, wrong state SUSPENDED"
    ) as refusal:
        do(cloud, "one.vm.attach", vm.id, 'DISK=[TYPE="fs",SIZE="10"]')
    assert refusal.value.code == ErrorCode.ACTION
    assert len(vm.template.vectors("DISK")) == 1


def test_a_change_shows_its_own_state_while_it_lasts(cloud: SimulatedCloud, vm: Vm) -> None:
    for method, argument, state in [
        ("one.vm.attach", 'DISK=[TYPE="fs",SIZE="10"]', "HOTPLUG"),
        ("one.vm.attachnic", 'NIC=[NETWORK="public"]', "HOTPLUG_NIC"),
        ("one.vm.snapshotcreate", "s", "HOTPLUG_SNAPSHOT"),
        ("one.vm.updateconf", "CONTEXT=[A=2]", "HOTPLUG"),
    ]:
        cloud.call(method, vm.id, argument)
        assert str(vm.state) == state
        cloud.clock.settle()
        assert str(vm.state) == "RUNNING"


def test_a_change_that_fails_is_taken_back(cloud: SimulatedCloud, vm: Vm) -> None:
    do(cloud, "one.vm.attach", vm.id, 'DISK=[TYPE="fs",SIZE="10"]')
    before, used = list(vm.template), dict(cloud.owner.quotas.used)
    do(cloud, "one.vm.update", vm.id, 'SANDBOX_FAILS="HOTPLUG HOTPLUG_NIC DISK_RESIZE"', 1)
    changes: list[tuple[str, tuple[int | str, ...], str]] = [
        ("one.vm.attach", ('DISK=[TYPE="fs",SIZE="10"]',), "ATTACHDISK"),
        ("one.vm.detach", (2,), "DETACHDISK"),
        ("one.vm.diskresize", (2, "20"), "RESIZEDISK"),
        ("one.vm.attachnic", ('NIC=[NETWORK="public"]',), "ATTACHNIC"),
        ("one.vm.detachnic", (0,), "DETACHNIC"),
    ]
    for method, arguments, action in changes:
        cloud.call(method, vm.id, *arguments)
        flagged = [*vm.template.vectors("DISK"), *vm.template.vectors("NIC")]
        assert any({"ATTACH", "RESIZE"} & device.keys() for device in flagged)
        cloud.clock.settle()
        assert f"{action}: " in vm.user_template.text("ERROR")
        assert list(vm.template) == before
    assert dict(cloud.owner.quotas.used) == used


def test_disks_only_grow(cloud: SimulatedCloud, vm: Vm) -> None:
    do(cloud, "one.vm.diskresize", vm.id, 0, "2048")
    assert vm.template.vector("DISK")["SIZE"] == "2048"
    assert cloud.owner.quotas.used["SYSTEM_DISK_SIZE"] == 2048
    for disk, size, words in [
        (0, "2048", "New disk size has to be greater than current one"),
        (0, "x", "Disk SIZE is not a valid integer"),
        (9, "4096", "VM disk does not exist"),
    ]:
        with pytest.raises(Refusal, match=words):
            do(cloud, "one.vm.diskresize", vm.id, disk, size)


def test_images_and_networks_are_given_to_those_who_may_use_them(
    cloud: SimulatedCloud, vm: Vm
) -> None:
    image, network = cloud.add_image("data"), cloud.add_network("lan", "10.0.0.10")
    do(cloud, "one.vm.attach", vm.id, f"DISK=[IMAGE_ID={image},A=b]")
    do(cloud, "one.vm.attachnic", vm.id, f"NIC=[NETWORK_ID={network},IP=10.0.0.12,A=b]")
    disk, nic = vm.template.vectors("DISK")[-1], vm.template.vectors("NIC")[-1]
    assert (disk["IMAGE"], disk["A"], nic["IP"], nic["A"]) == ("data", "b", "10.0.0.12", "b")
    cloud.add_image("secret", shared=False)
    cloud.add_network("secret", "10.1.0.10", shared=False)
    for method, argument, words in [
        ("one.vm.attach", "DISK=[IMAGE_ID=9]", "Image with ID: 9 does not exist"),
        ("one.vm.attach", "DISK=[IMAGE_ID=2]", r"Not authorized to perform USE IMAGE \[2\]"),
        ("one.vm.attachnic", "NIC=[NETWORK_ID=9]", "Virtual network with ID: 9 does not exist"),
        ("one.vm.attachnic", "NIC=[NETWORK_ID=2]", r"Not authorized to perform USE NET \[2\]"),
        ("one.vm.attachnic", "NIC=[NETWORK_ID=1,IP=10.0.0.12]", "Cannot get IP/MAC lease"),
        ("one.vm.attachnic", "NIC=[NETWORK_ID=1,IP=10.9.0.1]", "Cannot get IP/MAC lease"),
    ]:
        with pytest.raises(Refusal, match=words):
            do(cloud, method, vm.id, argument)
    do(cloud, "one.vm.detachnic", vm.id, 1)
    do(cloud, "one.vm.attachnic", vm.id, "NIC=[NETWORK_ID=1,IP=10.0.0.12]")


def test_snapshots(cloud: SimulatedCloud, vm: Vm) -> None:
    assert do(cloud, "one.vm.snapshotcreate", vm.id, "one") == 0
    assert do(cloud, "one.vm.snapshotcreate", vm.id, "") == 1
    assert [s["NAME"] for s in vm.template.vectors("SNAPSHOT")] == ["one", "snapshot-1"]
    do(cloud, "one.vm.snapshotrevert", vm.id, 0)
    do(cloud, "one.vm.snapshotdelete", vm.id, 0)
    assert [s["SNAPSHOT_ID"] for s in vm.template.vectors("SNAPSHOT")] == ["1"]


def test_size_changes_while_it_does_not_run(cloud: SimulatedCloud, vm: Vm) -> None:
    with pytest.raises(Refusal):
        cloud.call("one.vm.resize", vm.id, 'CPU="0.2"', False)
    do(cloud, "one.vm.action", "poweroff", vm.id)
    do(cloud, "one.vm.resize", vm.id, 'CPU="0.2"\nMEMORY="256"', False)
    assert (vm.template.text("CPU"), vm.template.text("MEMORY")) == ("0.2", "256")
    assert cloud.owner.quotas.used["MEMORY"] == 256
    do(cloud, "one.vm.action", "terminate", vm.id)
    assert cloud.owner.quotas.used["MEMORY"] == 0
    with pytest.raises(Refusal, match="Cannot resize a VM in state DONE"):
        cloud.call("one.vm.resize", vm.id, 'CPU="0.2"', False)


def context(vm: Vm) -> Vector:
    return vm.template.vector("CONTEXT")


def test_configuration_is_replaced_or_added_to(cloud: SimulatedCloud, vm: Vm) -> None:
    generated = {"DISK_ID": "1", "TARGET": "hda"}
    do(cloud, "one.vm.updateconf", vm.id, "CONTEXT=[B=2]\nGRAPHICS=[TYPE=vnc]")
    assert context(vm) == {"B": "2", **generated}
    do(cloud, "one.vm.updateconf", vm.id, "CONTEXT=[C=3]", 1)
    kept = {"B": "2"} if cloud.oned.profile.updateconf_append else {}
    assert context(vm) == {"C": "3", **kept, **generated}
    assert bool(vm.template.vectors("GRAPHICS")) == bool(kept)
    with pytest.raises(Refusal, match="Template includes a restricted attribute CONTEXT"):
        do(cloud, "one.vm.updateconf", vm.id, "CONTEXT=[FILES=x]")
    do(cloud, "one.vm.action", "suspend", vm.id)
    with pytest.raises(Refusal, match="configuration cannot be updated in state SUSPENDED"):
        do(cloud, "one.vm.updateconf", vm.id, "CONTEXT=[B=2]")


def test_configuration_refuses_what_belongs_to_the_nics(cloud: SimulatedCloud, vm: Vm) -> None:
    if cloud.oned.profile.network_context_kept:
        with pytest.raises(Refusal, match="Unable to add ETH0_IP, update NIC") as refusal:
            do(cloud, "one.vm.updateconf", vm.id, "CONTEXT=[ETH0_IP=1]")
        assert refusal.value.code == ErrorCode.INTERNAL
    else:
        do(cloud, "one.vm.updateconf", vm.id, "CONTEXT=[ETH0_IP=1]")


def test_a_vm_without_context_gets_none(cloud: SimulatedCloud) -> None:
    vm = cloud.instantiate(1)
    cloud.clock.settle()
    with pytest.raises(Refusal, match="does not have context, cannot add a new one"):
        do(cloud, "one.vm.updateconf", vm.id, "CONTEXT=[B=2]")


def test_user_attributes_are_replaced_or_merged(cloud: SimulatedCloud, vm: Vm) -> None:
    do(cloud, "one.vm.update", vm.id, "A=1\nB=[C=2]", 1)
    do(cloud, "one.vm.update", vm.id, "<T><B>3</B></T>", 1)
    assert list(vm.user_template) == [("A", "1"), ("B", "3")]
    do(cloud, "one.vm.update", vm.id, "D=4")
    assert list(vm.user_template) == [("D", "4")]
    for text, words in [
        ("D", "Cannot update template. Parse error"),
        ("RANK=1", "Cannot update template. User Template includes a restricted attribute RANK"),
        ("<T><D>]]&gt;</D></T>", "Cannot update template."),
    ]:
        with pytest.raises(Refusal, match=words) as refusal:
            do(cloud, "one.vm.update", vm.id, text)
        assert refusal.value.code == ErrorCode.INTERNAL
    assert list(vm.user_template) == [("D", "4")]


def test_names(cloud: SimulatedCloud, vm: Vm) -> None:
    do(cloud, "one.vm.rename", vm.id, "y" * 128)
    assert vm.name == "y" * 128
    for name in ("", "y" * 129):
        with pytest.raises(Refusal, match="Invalid NAME"):
            do(cloud, "one.vm.rename", vm.id, name)
