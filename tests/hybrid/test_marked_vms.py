"""What the VMs of an account are to one host, by their names and marks."""

import pytest

from one2one.hybrid.marked_vms import MarkedVm, find_marked, find_unmarked
from one2one.hybrid.naming import Marks, format_marks
from one2one.hybrid.ownership import Identity
from one2one.opennebula.records import Vm
from one2one.opennebula.states import RUNNING
from one2one.opennebula.template import Template

OURS, THEIRS = Marks("me", 7, 1_700_000_000, 0), Marks("they", 7, 1_700_000_000, 0)
RUBY = Template([("REMOTE_OPENNEBULA", "YES"), ("REMOTE_OPENNEBULA_VM_ID", "7")])


def read(name: str, template: Template) -> Identity:
    return Identity.read(Vm(42, name, RUNNING, "one-42", 0, user_template=template))


@pytest.mark.parametrize(
    ("name", "template", "claimed"),
    [
        ("remote-opennebula-7", format_marks(OURS), [MarkedVm(42, OURS)]),
        ("remote-opennebula-8", format_marks(OURS), [MarkedVm(42, OURS, is_named=False)]),
        ("web", format_marks(OURS), [MarkedVm(42, OURS, is_named=False)]),
        ("remote-opennebula-7", format_marks(THEIRS), []),
        ("remote-opennebula-7", RUBY, []),
        ("remote-opennebula-7", Template(), []),
        ("web", Template(), []),
    ],
)
def test_a_host_claims_what_carries_its_marks(
    name: str, template: Template, claimed: list[MarkedVm]
) -> None:
    assert find_marked([read(name, template)], "me") == claimed


@pytest.mark.parametrize(
    ("name", "template", "reason"),
    [
        ("remote-opennebula-7", Template(), "it is called after VM 7 and has no marks"),
        (
            "remote-opennebula-7",
            Template([("ONE_HYBRID_ID", "me")]),
            "it is called after VM 7 and has damaged marks",
        ),
        ("remote-opennebula-8", RUBY, "it is called after VM 8 and has damaged marks"),
        ("remote-opennebula-7", RUBY, None),
        ("remote-opennebula-7", format_marks(THEIRS), None),
        ("remote-opennebula-8", format_marks(OURS), None),
        ("web", Template(), None),
        ("web", Template([("ONE_HYBRID_ID", "me")]), None),
    ],
)
def test_what_a_driver_has_named_and_lost_its_marks_is_told(
    name: str, template: Template, reason: str | None
) -> None:
    found = find_unmarked([read(name, template)])
    assert [one.reason for one in found] == ([reason] if reason else [])
