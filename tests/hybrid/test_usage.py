"""What the local cloud shows of a remote VM's usage, for any answer of the remote."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one2one.hybrid.usage import read_usage, read_usage_age
from one2one.opennebula.records import VmSummary
from one2one.opennebula.states import RUNNING, State
from one2one.opennebula.template import Template


def remote(*addresses: str, state: State = RUNNING, host_name: str = "hv1") -> VmSummary:
    return VmSummary(7, "remote-opennebula-3", state, "one-7", 0, 1, 128, 0, host_name, addresses)


def record(**values: str) -> dict[str, str]:
    return values


def test_counters_and_addresses() -> None:
    values = read_usage(
        remote("10.0.0.7", "2001:DB8::7"),
        record(CPU="12.500", MEMORY="131072", NETRX="1", NETTX="2.0", DISKRDBYTES="9" * 15),
    )
    assert values == {
        "CPU": "12.5",
        "MEMORY": "131072",
        "NETRX": "1",
        "NETTX": "2",
        "DISKRDBYTES": "9" * 15,
        "GUEST_IP": "10.0.0.7",
        "GUEST_IP_ADDRESSES": "10.0.0.7,2001:db8::7",
        "REMOTE_VM_ID": "7",
        "REMOTE_STATE": "RUNNING",
        "REMOTE_HOST": "hv1",
    }


@pytest.mark.parametrize(
    ("timestamp", "shown"),
    [
        ("1700000000", "2023-11-14T22:13:20Z"),
        ("9999999999", "2286-11-20T17:46:39Z"),
        ("0", "1970-01-01T00:00:00Z"),
        *[(wrong, "") for wrong in ("", "-1", "1e9", "x", "9" * 40, "\u0661")],
    ],
)
def test_when_it_was_measured_is_told_where_it_is_known(timestamp: str, shown: str) -> None:
    values = read_usage(remote(), record(CPU="1", TIMESTAMP=timestamp))
    assert values.get("REMOTE_USAGE_TIME", "") == shown
    age = read_usage_age(Template(values.items()), 1700000060)
    assert age == (
        {"1700000000": 60, "9999999999": 0, "0": 1700000060}[timestamp] if shown else None
    )


def test_a_vm_without_monitoring_still_has_its_addresses() -> None:
    values = read_usage(remote("10.0.0.7"), {})
    assert values["GUEST_IP"] == "10.0.0.7"
    assert "CPU" not in values


def test_what_the_guest_told_comes_after_the_nics() -> None:
    guest = record(GUEST_IP="10.0.0.7", GUEST_IP_ADDRESSES='127.0.0.1,10.9.9.9%"],fe80::1, x')
    assert read_usage(remote("10.0.0.7"), guest)["GUEST_IP_ADDRESSES"] == "10.0.0.7,10.9.9.9"


@pytest.mark.parametrize("value", ["-1", "1e400", "nan", "", 'a"]', "9" * 40, "0x10", "[1]"])
def test_what_is_no_amount_is_left_out(value: str) -> None:
    values = read_usage(remote(), record(CPU=value, MEMORY=value, NETRX="5"))
    assert "CPU" not in values
    assert "MEMORY" not in values
    assert values["NETRX"] == "5"


@given(st.dictionaries(st.sampled_from(["CPU", "MEMORY", "GUEST_IP"]), st.text()), st.text())
def test_every_value_is_plain(values: dict[str, str], host_name: str) -> None:
    shown = read_usage(remote(host_name, host_name=host_name), record(**values))
    assert all(re.fullmatch(r"[A-Za-z0-9_.:,-]+", value) for value in shown.values())
