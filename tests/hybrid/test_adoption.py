"""Which remote VMs can be adopted, and what an adoption and a release write."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid.adoption import (
    build_local_template,
    build_public_cloud,
    check_adoptable,
    check_free,
    check_releasable,
    format_release,
    give_released_name,
    is_alive,
)
from one2one.hybrid.naming import MARKS, Marks, format_marks
from one2one.hybrid.origin import format_origin
from one2one.hybrid.ownership import Identity
from one2one.hybrid.public_cloud import find_named_vm, find_template_id
from one2one.hybrid.sizes import Followed, format_followed
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import Vm, VmSummary
from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from one2one.opennebula.template import Template, to_xml
from opennebula_sandbox.cloud.merging import merge
from opennebula_sandbox.cloud.wire.grammar import parse

REMOTE = Vm(
    id=7,
    name="shop",
    state=RUNNING,
    deploy_id="one-7",
    stime=5,
    template=Template([("CPU", "0.5"), ("MEMORY", "512"), ("TEMPLATE_ID", "3")]),
    owner="burst",
)
OURS = Marks("a", 42, 1_700_000_000, 0)
STATES = [State(state) for state in VmState if state != VmState.ACTIVE] + [
    State(VmState.ACTIVE, lcm) for lcm in LcmState
]
NAMES = (
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20)
    .map(str.strip)
    .filter(bool)
)


@pytest.mark.parametrize("state", STATES, ids=str)
def test_only_what_a_local_vm_can_be_is_adopted(state: State) -> None:
    remote = replace(REMOTE, state=state)
    if str(state) in ("RUNNING", "POWEROFF", "SUSPENDED", "STOPPED", "UNDEPLOYED"):
        check_adoptable(remote, "burst")
    else:
        with pytest.raises(Refused, match=f"remote VM 7 is {state}"):
            check_adoptable(remote, "burst")


@pytest.mark.parametrize("state", STATES, ids=str)
def test_nothing_is_released_during_an_operation(state: State) -> None:
    underway = str(state).startswith(("SHUTDOWN", "SAVE", "BOOT", "PROLOG", "EPILOG", "CLEANUP"))
    if underway and not str(state).endswith("FAILURE"):
        with pytest.raises(Refused, match=f"VM 7 is {state}: an operation is under way"):
            check_releasable(replace(REMOTE, state=state))


def test_a_vm_of_another_user_is_not_adopted() -> None:
    with pytest.raises(Refused, match="remote VM 7 is burst's there, not web's") as caught:
        check_adoptable(REMOTE, "web")
    assert caught.value.remedy == "Have the remote's administrator run: onevm chown 7 web"


@given(
    st.dictionaries(st.sampled_from(sorted(MARKS)), st.sampled_from(["a", "42", "1.0", "x"])),
    st.sampled_from(["shop", "remote-opennebula-42"]),
)
def test_a_vm_with_any_sign_of_another_is_not_free(marks: dict[str, str], name: str) -> None:
    remote = replace(REMOTE, name=name, user_template=Template(marks.items()))
    identity = Identity.read(remote)
    try:
        found = check_free(identity, "a")
    except Refused as error:
        assert marks or name != "shop", error
    else:
        assert found == identity.marks
        assert (found.hybrid_id == "a") if found else (not marks and name == "shop")


@pytest.mark.parametrize(
    ("local", "alive"),
    [
        (None, False),
        ((VmState.DONE, OURS.stime), False),
        ((VmState.HOLD, OURS.stime), True),
        ((VmState.POWEROFF, OURS.stime), True),
        ((VmState.POWEROFF, OURS.stime + 1), False),
    ],
)
def test_marks_of_an_ended_vm_do_not_count(local: tuple[int, int] | None, alive: bool) -> None:
    vm = local and VmSummary(42, "web", State(local[0]), "", local[1], 1, 64, 0, "burst1", ())
    assert is_alive(OURS, vm) is alive


@given(NAMES, NAMES, st.sampled_from([None, 3]))
def test_no_other_remote_vm_can_be_made_until_it_is_adopted(
    name: str, host: str, template_id: int | None
) -> None:
    sizes = [("CPU", "1"), ("MEMORY", "64")]
    origin = [("TEMPLATE_ID", str(template_id))] if template_id is not None else []
    remote = replace(REMOTE, template=Template([*sizes, *origin]))
    base = Template([("PUBLIC_CLOUD", {"TYPE": "opennebula", "TEMPLATE_ID": "1"}), ("DISK", {})])
    for given_base in (None, base):
        template = build_local_template(remote, name, host, given_base)
        assert find_named_vm(template, host) == 7
        assert not template.vectors("DISK")
        with pytest.raises(Refused):
            find_template_id(template, host)
        after = merge(template, build_public_cloud(remote, host, given_base))
        assert find_named_vm(after, host) is None
        if given_base or template_id is not None:
            assert find_template_id(after, host) == (1 if given_base else 3)


def test_a_base_template_names_no_other_remote_vm() -> None:
    section = {"TYPE": "opennebula", "TEMPLATE_ID": "1", "VM_ID": "8"}
    named = [(name, "opennebula-hybrid-8") for name in ("DEPLOY_ID", "IMPORT_VM_ID")]
    base = Template([("PUBLIC_CLOUD", section), *named, ("IMPORT_STATE", "POWEROFF")])
    assert "hybrid-8" not in to_xml(build_local_template(REMOTE, "web", "burst1", base))
    assert find_named_vm(build_public_cloud(REMOTE, "burst1", base), "burst1") is None


@pytest.mark.parametrize(
    ("section", "host", "expected"),
    [
        ({"TYPE": "opennebula", "VM_ID": "7"}, "burst1", 7),
        ({"TYPE": "OpenNebula", "VM_ID": " 7 ", "HOST": "Burst1"}, "burst1", 7),
        ({"TYPE": "opennebula", "VM_ID": "7", "HOST": "burst2"}, "burst1", None),
        ({"TYPE": "ec2", "VM_ID": "7"}, "burst1", None),
        ({"TYPE": "opennebula", "TEMPLATE_ID": "7"}, "burst1", None),
    ],
)
def test_which_vm_is_to_be_adopted(
    section: dict[str, str], host: str, expected: int | None
) -> None:
    assert find_named_vm(Template([("PUBLIC_CLOUD", section)]), host) == expected


def test_what_is_no_id_is_refused_by_name() -> None:
    section = {"TYPE": "opennebula", "VM_ID": "web"}
    with pytest.raises(Refused, match="PUBLIC_CLOUD/VM_ID is 'web' instead"):
        find_named_vm(Template([("PUBLIC_CLOUD", section)]), "burst1")


@given(st.dictionaries(st.sampled_from(["OWN", "LABELS", "ERROR"]), NAMES))
def test_a_release_takes_off_all_that_was_written_and_nothing_else(own: dict[str, str]) -> None:
    written = [
        *format_marks(OURS),
        ("REMOTE_OPENNEBULA_DEPLOY_ID", "one-7"),
        *format_origin(REMOTE, "front-end"),
        *format_followed(Followed({"CPU": "1"})),
    ]
    remote = replace(REMOTE, user_template=Template([*own.items(), *written]))
    after = merge(remote.user_template, parse(to_xml(format_release(remote))))
    assert list(after) == list(own.items())


@pytest.mark.parametrize(
    ("remote_name", "local_name", "expected"),
    [
        ("shop", "web", "shop"),
        ("remote-opennebula-42", "web", "web"),
        ("remote-opennebula-42", "remote-opennebula-1", "released-7"),
    ],
)
def test_a_released_vm_has_no_name_of_a_driver(
    remote_name: str, local_name: str, expected: str
) -> None:
    remote, local = replace(REMOTE, name=remote_name), replace(REMOTE, id=42, name=local_name)
    assert give_released_name(remote, local) == expected
