"""Which remote snapshot is that of a local one."""

import pytest

from one2one.hybrid.snapshots import (
    find_active,
    find_left_over,
    find_remote,
    format_name,
    read_snapshots,
)
from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.records import Vm
from one2one.opennebula.states import RUNNING
from one2one.opennebula.template import Template, Vector, check_value


def vm(*snapshots: Vector) -> Vm:
    return Vm(5, "web", RUNNING, "", 0, template=Template([("SNAPSHOT", s) for s in snapshots]))


def local(number: str = "2", time: str = "1700000000", name: str = "before") -> Vector:
    return {"SNAPSHOT_ID": number, "TIME": time, "NAME": name, "ACTIVE": "YES"}


def remote_of(vector: Vector, number: str = "0", vm_id: int = 5) -> Vector:
    (snapshot,) = read_snapshots(vm(vector))
    return {"SNAPSHOT_ID": number, "NAME": format_name(vm_id, snapshot)}


def ids(found: object) -> list[int]:
    return [snapshot.id for snapshot in found]  # type: ignore[attr-defined]


def test_a_remote_snapshot_is_found_by_vm_number_and_time() -> None:
    mine = find_active(vm(local()))
    remote = vm(
        remote_of(local(number="1"), "0"),
        remote_of(local(time="1700000001"), "1"),
        remote_of(local(), "2", vm_id=6),
        {"SNAPSHOT_ID": "3", "NAME": "before"},
        remote_of(local(), "7"),
    )
    assert ids(find_remote(remote, 5, mine)) == [7]
    assert ids(find_left_over(remote, 5, mine)) == [1]


def test_a_name_that_looks_like_a_tag_is_none() -> None:
    mine = find_active(vm(local()))
    lie = local(number="9", name=format_name(5, mine))
    remote = vm(remote_of(lie, "4"))
    assert find_remote(remote, 5, mine) == find_left_over(remote, 5, mine) == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("before", "before [one2one 5.2.1700000000]"),
        ("", "[one2one 5.2.1700000000]"),
        ("a\nb\0c]]>@^_^@\U0001f600", r"a b\x00c]]\x3e \U0001f600 [one2one 5.2.1700000000]"),
    ],
)
def test_whatever_a_user_calls_it_the_remote_can_keep_the_name(given: str, kept: str) -> None:
    name = format_name(5, find_active(vm(local(name=given))))
    assert name == kept
    check_value("NAME", name)


def test_a_long_name_is_cut_before_the_tag() -> None:
    name = format_name(5, find_active(vm(local(name="x" * 5000))))
    assert name.endswith("… [one2one 5.2.1700000000]")
    assert len(name) < 150


def test_what_is_no_number_is_no_snapshot() -> None:
    odd = vm({"SNAPSHOT_ID": "-1"}, {"NAME": "x"}, {"SNAPSHOT_ID": "1" * 30, "ACTIVE": "YES"})
    assert read_snapshots(odd) == []
    with pytest.raises(ProtocolError, match="without an active snapshot"):
        find_active(odd)
