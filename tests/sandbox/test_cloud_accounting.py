"""Accounting and showback answer as a real oned does."""

import pytest
from lxml import etree

from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.cloud import SimulatedCloud

HOUR_S = 3600
OWN = -3


@pytest.fixture
def cloud() -> SimulatedCloud:
    return SimulatedCloud("6.10", clock=Clock(virtual=True))


def read(cloud: SimulatedCloud, method: str, *arguments: int) -> list[etree._Element]:
    return [*etree.fromstring(str(cloud.call(method, *arguments)))]


def run(cloud: SimulatedCloud, hours: int) -> int:
    number = int(cloud.call("one.template.instantiate", 0, "web", False, "", False))
    cloud.clock.settle()
    cloud.clock.advance(hours * HOUR_S)
    return number


def test_a_record_has_its_vm_and_its_times(cloud: SimulatedCloud) -> None:
    number, now = run(cloud, 2), int(cloud.clock.now())
    cloud.call("one.vm.action", "poweroff", number)
    cloud.clock.settle()
    (record,) = read(cloud, "one.vmpool.accounting", OWN, -1, -1)
    assert record.findtext("OID") == record.findtext("VM/ID") == str(number)
    assert record.findtext("VM/TEMPLATE/CPU")
    rstime, retime = (int(record.findtext(name) or 0) for name in ("RSTIME", "RETIME"))
    assert retime - rstime >= 2 * HOUR_S
    assert read(cloud, "one.vmpool.accounting", OWN, now - HOUR_S, -1) != []
    assert read(cloud, "one.vmpool.accounting", OWN, -1, now - 10 * HOUR_S) == []


def test_there_is_no_showback_before_it_is_calculated(cloud: SimulatedCloud) -> None:
    number = run(cloud, 2)
    cloud.oned.vms.get(number).template.add("CPU_COST", "3")  # type: ignore[union-attr]
    everything = (OWN, -1, -1, -1, -1)
    assert read(cloud, "one.vmpool.showback", *everything) == []
    cloud.oned.showback_until = int(cloud.clock.now())
    records = read(cloud, "one.vmpool.showback", *everything)
    hours = sum(float(record.findtext("HOURS") or 0) for record in records)
    cost = sum(float(record.findtext("TOTAL_COST") or 0) for record in records)
    assert hours == pytest.approx(2, abs=0.1)
    assert cost == pytest.approx(hours * 0.1 * 3)
    assert read(cloud, "one.vmpool.showback", OWN, 1, 2099, 12, 2099) == []
