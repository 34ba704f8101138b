"""Names, PUBLIC_CLOUD, settings, tokens and goals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid import goals
from one2one.hybrid.goals import Goal, Step
from one2one.hybrid.naming import (
    Marks,
    format_deploy_id,
    format_remote_name,
    parse_deploy_id,
    parse_remote_name,
    read_marks,
)
from one2one.hybrid.onegate import make_onegate_token
from one2one.hybrid.public_cloud import find_template_id, takes_local_size
from one2one.hybrid.settings import CapacityLimit, read_settings
from one2one.opennebula.errors import ConfigurationError, Refused
from one2one.opennebula.records import Host, Vm
from one2one.opennebula.secrets import decrypt, encrypt
from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from one2one.opennebula.template import Template, Vector

ALL_GOALS = [
    goals.RUNNING,
    goals.POWEROFF,
    goals.UNDEPLOYED,
    goals.SUSPENDED,
    goals.STOPPED,
    goals.DONE,
]
ids = st.integers(0, 2**31 - 1)


@given(ids)
def test_names_tell_the_id_they_were_made_from(number: int) -> None:
    assert parse_deploy_id(format_deploy_id(number)) == number
    assert parse_remote_name(format_remote_name(number)) == number


@pytest.mark.parametrize(
    "text",
    ["", "-", "one-7", "opennebula-hybrid-", "opennebula-hybrid-7 ", "xopennebula-hybrid-7"]
    + [f"opennebula-hybrid-{number}" for number in ("07", "-7", "2147483648", "9" * 5000, "٣")],
)
def test_a_deploy_id_of_others_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="is not of the form"):
        parse_deploy_id(text)


MARKS: list[tuple[str, str]] = [
    ("ONE_HYBRID_ID", "h"),
    ("REMOTE_OPENNEBULA_VM_ID", "7"),
    ("ONE_HYBRID_STAY", "1700000000.0"),
]


def make_vm(**marks: str) -> Vm:
    attributes = Template((dict(MARKS) | marks).items())
    return Vm(1, "remote-opennebula-7", RUNNING, "", 0, user_template=attributes)


def test_marks_that_are_all_there_tell_the_owner() -> None:
    assert read_marks(make_vm()) == Marks("h", 7, 1700000000, 0)


@pytest.mark.parametrize(
    "wrong",
    [{"REMOTE_OPENNEBULA_VM_ID": n} for n in ("", "-7", "07", "2147483648", "9" * 5000, "٣", "7 ")]
    + [{"ONE_HYBRID_STAY": s} for s in ("", "1", "1.", "-1.0", "1." + "9" * 400, "9" * 5000 + ".0")]
    + [{"ONE_HYBRID_ID": ""}],
)
def test_a_malformed_mark_is_no_mark_of_ours(wrong: dict[str, str]) -> None:
    assert read_marks(make_vm(**wrong)) is None


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ([{"TYPE": "opennebula", "TEMPLATE_ID": "7"}], 7),
        ([{"TYPE": "OpenNebula", "TEMPLATE_ID": " 7 "}], 7),
        ([{"TYPE": "ec2"}, {"TYPE": "opennebula", "TEMPLATE_ID": "7"}], 7),
        (
            [
                {"TYPE": "opennebula", "TEMPLATE_ID": "7"},
                {"TYPE": "opennebula", "TEMPLATE_ID": "8", "HOST": "Burst1"},
                {"TYPE": "opennebula", "TEMPLATE_ID": "9", "HOST": "burst2"},
            ],
            8,
        ),
        (
            [
                {"TYPE": "opennebula", "TEMPLATE_ID": "9", "HOST": "burst2"},
                {"TYPE": "opennebula", "TEMPLATE_ID": "7"},
            ],
            7,
        ),
    ],
)
def test_the_section_for_the_host_is_chosen(sections: list[Vector], expected: int) -> None:
    template = Template([("PUBLIC_CLOUD", section) for section in sections])
    assert find_template_id(template, "burst1") == expected


def test_a_wrong_size_is_named() -> None:
    section = {"TYPE": "opennebula", "TEMPLATE_ID": "7", "SIZE": "x" * 99}
    with pytest.raises(Refused, match=r"SIZE is 'X{60}' instead of LOCAL or REMOTE"):
        takes_local_size(Template([("PUBLIC_CLOUD", section)]), "b", by_default=True)


@pytest.mark.parametrize(
    ("size", "by_host", "expected"),
    [
        (" local", False, True),
        ("Remote", True, False),
        ("", True, True),
        ("", False, False),
    ],
)
def test_a_section_may_say_whose_size_counts(size: str, *, by_host: bool, expected: bool) -> None:
    section = {"TYPE": "opennebula", "TEMPLATE_ID": "7", "SIZE": size}
    template = Template([("PUBLIC_CLOUD", section)])
    assert takes_local_size(template, "b", by_default=by_host) == expected


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ([], "has no PUBLIC_CLOUD"),
        ([{"TYPE": "ec2", "TEMPLATE_ID": "7"}], "has no PUBLIC_CLOUD"),
        ([{"TYPE": "opennebula", "TEMPLATE_ID": "7", "HOST": "b2"}], "no PUBLIC_CLOUD sections"),
        ([{"TYPE": "opennebula", "TEMPLATE_ID": "7"}] * 2, "several PUBLIC_CLOUD sections"),
        ([{"TYPE": "opennebula", "TEMPLATE_ID": "web"}], "TEMPLATE_ID is 'web'"),
        ([{"TYPE": "opennebula", "TEMPLATE_ID": "-1"}], "TEMPLATE_ID is '-1'"),
        ([{"TYPE": "opennebula", "TEMPLATE_ID": "2147483648"}], "TEMPLATE_ID is '2147483648'"),
        ([{"TYPE": "opennebula", "TEMPLATE_ID": "9" * 5000}], "TEMPLATE_ID is '9{60}'"),
        ([{"TYPE": "opennebula"}], "TEMPLATE_ID is ''"),
    ],
)
def test_a_wrong_section_is_named(sections: list[Vector], words: str) -> None:
    with pytest.raises(Refused, match=words):
        find_template_id(Template([("PUBLIC_CLOUD", s) for s in sections]), "burst1")


def host(**attributes: str | Vector) -> Host:
    base: dict[str, str | Vector] = {
        "ONE_USER": "burst",
        "ONE_PASSWORD": "geheim",
        "ONE_ENDPOINT": "https://cloud:2633/RPC2",
    }
    return Host(0, "burst1", "one", "one", (), Template((base | attributes).items()))


def test_settings_have_sensible_defaults_and_hide_the_password() -> None:
    settings = read_settings(host())
    assert settings.verify_tls
    assert settings.max_connections == 4
    assert settings.capacity == CapacityLimit(0, 0)
    assert settings.session == "burst:geheim"
    assert "geheim" not in repr(settings)


def test_every_setting_is_read() -> None:
    settings = read_settings(
        host(
            ONE_CAPACITY={"CPU": "400", "MEMORY": "8192"},
            ONE_CA_FILE="/etc/ca.pem",
            ONE_VERIFY_TLS="no",
            ONE_PROXY="http://proxy:3128",
            ONE_TIMEOUT="5.5",
            ONE_MAX_CONNECTIONS="2",
            ONE_SHUTDOWN_TIMEOUT="90",
            ONE_HYBRID_ID="11111111-2222-3333-4444-555555555555",
        )
    )
    assert settings.capacity == CapacityLimit(400, 8192)
    assert (settings.ca_file, settings.verify_tls) == ("/etc/ca.pem", False)
    assert (settings.proxy, settings.timeout) == ("http://proxy:3128", 5.5)
    assert (settings.max_connections, settings.shutdown_timeout) == (2, 90)
    assert settings.hybrid_id.startswith("1111")


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"ONE_USER": ""}, "host burst1 has no ONE_USER"),
        ({"ONE_PASSWORD": ""}, "host burst1 has no ONE_PASSWORD"),
        ({"ONE_ENDPOINT": " "}, "host burst1 has no ONE_ENDPOINT"),
        ({"ONE_TIMEOUT": "soon"}, "ONE_TIMEOUT='soon' instead of a number, 1 or more"),
        ({"ONE_TIMEOUT": "nan"}, "ONE_TIMEOUT='nan'"),
        ({"ONE_TIMEOUT": "1_0"}, "ONE_TIMEOUT='1_0' instead of a number, 1 or more"),
        ({"ONE_TIMEOUT": "３０"}, "ONE_TIMEOUT='３０' instead of a number, 1 or more"),
        ({"ONE_TIMEOUT": "1e10"}, "ONE_TIMEOUT='1e10' instead of a number, 1000000 or less"),
        (
            {"ONE_OUTAGE_GRACE": "inf"},
            "ONE_OUTAGE_GRACE='inf' instead of a number, 0 or more",
        ),
        ({"ONE_MAX_CONNECTIONS": "9" * 20}, "instead of a number, 1000 or less"),
        ({"ONE_MAX_CONNECTIONS": "0"}, "ONE_MAX_CONNECTIONS='0'"),
        ({"ONE_VERIFY_TLS": "maybe"}, "ONE_VERIFY_TLS='maybe' instead of YES or NO"),
        ({"ONE_CAPACITY": {"CPU": "lots"}}, "ONE_CAPACITY/CPU='lots'"),
    ],
)
def test_a_wrong_attribute_is_named(attributes: dict[str, str | Vector], words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(host(**attributes))
    assert words in str(caught.value)
    assert "onehost update burst1" in str(caught.value)


def test_the_onegate_token_is_the_one_that_onegate_checks() -> None:
    assert make_onegate_token(12, 1700000000, "a" * 64) == "awuncGYmBiB6Iv++Orw+Hw=="


@given(st.text())
def test_what_oned_encrypted_is_read_back(secret: str) -> None:
    assert decrypt(encrypt(secret, "k" * 64), "k" * 64) == secret


def test_what_was_never_encrypted_is_told() -> None:
    with pytest.raises(ValueError, match="base64"):
        decrypt("a password that stayed in clear", "k" * 64)


def test_a_short_token_password_is_refused() -> None:
    with pytest.raises(ValueError, match="fewer than 32 characters"):
        make_onegate_token(12, 1700000000, "short")


@pytest.mark.parametrize("goal", ALL_GOALS, ids=lambda goal: goal.name)
def test_a_goal_names_only_real_states_and_each_once(goal: Goal) -> None:
    known = {state.name for state in VmState} | {state.name for state in LcmState}
    named = [*goal.reached, *goal.underway, *goal.act, *goal.never]
    assert set(named) <= known
    assert len(named) == len(set(named))


@pytest.mark.parametrize("goal", ALL_GOALS, ids=lambda goal: goal.name)
def test_a_state_that_we_do_not_know_is_waited_out(goal: Goal) -> None:
    assert goal.step(State(VmState.ACTIVE, 99)) is Step.BUSY
    assert goal.step(State(99)) is Step.BUSY


@pytest.mark.parametrize(
    ("goal", "state", "step"),
    [
        (goals.POWEROFF, State(VmState.POWEROFF), Step.REACHED),
        (goals.POWEROFF, State(3, LcmState.SHUTDOWN_POWEROFF), Step.UNDERWAY),
        (goals.POWEROFF, State(3, LcmState.RUNNING), Step.ACT),
        (goals.POWEROFF, State(3, LcmState.BOOT), Step.BUSY),
        (goals.POWEROFF, State(VmState.DONE), Step.NEVER),
        (goals.RUNNING, State(VmState.PENDING), Step.REACHED),
        (goals.RUNNING, State(3, LcmState.BOOT_SUSPENDED), Step.UNDERWAY),
        (goals.RUNNING, State(3, LcmState.SAVE_SUSPEND), Step.BUSY),
        (goals.RUNNING, State(3, LcmState.BOOT_FAILURE), Step.NEVER),
        (goals.DONE, State(3, LcmState.BOOT_FAILURE), Step.ACT),
        (goals.DONE, State(3, LcmState.SAVE_STOP), Step.BUSY),
        (goals.STOPPED, State(VmState.SUSPENDED), Step.ACT),
        (goals.UNDEPLOYED, State(VmState.POWEROFF), Step.ACT),
    ],
)
def test_what_a_state_means_on_the_way(goal: Goal, state: State, step: Step) -> None:
    assert goal.step(state) is step
