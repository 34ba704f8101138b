"""Calls by which a VM is started, ended or given to others: commands do them, drivers never.

All but ``rename_vm`` need an administrator. Source of order and meaning: ``src/rm/*.cc``. Every
function raises the errors of ``opennebula.errors``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from one2one.opennebula.cloud import Cloud
from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.ids import read_id
from one2one.opennebula.objects import call_for_id
from one2one.opennebula.xml import Element, read_integer, read_text


class Recovery(IntEnum):
    """What ``one.vm.recover`` does."""

    DELETE = 3
    RECREATE = 4
    DELETE_DB = 5
    """End the VM at once, in whatever state, without a word to a driver."""


@dataclass(frozen=True, slots=True)
class Party:
    """A user, or a group."""

    id: int
    name: str
    group_id: int = -1
    """A user's primary group."""


def create_vm(cloud: Cloud, template: str) -> int:
    """Create a VM on hold, with its NAME in *template*, and return its id.

    Each call makes another VM.
    """
    return call_for_id(cloud.client, "one.vm.allocate", template, True)


def deploy_vm(cloud: Cloud, vm_id: int, host_id: int) -> None:
    """Start a VM that waits, on a host with room for it or without."""
    cloud.client.call("one.vm.deploy", vm_id, host_id, False, -1)


def recover_vm(cloud: Cloud, vm_id: int, recovery: Recovery) -> None:
    """Do what *recovery* says."""
    cloud.client.call("one.vm.recover", vm_id, int(recovery))


def change_owner(cloud: Cloud, vm_id: int, user_id: int, group_id: int) -> None:
    """Give a VM to a user and a group, whose quotas must allow it; -1 leaves either as it is."""
    cloud.client.call("one.vm.chown", vm_id, user_id, group_id)


def rename_vm(cloud: Cloud, vm_id: int, name: str) -> None:
    """Give a VM another name; its owner may."""
    cloud.client.call("one.vm.rename", vm_id, name)


def list_users(cloud: Cloud) -> list[Party]:
    """Return all users."""
    return _list_parties(cloud, "one.userpool.info", "USER")


def list_groups(cloud: Cloud) -> list[Party]:
    """Return all groups."""
    return _list_parties(cloud, "one.grouppool.info", "GROUP")


def _list_parties(cloud: Cloud, method: str, tag: str) -> list[Party]:
    read: Callable[[Element], Party] = _read_party
    return cloud.pools.read(read, method, tag=tag)


def _read_party(element: Element) -> Party:
    number = read_id(read_text(element, "ID"))
    if number is None:
        raise ProtocolError(f"<{element.tag}> has no id", remedy="")
    return Party(number, read_text(element, "NAME"), read_integer(element, "GID", -1))
