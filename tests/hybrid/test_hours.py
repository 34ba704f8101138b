"""What VMs used, from the accounting records of a cloud."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from one2one.hybrid.hours import (
    ACCOUNT,
    Owner,
    Span,
    UseByVm,
    find_owner,
    find_uses,
    measure_record,
    sum_up,
)
from one2one.hybrid.naming import Marks
from one2one.opennebula.accounting import AccountingRecord, CostRecord
from one2one.opennebula.errors import ProtocolError

HOUR_S = 3600
BORN = 1_000_000
DAY = Span(BORN, BORN + 24 * HOUR_S)
MARKS = {
    "REMOTE_OPENNEBULA_VM_ID": "7",
    "ONE_HYBRID_ID": "hybrid-a",
    "ONE_HYBRID_STAY": f"{BORN}.0",
}


def record(
    *,
    vm_id: int = 7,
    host_id: int = 2,
    ran: tuple[float, float] = (0, 1),
    stayed: tuple[float, float] = (0, 1),
    size: str = "<CPU>2</CPU><MEMORY>512</MEMORY><DISK><SIZE>2048</SIZE></DISK>",
    owner: str = "ann",
    marks: dict[str, str] | None = None,
) -> AccountingRecord:
    """Return a record; times are hours after BORN, and 0 at the end is not yet."""

    def moment(hours: float) -> int:
        return int(BORN + hours * HOUR_S)

    says = "".join(f"<{name}>{value}</{name}>" for name, value in (marks or {}).items())
    times = {
        "STIME": moment(stayed[0]),
        "ETIME": moment(stayed[1]) if stayed[1] else 0,
        "RSTIME": moment(ran[0]),
        "RETIME": moment(ran[1]) if ran[1] else 0,
    }
    shown = "".join(f"<{name}>{value}</{name}>" for name, value in times.items())
    return AccountingRecord.read(
        etree.fromstring(
            f"<HISTORY><OID>{vm_id}</OID><HID>{host_id}</HID>{shown}"
            f"<VM><ID>{vm_id}</ID><UNAME>{owner}</UNAME><GNAME>staff</GNAME><STATE>3</STATE>"
            f"<STIME>{BORN}</STIME><TEMPLATE>{size}</TEMPLATE>"
            f"<USER_TEMPLATE>{says}</USER_TEMPLATE></VM></HISTORY>"
        )
    )


def test_a_vm_is_charged_while_it_runs_and_its_disks_while_it_is_there() -> None:
    hours = measure_record(record(ran=(1, 4), stayed=(0, 10)), DAY)
    assert (hours.vm, hours.cpu, hours.memory, hours.disk) == (3, 6, 1.5, 20)


@pytest.mark.parametrize(
    ("ran", "hours"),
    [((-5, 3), 3), ((23, 30), 1), ((-5, 0), 24), ((20, 0), 4), ((25, 30), 0), ((-9, -1), 0)],
)
def test_only_what_is_within_the_time_counts(ran: tuple[float, float], hours: float) -> None:
    assert measure_record(record(ran=ran, stayed=(-9, 0)), DAY).vm == hours


def test_a_vm_that_never_ran_used_nothing() -> None:
    one = record()
    never = AccountingRecord(one.vm, 2, 0, 0, 0, 0, one.disk)
    assert measure_record(never, DAY).vm == measure_record(never, DAY).disk == 0


@pytest.mark.parametrize("number", ["x", "-1", "nan", "inf", "1e300", ""])
def test_a_size_that_is_none_counts_as_nothing(number: str) -> None:
    size = f"<CPU>{number}</CPU><MEMORY>{number}</MEMORY><DISK><SIZE>{number}</SIZE></DISK>"
    hours = measure_record(record(size=size), DAY)
    assert (hours.vm, hours.cpu, hours.memory, hours.disk) == (1, 0, 0, 0)


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), max_size=5),
    st.lists(st.integers(1, 23), max_size=3),
)
def test_a_time_in_parts_gives_what_the_whole_gives(
    runs: list[tuple[float, float]], cuts: list[int]
) -> None:
    records = [record(ran=run, stayed=run) for run in runs]
    whole = UseByVm()
    for one in records:
        whole.add(one, DAY)
    total = UseByVm()
    ends = [BORN + hours * HOUR_S for hours in sorted({0, *cuts, 24})]
    for start, end in pairwise(ends):
        part = UseByVm()
        for one in records:
            if one.stime < end and (one.etime > start or not one.etime):  # as oned selects
                part.add(one, Span(start, end))
        total.merge(part)
    expected = sum(use.hours.disk for use in whole.hosts.get(ACCOUNT, {}).values())
    found = sum(use.hours.disk for use in total.hosts.get(ACCOUNT, {}).values())
    assert math.isclose(expected, found, abs_tol=1e-6)


def test_only_certain_hosts_are_counted() -> None:
    uses = UseByVm({2})
    uses.add(record(host_id=2), DAY)
    uses.add(record(host_id=3, vm_id=8), DAY)
    assert list(uses.hosts) == [2]
    assert list(uses.hosts[2]) == [7]


def test_marks_that_came_later_tell_whose_a_vm_was_before() -> None:
    uses = UseByVm()
    uses.add(record(ran=(0, 2)), DAY)
    uses.add(record(ran=(3, 5), marks=MARKS), DAY)
    ours = find_uses(uses.hosts[ACCOUNT], "hybrid-a")
    assert ours[7].hours.vm == 4
    assert find_uses(uses.hosts[ACCOUNT], "hybrid-b") == find_uses(uses.hosts[ACCOUNT], "") == {}


def test_a_later_vm_with_the_same_id_is_another() -> None:
    uses = UseByVm({2})
    uses.add(record(), DAY)
    local = uses.hosts[2]
    assert find_owner(Marks("hybrid-a", 7, BORN, 0), local) == Owner("ann", "staff")
    assert find_owner(Marks("hybrid-a", 7, BORN + 1, 0), local) is None
    assert find_owner(Marks("hybrid-a", 8, BORN, 0), local) is None


def test_the_vms_of_a_user_are_counted_together() -> None:
    uses = UseByVm()
    for vm_id, owner in ((1, "ann"), (2, "ben"), (3, "ann")):
        uses.add(record(vm_id=vm_id, owner=owner), DAY)
    sums = sum_up((use.owner, use.hours) for use in uses.hosts[ACCOUNT].values())
    assert {owner.user: (count, hours.vm) for owner, (count, hours) in sums.items()} == {
        "ann": (2, 2),
        "ben": (1, 1),
    }


def test_a_name_with_control_characters_is_cleaned() -> None:
    uses = UseByVm()
    uses.add(record(owner="ann\u202e" + "x" * 1000), DAY)
    owner = uses.hosts[ACCOUNT][7].owner
    assert owner.user.startswith("ann\\u202e")
    assert len(owner.user) == 128


@pytest.mark.parametrize(
    "broken",
    [
        "<HISTORY/>",
        "<HISTORY><VM><STATE>3</STATE></VM></HISTORY>",
        "<HISTORY><STIME>x</STIME><VM><ID>1</ID><STATE>3</STATE></VM></HISTORY>",
        "<HISTORY><RSTIME>-5</RSTIME><VM><ID>1</ID><STATE>3</STATE></VM></HISTORY>",
        "<HISTORY><ETIME>99999999999999</ETIME><VM><ID>1</ID><STATE>3</STATE></VM></HISTORY>",
    ],
)
def test_a_record_that_is_none_is_refused(broken: str) -> None:
    with pytest.raises(ProtocolError):
        AccountingRecord.read(etree.fromstring(broken))


@pytest.mark.parametrize(
    ("parts", "cost"),
    [
        ("<TOTAL_COST>7.5</TOTAL_COST><CPU_COST>1</CPU_COST>", 7.5),
        ("<CPU_COST>1</CPU_COST><MEMORY_COST>2</MEMORY_COST><DISK_COST>3</DISK_COST>", 6),
        ("<TOTAL_COST>-5</TOTAL_COST>", 0),
        ("<TOTAL_COST>nan</TOTAL_COST>", 0),
        ("", 0),
    ],
)
def test_what_a_vm_cost(parts: str, cost: float) -> None:
    element = etree.fromstring(f"<SHOWBACK><VMID>7</VMID>{parts}</SHOWBACK>")
    assert CostRecord.read(element) == CostRecord(7, cost)
