"""Which CONTEXT a remote VM shows, and what it is given for a new one."""

import pytest

from one2one.hybrid.context import merge_context
from one2one.hybrid.context_changes import (
    build_configuration,
    find_differences,
    find_missing_attributes,
    shows_context,
)
from one2one.opennebula.records import Vm
from one2one.opennebula.states import RUNNING
from one2one.opennebula.template import Template, Vector

LOCAL = {"GREETING": "hello", "COST": "5 $", "EMPTY": ""}
REMOTE = {"KEY": "$USER[SSH_PUBLIC_KEY]", "NETWORK": "YES"}
MERGED = merge_context(LOCAL, REMOTE)
SHOWN = {
    "GREETING": "hello",
    "COST": "5 $",
    "KEY": "ssh-rsa AAAA",
    "NETWORK": "YES",
    "DISK_ID": "1",
    "TARGET": "hda",
    "ETH0_IP": "192.0.2.7",
}


def vm(context: Vector, **attributes: str) -> Vm:
    template = Template([("CONTEXT", context), ("OS", {"ARCH": "x86_64"}), ("CPU", "1")])
    user_template = Template(attributes.items())
    return Vm(7, "web", RUNNING, "", 0, template=template, user_template=user_template)


def test_a_vm_shows_what_it_was_given() -> None:
    assert shows_context(vm(SHOWN), MERGED)


@pytest.mark.parametrize(
    ("change", "differing"),
    [
        ({"GREETING": "bye"}, ["GREETING"]),
        ({"COST": "$ONE_RAW_1"}, ["COST"]),
        ({"EMPTY": "full"}, ["EMPTY"]),
        ({"KEY": "another"}, []),
        ({"ETH0_IP": "192.0.2.8"}, []),
    ],
)
def test_only_what_cannot_be_known_may_differ(change: Vector, differing: list[str]) -> None:
    remote = vm(SHOWN | change)
    assert find_differences(remote, MERGED) == differing
    assert shows_context(remote, MERGED) == (not differing)


def test_what_was_taken_out_still_shows() -> None:
    assert not shows_context(vm(SHOWN | {"OLD": "1"}), MERGED)
    assert find_differences(vm(SHOWN | {"OLD": "1"}), MERGED) == []


@pytest.mark.parametrize(("shown", "differs"), [("", True), ("jF8x2==", False), ("new", False)])
def test_an_encrypted_password_is_no_difference(shown: str, *, differs: bool) -> None:
    merged = merge_context({"PASSWORD": "new"}, {})
    assert bool(find_differences(vm({"PASSWORD": shown}), merged)) == differs


def test_values_with_a_dollar_must_be_there_before_they_are_named() -> None:
    assert dict(find_missing_attributes(vm({}), MERGED)) == {"ONE_RAW_1": "5 $"}
    old = vm({}, ONE_RAW_1="5 $", ONE_RAW_2="full")
    assert dict(find_missing_attributes(old, MERGED)) == {"ONE_RAW_2": ""}
    assert len(find_missing_attributes(vm({}, ONE_RAW_1="5 $"), MERGED)) == 0


def test_sections_that_would_be_dropped_are_sent_as_they_are() -> None:
    sent = dict(build_configuration(vm(SHOWN), MERGED))
    assert sent["OS"] == {"ARCH": "x86_64"}
    assert sent["CONTEXT"] == MERGED.vector("CONTEXT")
    assert sent.keys() == {"OS", "CONTEXT"}


def test_ends_that_a_remote_takes_away_are_no_difference() -> None:
    merged = merge_context({"SCRIPT": "\n$A\n"}, {})
    [name] = [name for name, _ in merged if name != "CONTEXT"]
    trimmed = vm({"SCRIPT": "$A"}, **{name: "$A"})
    assert find_differences(trimmed, merged) == []
    assert len(find_missing_attributes(trimmed, merged)) == 0
    assert find_differences(vm({"SCRIPT": "$B"}), merged) == ["SCRIPT"]
