"""The context of a remote VM: what is merged, what is left out, how values travel."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid.context import expand, find_unset, merge_context
from one2one.opennebula.errors import Refused
from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.vm.expansion import expand_context

storable = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], max_codepoint=0xFFFD)
    | st.sampled_from("\t\n\r$")
).filter(lambda value: "]]>" not in value and "@^_^@" not in value)


class Attributes:
    """The VM's attributes, to which variables expand."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self._attributes = attributes

    def read_attribute(self, name: str) -> str:
        return self._attributes[name]

    def read_member(self, *_: str) -> str:
        raise AssertionError("no member of a vector is named")


def store(sent: Template, *, trims: bool = False) -> Vector:
    """Return CONTEXT as a remote stores it; *trims* as 7.4 does."""

    def take(text: str) -> str:
        return text.strip(" \f\n\r\t\v") if trims else text

    attributes = {name: take(value) for name, value in sent if isinstance(value, str)}
    context = {name: take(value) for name, value in sent.vector("CONTEXT").items()}
    assert all(context.values()), "OpenNebula drops a member without text"
    return expand_context(context, Attributes(attributes))


@given(st.dictionaries(st.from_regex(r"[A-Z]{5}", fullmatch=True), storable))
def test_every_local_value_arrives_as_it_is(local: Vector) -> None:
    local = {k: v for k, v in local.items() if k not in ("TOKEN", "FILES")}
    merged = merge_context(local, {})
    assert store(merged) == local
    assert expand(merged) == local


@given(storable)
def test_a_remote_that_trims_changes_nothing_but_ends(value: str) -> None:
    arrived = store(merge_context({"A": value}, {}), trims=True)["A"]
    assert arrived in (value, value.strip(" \f\n\r\t\v"))


@pytest.mark.parametrize(
    "value",
    [
        *(" lead", "tail ", "tail\n", "two\nlines\n\n", "\t both \n", "   ", ""),
        *(" =x", "x= ", "a\\ ", "cost $5 ", " ${HOME}", 'echo "$HOME"\n', "${A}\n\n"),
    ],
)
def test_ends_survive_a_remote_that_trims(value: str) -> None:
    assert store(merge_context({"A": value, "B": "$5 "}, {}), trims=True)["A"] == value


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
