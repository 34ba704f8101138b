"""What a remote VM uses, as the local cloud shows it.

The values come from a remote hypervisor through the remote cloud, and end in the local cloud's
database and interfaces. So only numbers and addresses are taken, and each is formatted again.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_address

from one2one.opennebula.numbers import parse_number
from one2one.opennebula.records import VmSummary
from one2one.opennebula.template import Template

_COUNTERS = (
    "MEMORY",
    "NETRX",
    "NETTX",
    "DISKRDBYTES",
    "DISKRDIOPS",
    "DISKWRBYTES",
    "DISKWRIOPS",
)
"""MEMORY is in KB, the others count up from the VM's start: bytes and operations."""
_LARGEST = 2**63
_NOT_IN_A_NAME = re.compile(r"[^\w.:-]", re.ASCII)
_MAX_ADDRESSES = 32

USAGE_TIME = "REMOTE_USAGE_TIME"
"""When the remote measured what is shown: in UTC, by the remote's clock. The time that oned keeps
beside it is that of the message."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"

Usage = dict[str, str]
"""Attributes of MONITORING; every value is plain: letters, digits and ``._:,-``."""


def read_usage(remote: VmSummary, record: Template) -> Usage:
    """Return what to show of a VM; *record* is its newest monitoring, empty without any.

    These are the counters, the addresses, where the local commands and Sunstone look for them,
    and its id, state and host in the remote cloud.
    """
    values: Usage = {}
    cpu = _parse_number(record.text("CPU"))
    if cpu is not None:
        values["CPU"] = f"{cpu:.2f}".rstrip("0").rstrip(".")
    for name in _COUNTERS:
        count = _parse_number(record.text(name))
        if count is not None:
            values[name] = str(int(count))
    if measured := _format_time(record.text("TIMESTAMP")):
        values[USAGE_TIME] = measured
    guest = [record.text("GUEST_IP"), *record.text("GUEST_IP_ADDRESSES").split(",")]
    addresses = list(_keep_addresses([*remote.addresses, *guest]))
    if addresses:
        values["GUEST_IP"] = addresses[0]
        values["GUEST_IP_ADDRESSES"] = ",".join(addresses[:_MAX_ADDRESSES])
    values["REMOTE_VM_ID"] = str(remote.id)
    values["REMOTE_STATE"] = _NOT_IN_A_NAME.sub("_", str(remote.state))
    if remote.host_name:
        values["REMOTE_HOST"] = _NOT_IN_A_NAME.sub("_", remote.host_name)
    return values


def read_usage_age(shown: Template, now: float) -> int | None:
    """Return how many seconds before *now* what is *shown* was measured, None where nothing was."""
    try:
        measured = datetime.strptime(shown.text(USAGE_TIME), _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return max(0, int(now - measured.timestamp()))


def _format_time(seconds: str) -> str:
    if not re.fullmatch(r"\d{1,10}", seconds, re.ASCII):
        return ""
    return datetime.fromtimestamp(int(seconds), UTC).strftime(_TIME)


def _parse_number(value: str) -> float | None:
    number = parse_number(value)
    return number if number is not None and 0 <= number < _LARGEST else None


def _keep_addresses(candidates: Iterable[str]) -> Iterable[str]:
    """Return what is an address of a machine, each once, in their order."""
    kept: dict[str, None] = {}
    for candidate in filter(None, candidates):  # an exception for each empty one takes its time
        try:
            address = ip_address(candidate.partition("%")[0].strip())
        except ValueError:
            continue
        if not (address.is_loopback or address.is_link_local or address.is_unspecified):
            kept[address.compressed] = None
    return kept
