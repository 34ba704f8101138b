"""The way into a guest: its address, the machine on the way, and ssh's arguments.

Addresses come from the remote cloud, the jump host from an attribute of the host. ssh would take
``-oProxyCommand=…`` in the place of either for an option, and run it. So only what is an
address, a user or a jump host gets there, and after ``--`` nothing is an option.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

from one2one.opennebula.records import Vm
from one2one.opennebula.states import FAILURES, LcmState, VmState

JUMP_FORM = "[user@]host[:port]"

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_USER = re.compile(_NAME)
_JUMP = re.compile(
    rf"(?:{_NAME}@)?(?:(?P<host>{_LABEL}(?:\.{_LABEL})*)|\[(?P<ip6>[0-9A-Fa-f:.]+)\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_LONGEST_HOST = 253
_LARGEST_PORT = 65535
_NICS = ("NIC", "NIC_ALIAS")
_ADDRESSES = ("IP", "IP6", "IP6_GLOBAL", "IP6_ULA")
_NOT_BOOTED = frozenset(
    lcm for lcm in LcmState if lcm.name.startswith(("LCM_INIT", "PROLOG", "EPILOG", "CLEANUP"))
)


def is_user(text: str) -> bool:
    """Tell whether *text* can be the name of a guest's user."""
    return _USER.fullmatch(text) is not None


def check_jump(text: str) -> None:
    """Raise ValueError unless *text* is one machine, of the form JUMP_FORM."""
    parts = _JUMP.fullmatch(text)
    if parts is None or int(parts["port"] or 1) > _LARGEST_PORT:
        raise ValueError("not a jump host")
    if parts["ip6"]:
        IPv6Address(parts["ip6"])
    elif len(parts["host"]) > _LONGEST_HOST:
        raise ValueError("too long a host name")


def may_have_guest(vm: Vm) -> bool:
    """Tell whether a guest may run in the VM. One that is UNKNOWN here may run there."""
    if vm.state.state != VmState.ACTIVE:
        return False
    return vm.state.lcm_state not in _NOT_BOOTED | FAILURES


def list_mirrored_addresses(local: Vm) -> list[str]:
    """Return the addresses that monitoring has written into the local VM."""
    record = local.monitoring
    return [record.text("GUEST_IP"), *record.text("GUEST_IP_ADDRESSES").split(",")]


def list_nic_addresses(remote: Vm) -> list[str]:
    """Return the addresses of the remote VM's NICs, in their order."""
    nics = (nic for kind in _NICS for nic in remote.template.vectors(kind))
    return [nic.get(name, "") for nic in nics for name in _ADDRESSES]


def find_address(candidates: Iterable[str]) -> str | None:
    """Return the first address that another machine may have, None where there is none.

    One of this machine itself is left out: a remote must not lead its users to the front-end.
    """
    for candidate in candidates:
        try:
            address = ip_address(candidate.strip())
        except ValueError:
            continue
        if isinstance(address, IPv6Address):
            if address.scope_id is not None:
                continue
            address = address.ipv4_mapped or address
        here = address.is_loopback or address.is_unspecified or address.is_link_local
        if not (here or address.is_multicast):
            return address.compressed
    return None


def build_ssh(address: str, user: str, jump: str, command: Iterable[str]) -> list[str]:
    """Return ssh's arguments; *jump* is empty where nothing is on the way."""
    way = ["-J", jump] if jump else []
    return ["ssh", *way, "-l", user, "--", address, *command]
