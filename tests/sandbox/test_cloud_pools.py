"""Pools and monitoring of the sandbox: the VMs that a user sees, their order, their records."""

import pytest
from lxml import etree

from one2one.opennebula.states import RUNNING
from opennebula_sandbox.cloud.api.calls import call
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.profile import PROFILES
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.cloud.wire.xmlrpc import Fault, Value


def cloud(release: str = "6.10", vms: int = 0) -> SimulatedCloud:
    simulated = SimulatedCloud(release, clock=Clock(virtual=True))
    for _ in range(vms):
        simulated.instantiate()
    simulated.clock.settle()
    return simulated


def document(answer: Value) -> etree._Element:
    text = answer.decode() if isinstance(answer, bytes) else str(answer)
    return etree.fromstring(text.replace("&lt;", "<").replace("&gt;", ">"))


def ids(answer: Value) -> list[int]:
    return [int(vm.findtext("ID", "")) for vm in document(answer)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((-3, -1, -1, -1), [5, 4, 3, 2, 0]),
        ((-3, -1, -1, -2), [5, 4, 3, 2, 1, 0]),
        ((-3, -1, -1, 6), [1]),
        ((-3, -1, -1, 8), [2]),
        ((-3, 2, 4, -1), [4, 3, 2]),
        ((-3, 3, -1, -1), [5, 4, 3]),
        ((-3, 0, -2, -1), [5, 4]),
        ((-3, 2, -2, -1), [3, 2]),
        ((-3, 4, -9, -1), [0]),
    ],
)
def test_ranges_pages_and_states(arguments: tuple[int, int, int, int], expected: list[int]) -> None:
    simulated = cloud(vms=6)
    simulated.act(1, "terminate")
    simulated.act(2, "poweroff")
    simulated.clock.settle()
    assert ids(simulated.call("one.vmpool.info", *arguments)) == expected
    assert ids(simulated.call("one.vmpool.infoextended", *arguments)) == expected
    simulated.oned.newest_first = False
    assert ids(simulated.call("one.vmpool.info", *arguments)) == expected[::-1]


def test_filters_show_what_may_be_used() -> None:
    simulated = cloud(vms=1)
    simulated.accounts.add("other", "secret")
    simulated.accounts.add("stranger", "secret", "elsewhere")
    for name in ("other", "stranger"):
        created = call(
            simulated.oned, "one.template.instantiate", (f"{name}:secret", 0, "x", False, "")
        )
        assert created[0]
    simulated.vms[1].permissions = 0o640

    def list_ids(whose: int, session: str = simulated.session) -> list[int]:
        arguments = (session, whose, -1, -1, -1)
        return ids(call(simulated.oned, "one.vmpool.info", arguments)[1])

    assert list_ids(-3) == [0]
    assert list_ids(-1) == list_ids(-2) == [1, 0]
    assert list_ids(-4) == [1, 0]
    assert list_ids(simulated.accounts.users["other"].id) == [1]
    assert list_ids(simulated.accounts.users["stranger"].id) == []
    assert list_ids(-2, f"oneadmin:{simulated.oneadmin.password}") == [2, 1, 0]
    with pytest.raises(Refusal, match="Incorrect filter_flag"):
        simulated.call("one.vmpool.info", -5, -1, -1, -1)
    with pytest.raises(Refusal, match=r"User \[2\] : Not authorized to perform USE VM \[2\]\."):
        simulated.call("one.vm.info", 2)
    with pytest.raises(Refusal, match=r"Not authorized to perform MANAGE VM \[1\]\."):
        simulated.act(1, "suspend")


def test_sets_leave_out_missing_and_forbidden_vms() -> None:
    simulated = cloud(vms=2)
    simulated.accounts.add("other", "secret")
    arguments = ("other:secret", 0, "x", False, "")
    assert call(simulated.oned, "one.template.instantiate", arguments)[0]
    assert ids(simulated.call("one.vmpool.infoset", "0,1,2,99,x,", False)) == [1, 0]
    with pytest.raises(Fault, match="infoset' not defined"):
        cloud("5.10").call("one.vmpool.infoset", "0", False)


def test_a_change_shows_in_the_next_answer() -> None:
    simulated = cloud(vms=1)
    for method in ("one.vmpool.info", "one.vmpool.infoextended"):
        name = f"named before {method}"
        assert document(simulated.call(method, -3, -1, -1, -1)).findtext("VM/NAME") != name
        simulated.call("one.vm.rename", 0, name)
        assert document(simulated.call(method, -3, -1, -1, -1)).findtext("VM/NAME") == name


def test_templates_shared_with_others_need_filter_minus_two() -> None:
    simulated = cloud()
    assert ids(simulated.call("one.templatepool.info", -1, -1, -1)) == []
    assert ids(simulated.call("one.templatepool.info", -2, -1, -1)) == [2, 1, 0]
    assert ids(simulated.call("one.templatepool.info", -2, 1, 1)) == [1]


@pytest.mark.parametrize("release", ["6.10", "7.2"])
def test_counters_grow_and_the_newest_record_comes_alone_when_asked(release: str) -> None:
    simulated = cloud(release, vms=3)
    simulated.clock.advance(90)
    newest = document(simulated.call("one.vmpool.monitoring", -3, 0))
    assert [record.findtext("ID") for record in newest] == ["0", "1", "2"]
    records = document(simulated.call("one.vm.monitoring", 0))
    received = [int(record.findtext("NETRX", "")) for record in records]
    assert len(received) == 4
    assert received == sorted(set(received))
    assert records[-1].findtext("TIMESTAMP") == newest[0].findtext("TIMESTAMP")
    recent = document(simulated.call("one.vmpool.monitoring", -3, 31))
    assert len(recent) == 6
    body = document(simulated.call("one.vm.info", 0))
    assert body.findtext("MONITORING/NETRX") == newest[0].findtext("NETRX")
    assert len(document(simulated.call("one.vmpool.monitoring", -3))) == 12


def test_old_monitoring_comes_by_vm() -> None:
    simulated = cloud("5.10", vms=2)
    simulated.clock.advance(30)
    records = document(simulated.call("one.vmpool.monitoring", -3))
    assert [record.tag for record in records] == ["VM"] * 4
    assert [child.tag for child in records[0]] == ["ID", "LAST_POLL", "MONITORING", "TEMPLATE"]
    row = document(simulated.call("one.vmpool.info", -3, -1, -1, -1))[0]
    assert row.findtext("LAST_POLL") == records[-1].findtext("LAST_POLL")
    assert row.findtext("MONITORING/CPU") == records[-1].findtext("MONITORING/CPU")
    simulated.clock.advance(30)
    later = document(simulated.call("one.vmpool.info", -3, -1, -1, -1))[0]
    assert later.findtext("LAST_POLL") != row.findtext("LAST_POLL")


@pytest.mark.parametrize("release", list(PROFILES))
def test_monitoring_may_say_anything(release: str) -> None:
    simulated = cloud(release, vms=1)
    simulated.usage.override(0, CPU='1"\n<b>&', NETRX="-1", NETTX="9" * 40, DISK_SIZE={"ID": "0"})
    body = document(simulated.call("one.vm.info", 0))
    assert body.findtext("MONITORING/CPU") == '1"\n<b>&'
    assert body.findtext("MONITORING/NETTX") == "9" * 40
    assert body.findtext("MONITORING/DISK_SIZE/ID") == "0"


def test_nothing_is_monitored_while_a_vm_rests_or_nobody_monitors() -> None:
    simulated = cloud(vms=1)
    simulated.act(0, "poweroff")
    simulated.clock.settle()
    before = simulated.call("one.vm.monitoring", 0)
    simulated.clock.advance(3600)
    assert simulated.call("one.vm.monitoring", 0) == before
    simulated.act(0, "resume")
    simulated.clock.settle()
    assert simulated.vms[0].state == RUNNING
    assert simulated.call("one.vm.monitoring", 0) != before
    simulated.usage.enabled = False
    assert simulated.call("one.vm.monitoring", 0) == "<MONITORING_DATA></MONITORING_DATA>"


def test_only_administrators_see_hosts() -> None:
    simulated = cloud(vms=1)
    assert simulated.call("one.hostpool.info") == "<HOST_POOL></HOST_POOL>"
    session = f"oneadmin:{simulated.oneadmin.password}"
    hosts = document(call(simulated.oned, "one.hostpool.info", (session,))[1])
    assert [host.findtext("NAME") for host in hosts] == ["hv1", "hv2", "hv3"]
    answer = call(simulated.oned, "one.host.info", (session, 7))
    assert answer[1:4] == ["[one.host.info] Error getting host [7].", 1024, 7]
    assert call(simulated.oned, "one.host.info", (session, 0))[0]
