"""The size of a remote VM: what is sent of the local one's, and what the remote template allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid.allowed_size import override_size
from one2one.hybrid.remedies import find_remedy
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import VmTemplate
from one2one.opennebula.template import Template, Value

BIG = {"CPU": "1.5", "MEMORY": "4194304", "VCPU": "2"}


def remote(**attributes: Value) -> VmTemplate:
    size: dict[str, Value] = {"CPU": "1", "MEMORY": "512"}
    return VmTemplate(7, "web", Template((size | attributes).items()))


def local(**size: str) -> Template:
    return Template(({"CPU": "1", "MEMORY": "512"} | size).items())


def inputs(**asked: str) -> VmTemplate:
    return remote(USER_INPUTS=asked)


@pytest.mark.parametrize(
    ("vm", "template", "sent"),
    [
        (local(), remote(), {}),
        (local(CPU="0.5"), remote(), {"CPU": "0.5"}),
        (local(**BIG), remote(), BIG),
        (local(CPU="1"), remote(CPU="1.0"), {}),
        (local(CPU="0.333333"), remote(CPU="0.33333333"), {}),
        (local(VCPU="1"), remote(), {}),
        (local(), remote(VCPU="1"), {}),
        (local(), remote(VCPU="4"), {"VCPU": "1"}),
        (local(VCPU="4"), remote(), {"VCPU": "4"}),
        (local(MEMORY="128"), remote(MEMORY="lots"), {"MEMORY": "128"}),
        (local(MEMORY="128"), remote(MEMORY=""), {"MEMORY": "128"}),
        (local(MEMORY="768"), remote(MEMORY_MAX="1024"), {"MEMORY": "768"}),
        (local(MEMORY="1024"), remote(MEMORY_MAX="1024"), {"MEMORY": "1024"}),
        (local(), remote(MEMORY_MAX="256", VCPU_MAX="none"), {}),
        (local(MEMORY="768"), remote(MEMORY_MAX="1024 "), {"MEMORY": "768"}),
        (local(VCPU="2"), remote(VCPU_MAX=""), {"VCPU": "2"}),
        (local(), remote(SUNSTONE={"CAPACITY_SELECT": "NO"}), {}),
        (local(CPU="2"), remote(SUNSTONE={"CAPACITY_SELECT": "YES"}), {"CPU": "2"}),
        (local(CPU="2", VCPU="2"), remote(TOPOLOGY={"PIN_POLICY": "CORE"}, VCPU="2"), {"CPU": "2"}),
        (local(), remote(TOPOLOGY={"PIN_POLICY": "core"}, VCPU="4"), {"VCPU": "1"}),
        (local(CPU="2"), remote(TOPOLOGY={"PIN_POLICY": "NONE"}), {"CPU": "2"}),
    ],
)
def test_what_differs_is_sent(vm: Template, template: VmTemplate, sent: dict[str, str]) -> None:
    assert dict(override_size(vm, template)) == sent


@pytest.mark.parametrize(
    ("asked", "value", "is_allowed"),
    [
        ("M|range||256..1024|512", "256", True),
        ("M|range||256..1024|512", "1024", True),
        ("M|range||256..1024|512", "255", False),
        ("O| range-float | How much? | 0.5 .. 1024.5 |512", "1025", False),
        ("O| range-float | How much? | 0.5 .. 1024.5 |512", "1", True),
        ("M|list||256,1024, 2048|512", "2048", True),
        ("M|list||256,1024, 2048|512", "768", False),
        ("M|list|||512", "768", False),
        ("M|fixed|| |768", "768", True),
        ("M|fixed|| |512", "768", False),
        ("M|fixed", "768", False),
        ("M|number||", "1", True),
        ("M|text|How much?", "1", True),
        ("M|range||lots|512", "1", False),
        ("M|range||1..2..3|512", "2", False),
        ("M|range||512..|512", "1024", False),
        ("M|range||٠..٩٩٩٩|512", "1024", False),
        ("", "1", True),
        ("|||||||||", "1", True),
    ],
)
def test_the_inputs_of_the_remote_template_limit_the_size(
    asked: str, value: str, *, is_allowed: bool
) -> None:
    template = inputs(MEMORY=asked)
    if is_allowed:
        assert dict(override_size(local(MEMORY=value), template)) == {"MEMORY": value}
    else:
        with pytest.raises(Refused, match=f"MEMORY {value} is not what remote template 7 allows"):
            override_size(local(MEMORY=value), template)


def test_the_templates_own_size_is_allowed_whatever_its_inputs_say() -> None:
    template = inputs(MEMORY="M|list||1,2|1", CPU="M|fixed|||9", VCPU="M|range||2..4|2")
    assert dict(override_size(local(), template)) == {}


@pytest.mark.parametrize(
    ("vm", "template", "words"),
    [
        (local(MEMORY="1025"), remote(MEMORY_MAX="1024"), "allows: MEMORY_MAX 1024"),
        (local(VCPU="3"), remote(VCPU_MAX="2"), "VCPU 3 .* allows: VCPU_MAX 2"),
        (local(CPU="2"), remote(SUNSTONE={"CAPACITY_SELECT": "no"}), "CPU 2 .*CAPACITY_SELECT"),
        (local(MEMORY="1"), inputs(MEMORY=f"M|list||{'0' * 99}2,3|2"), r"allows: 0{60}\. Choose"),
        (local(VCPU="2"), remote(TOPOLOGY={"PIN_POLICY": "SHARED"}), "CPU 1 with VCPU 2"),
        (local(MEMORY="1025"), remote(MEMORY_MAX="1024 "), "allows: MEMORY_MAX 1024"),
        (local(VCPU="2"), remote(VCPU_MAX="none"), "allows: VCPU_MAX none"),
        (local(MEMORY="0.4"), remote(), "MEMORY is '0.4' instead of a positive whole number"),
        (local(VCPU="1.5"), remote(), "VCPU is '1.5' instead of a positive whole number"),
        (local(CPU="1_0"), remote(), "the VM's CPU is '1_0'"),
        (local(CPU="0"), remote(), "the VM's CPU is '0' instead of a positive number"),
        (local(CPU="nan"), remote(), "the VM's CPU is 'nan'"),
        (local(MEMORY="-1"), remote(), "the VM's MEMORY is '-1'"),
        (local(MEMORY=""), remote(), "the VM's MEMORY is ''"),
        (local(VCPU="٣"), remote(), "the VM's VCPU is '٣'"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(
    vm: Template, template: VmTemplate, words: str
) -> None:
    with pytest.raises(Refused, match=words) as refused:
        override_size(vm, template)
    assert refused.value.remedy


@given(
    st.dictionaries(
        st.sampled_from(("CPU", "MEMORY", "VCPU", "MEMORY_MAX", "VCPU_MAX")), st.text()
    ),
    st.dictionaries(st.sampled_from(("CPU", "MEMORY", "VCPU")), st.text("M|rangelist.,0123456789")),
)
def test_no_remote_template_does_more_than_refuse(
    sizes: dict[str, str], asked: dict[str, str]
) -> None:
    attributes: list[tuple[str, Value]] = [*sizes.items(), ("USER_INPUTS", dict(asked))]
    vm = local(VCPU="2")
    try:
        sent = override_size(vm, VmTemplate(7, "web", Template(attributes)))
    except Refused:
        return
    assert set(sent) <= set(vm)


@pytest.mark.parametrize("name", ["CPU", "MEMORY", "VCPU"])
def test_a_size_that_the_remote_restricts_has_its_own_remedy(name: str) -> None:
    said = f"User [3] : User Template includes a restricted attribute {name}."
    assert find_remedy(said).startswith(f"The remote lets no user choose {name}:")
    assert find_remedy(said.replace(name, "CONTEXT")).startswith("Take the attribute out")


@pytest.mark.parametrize(
    "words",
    [
        "Total threads per core and socket needs to match VCPU",
        "VCPU is not multiple of the number of NUMA nodes",
        "Computed number of threads is not power of 2",
        "Total MEMORY of NUMA nodes is different from VM MEMORY",
    ],
)
def test_a_size_that_does_not_fit_the_topology_has_a_remedy(words: str) -> None:
    said = f"Error allocating a new virtual machine template. {words}"
    assert find_remedy(said).startswith("The remote template's TOPOLOGY")
