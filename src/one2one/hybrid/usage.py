"""What a remote VM uses, as the local cloud shows it.

The values come from a remote hypervisor through the remote cloud, and end in the local cloud's
database and interfaces. So only numbers and addresses are taken, and each is formatted again.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address

from one2one.opennebula.numbers import is_plain, parse_number
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

_MOST_REMEMBERED = 1 << 14
_LONGEST_REMEMBERED = 64

Usage = dict[str, str]
"""Attributes of MONITORING; every value is plain: letters, digits and ``._:,-``."""


def read_usage(remote: VmSummary, record: Mapping[str, str]) -> Usage:
    """Return what to show of a VM; *record* has the texts of its newest monitoring, if any.

    These are the counters, the addresses, where the local commands and Sunstone look for them,
    and its id, state and host in the remote cloud.
    """
    values: Usage = {}
    cpu = _parse_number(record.get("CPU", ""))
    if cpu is not None:
        values["CPU"] = f"{cpu:.2f}".rstrip("0").rstrip(".")
    for name in _COUNTERS:
        count = _format_count(record.get(name, ""))
        if count:
            values[name] = count
    if measured := _format_time(record.get("TIMESTAMP", "")):
        values[USAGE_TIME] = measured
    guest = [record.get("GUEST_IP", ""), *record.get("GUEST_IP_ADDRESSES", "").split(",")]
    addresses = list(_keep_addresses([*remote.addresses, *guest]))
    if addresses:
        values["GUEST_IP"] = addresses[0]
        values["GUEST_IP_ADDRESSES"] = ",".join(addresses[:_MAX_ADDRESSES])
    values["REMOTE_VM_ID"] = str(remote.id)
    values["REMOTE_STATE"] = _clean_name(str(remote.state))
    if remote.host_name:
        values["REMOTE_HOST"] = _clean_name(remote.host_name)
    return values


def read_usage_age(shown: Template, now: float) -> int | None:
    """Return how many seconds before *now* what is *shown* was measured, None where nothing was."""
    try:
        measured = datetime.strptime(shown.text(USAGE_TIME), _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return max(0, int(now - measured.timestamp()))


def _remember(function: Callable[[str], str]) -> Callable[[str], str]:
    """Have *function* called once for a text: most are those of a minute ago, or of many VMs.

    Memory is bounded, because a remote may send other and longer texts each time.
    """
    remembered = lru_cache(_MOST_REMEMBERED)(function)
    return lambda text: (remembered if len(text) <= _LONGEST_REMEMBERED else function)(text)


@_remember
def _format_time(seconds: str) -> str:
    if not re.fullmatch(r"\d{1,10}", seconds, re.ASCII):
        return ""
    return datetime.fromtimestamp(int(seconds), UTC).strftime(_TIME)


def _parse_number(value: str) -> float | None:
    number = parse_number(value)
    return number if number is not None and 0 <= number < _LARGEST else None


def _format_count(value: str) -> str:
    """Return a whole number in its shortest form, empty for what is none."""
    if is_plain(value):
        return value.lstrip("0") or "0"
    number = _parse_number(value)
    return "" if number is None else str(int(number))


@_remember
def _clean_name(name: str) -> str:
    return _NOT_IN_A_NAME.sub("_", name)


def _keep_addresses(candidates: Iterable[str]) -> Iterable[str]:
    """Return what is an address of a machine, each once, in their order."""
    addresses = map(_read_address, filter(None, candidates))
    return dict.fromkeys(address for address in addresses if address)


@_remember
def _read_address(candidate: str) -> str:
    """Return the address of a machine in its shortest form, empty for anything else."""
    try:
        address = ip_address(candidate.partition("%")[0].strip())
    except ValueError:
        return ""
    is_special = address.is_loopback or address.is_link_local or address.is_unspecified
    return "" if is_special else address.compressed
