"""Which remote disk or NIC is that of a local one."""

from dataclasses import replace

import pytest

from one2one.hybrid.devices import (
    DISK,
    NIC,
    LocalDevice,
    find_active,
    find_left_over,
    find_lost_aliases,
    find_remote,
    is_active,
)
from one2one.hybrid.request import Request
from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.records import Placement, Vm
from one2one.opennebula.states import RUNNING
from one2one.opennebula.template import Template, Value, Vector


def vm(*devices: tuple[str, Value], stime: int = 1700000000) -> Vm:
    history = (Placement(0, "burst1", 7),)
    return Vm(5, "web", RUNNING, "", stime, template=Template(devices), history=history)


def active(number: str = "2", sequence: int = 7) -> LocalDevice:
    local = vm(("DISK", {"DISK_ID": "0"}), ("DISK", {"DISK_ID": number, "ATTACH": "YES"}))
    device = find_active(Request("ATTACHDISK", local, "burst1", ""), DISK)
    return replace(device, sequence=sequence)


def disk(number: str, tag: str) -> tuple[str, Vector]:
    return "DISK", {"DISK_ID": number, "ONE_LOCAL_DISK": tag}


def test_a_tag_names_vm_number_and_attachment() -> None:
    assert active().tag == "5.1700000000.2.7"


def test_a_remote_device_is_found_by_its_tag_the_newest_first() -> None:
    remote = vm(
        disk("1", "5.1700000000.2.7"),
        disk("2", "5.1700000000.2.10"),
        disk("3", "5.1700000000.12.7"),
        disk("4", "15.1700000000.2.7"),
        disk("5", "5.1700000001.2.7"),
        disk("6", "5.1700000000.2.7.1"),
        disk("7", "5.1700000000.2.x"),
        disk("x", "5.1700000000.2.8"),
        ("DISK", {"DISK_ID": "8"}),
        ("NIC", {"NIC_ID": "9", "ONE_LOCAL_DISK": "5.1700000000.2.7"}),
    )
    found = find_remote(remote, active())
    assert [(device.number, device.sequence) for device in found] == [(2, 10), (1, 7)]
    assert found[1].tag == active().tag


def test_what_no_local_device_has_is_left_over() -> None:
    remote = vm(
        disk("1", "5.1700000000.2.7"),
        disk("2", "5.1700000000.2.6"),
        disk("3", "5.1700000000.0.1"),
        disk("4", "5.1700000000.3.1"),
        disk("5", "6.1700000000.3.1"),
        ("DISK", {"DISK_ID": "6"}),
    )
    assert [device.number for device in find_left_over(remote, active())] == [2, 4]


@pytest.mark.parametrize("flag", ["ATTACH", "RESIZE"])
def test_the_device_of_an_action_is_the_one_with_a_flag(flag: str) -> None:
    local = vm(("NIC", {"NIC_ID": "0"}), ("NIC", {"NIC_ID": "3", flag: "YES", "IP": "10.0.0.1"}))
    device = find_active(Request("ATTACHNIC", local, "burst1", ""), NIC)
    assert (device.number, device.members["IP"], device.sequence) == (3, "10.0.0.1", 7)


@pytest.mark.parametrize("nic", [{"NIC_ID": "0"}, {"ATTACH": "YES"}, {"NIC_ID": "-1"}])
def test_without_one_the_message_is_not_oneds(nic: Vector) -> None:
    with pytest.raises(ProtocolError, match="without an active NIC"):
        find_active(Request("ATTACHNIC", vm(("NIC", nic)), "burst1", ""), NIC)


def test_an_alias_is_told_from_a_nic() -> None:
    alias = vm(("NIC_ALIAS", {"NIC_ID": "1", "ATTACH": "YES"}))
    assert is_active(alias, "NIC_ALIAS")
    assert not is_active(alias, "NIC")


@pytest.mark.parametrize(
    ("named", "lost"), [("", []), ("1", []), ("1,2", ["2"]), ("2,3", ["2", "3"])]
)
def test_an_alias_that_is_gone_is_found_in_its_nic(named: str, lost: list[str]) -> None:
    nic = {"NIC_ID": "0", "ATTACH": "YES", "ALIAS_IDS": named}
    local = vm(("NIC", nic), ("NIC_ALIAS", {"NIC_ID": "1"}))
    device = find_active(Request("DETACHNIC", local, "burst1", ""), NIC)
    assert find_lost_aliases(local, device) == lost
