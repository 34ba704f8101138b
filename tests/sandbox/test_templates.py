"""VM templates: their names, and the stored XML. Measured on 5.10 and 6.10."""

import pytest

from one2one.opennebula.template import Value
from opennebula_sandbox.cloud.api.template import check_template_name
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.cloud.wire.grammar import parse


def check_name(name: str) -> str:
    cloud = SimulatedCloud("6.10", clock=Clock(virtual=True), templates=1)
    wanted = parse(f"<T><NAME><![CDATA[{name}]]></NAME></T>")
    return check_template_name(wanted, cloud.oneadmin, cloud.oned.templates.values())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "Invalid NAME, it cannot be empty"),
        ("a&b", "Invalid NAME, char '&' is not allowed"),
        ("x" * 129, "Invalid NAME, max length is 128 chars"),
        ("é" * 65, "Invalid NAME, max length is 128 chars"),
        ("web", "NAME is already taken by TEMPLATE 0."),
        ("web ", "NAME is already taken by TEMPLATE 0."),
    ],
)
def test_some_names_are_refused(name: str, said: str) -> None:
    with pytest.raises(Refusal) as refusal:
        check_name(name)
    assert refusal.value.text == said


@pytest.mark.parametrize("name", ["x" * 128, "é" * 64, "a\nb", "tab\tx", "a\u202eb", "WEB", " web"])
def test_others_are_not(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("xml", "kept"),
    [
        ("<A><![CDATA[]]></A>", [("A", "")]),
        ("<A/>", []),
        ("<A></A>", []),
        ("<A>x<!-- y --></A>", []),
        ("<a><b>x</b></a>", [("A", {"b": "x"})]),
        ("<A><B><![CDATA[]]></B><C/></A>", [("A", {"B": ""})]),
        ("<A><B/></A>", [("A", {})]),
    ],
)
def test_only_elements_with_a_text_node_are_values(xml: str, kept: list[tuple[str, Value]]) -> None:
    assert list(parse(f"<T>{xml}</T>")) == kept
