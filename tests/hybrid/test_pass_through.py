"""What a host passes through, and how it is told."""

import pytest

from one2one.driver import operations
from one2one.hybrid.pass_through import ACTIONS, KINDS, PassedAction, Unsupported, require_passed
from one2one.hybrid.settings import read_settings
from one2one.opennebula.errors import ConfigurationError
from one2one.opennebula.records import Host
from one2one.opennebula.template import Template

_NEEDED = {"ONE_ENDPOINT": "http://cloud:2633/RPC2", "ONE_USER": "burst", "ONE_PASSWORD": "x"}


def read(value: str) -> frozenset[str]:
    template = Template((_NEEDED | {"ONE_PASS_THROUGH": value}).items())
    return read_settings(Host(0, "burst1", "one", "one", (), template)).pass_through


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("", set()),
        (" ", set()),
        ("SNAPSHOT", {"SNAPSHOT"}),
        ("snapshot,SNAPSHOT  Snapshot , ", {"SNAPSHOT"}),
        (" ".join(KINDS), set(KINDS)),
    ],
)
def test_the_kinds_are_a_list_of_words(value: str, kinds: set[str]) -> None:
    assert read(value) == kinds


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ConfigurationError) as raised:
        read("SNAPSHOT, MIGRATE")
    assert "host burst1 has 'MIGRATE' in ONE_PASS_THROUGH, which is none of" in str(raised.value)
    assert "onehost update burst1" in str(raised.value)


@pytest.mark.parametrize("row", ACTIONS, ids=lambda row: row.action)
def test_an_action_is_refused_unless_its_kind_is_passed_through(row: PassedAction) -> None:
    require_passed(row.action, {row.kind})
    with pytest.raises(Unsupported, match=f"^{row.action} is not supported for VMs in a remote"):
        require_passed(row.action, set(KINDS) - {row.kind})


def test_the_driver_has_every_action_that_may_be_passed_through() -> None:
    assert {row.action for row in ACTIONS} <= {*operations.ACTIONS}


def test_what_has_no_kind_is_never_refused() -> None:
    require_passed("DEPLOY", ())
