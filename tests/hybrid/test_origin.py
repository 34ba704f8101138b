"""What a remote VM tells of its local one: short, storable, and never empty."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid.naming import MARKS
from one2one.hybrid.origin import format_origin
from one2one.opennebula.records import Vm
from one2one.opennebula.states import RUNNING
from one2one.opennebula.template import Template, check_value


def origin(
    name: str = "web", owner: str = "ann", group: str = "shop", host: str = "fe1"
) -> Template:
    return format_origin(Vm(7, name, RUNNING, "", 0, owner=owner, group=group), host)


def test_it_names_the_vm_its_owner_and_its_front_end() -> None:
    assert list(origin()) == [
        ("ONE_LOCAL_NAME", "web"),
        ("ONE_LOCAL_USER", "ann"),
        ("ONE_LOCAL_GROUP", "shop"),
        ("ONE_LOCAL_FRONTEND", "fe1"),
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("smile \U0001f600", r"smile \U0001f600"),
        ("a\0b]]>c@^_^@d", r"a\x00b]]\x3ec@^_^\x40d"),
        ("$USER[SSH_PUBLIC_KEY] é", "$USER[SSH_PUBLIC_KEY] é"),
        ("two\nlines", "two lines"),
        (" \t", "-"),
        ("", "-"),
        ("x" * 200, "x" * 127 + "…"),
    ],
)
def test_what_cannot_be_stored_is_replaced(name: str, shown: str) -> None:
    assert origin(name=name, owner=name).text("ONE_LOCAL_NAME") == shown
    assert origin(owner=name).text("ONE_LOCAL_USER") == shown


@given(st.text(), st.text())
def test_every_value_can_be_stored(name: str, owner: str) -> None:
    for attribute, value in origin(name, owner):
        assert isinstance(value, str)
        assert 0 < len(value) <= 128
        check_value(attribute, value)


def test_it_is_no_mark() -> None:
    assert MARKS.isdisjoint(name for name, _ in origin())
