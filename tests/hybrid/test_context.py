"""The context of a remote VM: what is merged, what is left out, how values travel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid.context import find_unset, merge_context
from one2one.opennebula.errors import Refused
from one2one.opennebula.template import Template, Vector

storable = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], max_codepoint=0xFFFD)
    | st.sampled_from("\t\n\r$")
).filter(lambda value: "]]>" not in value and "@^_^@" not in value)


def store(sent: Template) -> Vector:
    """Return CONTEXT as a real remote was measured to store it."""
    attributes = {name: value for name, value in sent if isinstance(value, str)}
    expanded = {}
    for name, value in sent.vector("CONTEXT").items():
        assert value, "OpenNebula drops a member without text"
        if value.startswith("$"):
            assert value[1:] in attributes
            value = attributes[value[1:]]
        assert isinstance(value, str)
        expanded[name] = value
    return expanded


@given(st.dictionaries(st.from_regex(r"[A-Z]{5}", fullmatch=True), storable))
def test_every_local_value_arrives_as_it_is(local: Vector) -> None:
    local = {k: v for k, v in local.items() if k not in ("TOKEN", "FILES")}
    assert store(merge_context(local, {})) == local


def test_the_remote_template_keeps_what_the_local_vm_does_not_set() -> None:
    sent = merge_context(
        {"A": "local", "SSH_PUBLIC_KEY": "ours"},
        {"SSH_PUBLIC_KEY": "$USER[SSH_PUBLIC_KEY]", "START": "$NAME"},
    )
    assert sent.vector("CONTEXT") == {"A": "local", "SSH_PUBLIC_KEY": "ours", "START": "$NAME"}


def test_what_the_local_core_generated_stays_behind() -> None:
    generated = {"DISK_ID": "0", "TARGET": "hda", "ETH0_IP": "10.0.0.1", "PCI0_MAC": "x"}
    assert merge_context({**generated, "FILES_DS": "/x", "ETHER": "mine"}, {}).vector(
        "CONTEXT"
    ) == {"ETHER": "mine"}


def test_a_onegate_token_replaces_the_wish_for_one() -> None:
    local = {"TOKEN": "YES", "VMID": "7", "ONEGATE_ENDPOINT": "http://gate:5030"}
    context = merge_context(local, {"TOKEN": "YES"}, "secret").vector("CONTEXT")
    assert context == {
        "VMID": "7",
        "ONEGATE_ENDPOINT": "http://gate:5030",
        "ONEGATE_TOKEN": "secret",
        "TOKEN": "NO",
    }


@pytest.mark.parametrize("local", [{}, {"A": "1"}, {"TOKEN": "NO"}])
def test_no_guest_gets_a_token_of_the_remote(local: Vector) -> None:
    sent = merge_context(local, {"TOKEN": "YES", "ONEGATE_ENDPOINT": "http://theirs:5030"})
    assert sent.vector("CONTEXT")["TOKEN"] == "NO"


def test_nothing_is_sent_when_there_is_nothing() -> None:
    assert len(merge_context({"DISK_ID": "0", "TARGET": "hda"}, {})) == 0


@pytest.mark.parametrize("value", ["x]]>y", "x@^_^@y", "bell\x07", "😀"])
def test_a_value_that_cannot_travel_is_refused_by_name(value: str) -> None:
    with pytest.raises(Refused, match="CONTEXT/SECRET contains"):
        merge_context({"SECRET": value}, {})


def test_local_files_are_refused() -> None:
    with pytest.raises(Refused, match="CONTEXT/FILES names files of the local front-end"):
        merge_context({"FILES": "/etc/motd"}, {})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("$USER[SSH_PUBLIC_KEY]", True),
        ("$user[ssh_public_key]", True),
        ("$NAME", True),
        ("vm-$VMID.$gname.example.org", True),
        ("#!/bin/sh\nhostname $NAME\n", True),
        ("$UID:$GID", True),
        ("$UNAME", True),
        ("$TEMPLATE", True),
        (r"\\$NAME", True),
        ("$PORT$NAME", True),
        (r"\$NAME", False),
        ("$NAMES $NAME_2", False),
        ("$NAME[X]", False),
        ("$NIC[IP] $NETWORK[DNS, NETWORK_ID=0]", False),
        ("$PORT", False),
        ("NAME", False),
        ("ssh-rsa AAAA", False),
    ],
)
def test_what_tells_of_the_remote_account_is_named(value: str, told: bool) -> None:
    remote = {"NETWORK": "YES", "B": value, "A": value}
    assert find_unset({}, remote) == (["A", "B"] if told else [])
    assert find_unset({"A": ""}, remote) == (["B"] if told else [])
    assert find_unset({}, {"ETH0_IP": value, "TOKEN": value}) == []
