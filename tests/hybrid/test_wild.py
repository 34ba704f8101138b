"""Which remote VMs an administrator may import, and into what."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid.wild import find_wild
from one2one.opennebula.records import Vm
from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from one2one.opennebula.template import Template, parse_text

WEB = Vm(
    id=202,
    name="web-202",
    state=RUNNING,
    deploy_id="one-202",
    stime=0,
    template=Template([("CPU", "0.1"), ("VCPU", "2"), ("MEMORY", "128"), ("TEMPLATE_ID", "7")]),
)
V5_10, V6_10, V7_0 = (5, 10, 6), (6, 10, 0), (7, 0, 0)


def test_a_foreign_vm_is_offered_with_a_template_that_can_be_deployed_again() -> None:
    (wild,) = find_wild([WEB], set(), "burst1", V6_10)

    assert (wild.deploy_id, wild.name) == ("opennebula-hybrid-202", "web-202")
    assert dict(parse_text(wild.import_template)) == {
        "NAME": "web-202",
        "CPU": "0.1",
        "VCPU": "2",
        "MEMORY": "128",
        "PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "7", "HOST": "burst1"},
        "HYPERVISOR": "opennebula",
        "DEPLOY_ID": "opennebula-hybrid-202",
        "SCHED_REQUIREMENTS": 'NAME = "burst1"',
        "DESCRIPTION": "Imported from a remote OpenNebula, where it is VM 202",
    }


def test_before_5_12_the_deploy_id_has_another_name() -> None:
    (wild,) = find_wild([WEB], set(), "burst1", V5_10)
    assert parse_text(wild.import_template).text("IMPORT_VM_ID") == "opennebula-hybrid-202"


def test_a_vm_that_is_off_is_imported_as_such() -> None:
    off = dataclasses.replace(WEB, state=State(VmState.POWEROFF))
    (wild,) = find_wild([off], set(), "burst1", V6_10)
    assert parse_text(wild.import_template).text("IMPORT_STATE") == "POWEROFF"


def test_7_x_is_offered_nothing() -> None:
    assert find_wild([WEB], set(), "burst1", V7_0) == []


@pytest.mark.parametrize(
    "mark",
    ["ONE_HYBRID_ID", "REMOTE_OPENNEBULA", "REMOTE_OPENNEBULA_VM_ID"],
)
def test_a_vm_that_a_front_end_owns_is_never_offered(mark: str) -> None:
    owned = dataclasses.replace(WEB, user_template=Template([(mark, "1")]))
    assert find_wild([owned], set(), "burst1", V6_10) == []


def test_nor_is_one_with_the_name_of_an_owned_one() -> None:
    assert (
        find_wild([dataclasses.replace(WEB, name="remote-opennebula-3")], set(), "burst1", V6_10)
        == []
    )


def test_nor_one_that_was_imported_already() -> None:
    assert find_wild([WEB], {202}, "burst1", V6_10) == []


@pytest.mark.parametrize("state", [VmState.SUSPENDED, VmState.HOLD, VmState.UNDEPLOYED])
def test_nor_one_in_a_state_that_an_import_does_not_know(state: VmState) -> None:
    assert find_wild([dataclasses.replace(WEB, state=State(state))], set(), "burst1", V6_10) == []


def test_names_are_told_apart() -> None:
    twin = dataclasses.replace(WEB, id=203, state=State(VmState.ACTIVE, LcmState.HOTPLUG))
    assert [wild.name for wild in find_wild([WEB, twin], set(), "b", V6_10)] == [
        "web-202",
        "web-202-203",
    ]


@given(st.text(max_size=40), st.text(max_size=10), st.text(max_size=20))
def test_any_name_gives_a_template_that_can_be_read(name: str, size: str, host: str) -> None:
    odd = dataclasses.replace(WEB, name=name, template=Template([("CPU", size)]))
    for wild in find_wild([odd], set(), host, V6_10):
        assert parse_text(wild.import_template).text("NAME") == wild.name
