"""VM quotas, as ``one.user.info`` and ``one.group.info`` show them.

A limit of −1 means the default, −2 none; a default that is missing means none either. CPU is in
cores, MEMORY and SYSTEM_DISK_SIZE in MB. From 7.0 there may be further ``VM`` elements, each for
some clusters: instantiating checks the one without CLUSTER_IDS alone, the others make the remote
scheduler wait. Source: ``src/um/Quota.cc`` and ``QuotaVirtualMachine.cc``.
"""

import math
from dataclasses import dataclass

from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.xml import Element

_DEFAULT = -1
_UNLIMITED = -2


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit and what is used of it."""

    limit: float | None
    """None without one."""
    used: float


@dataclass(frozen=True, slots=True)
class VmQuotas:
    """The quotas of a user or a group that a new VM must fit into."""

    vms: Quota
    cpu: Quota
    memory: Quota
    system_disk_size: Quota
    running_vms: Quota
    running_cpu: Quota
    running_memory: Quota

    @classmethod
    def read(cls, owner: Element) -> "VmQuotas":
        """Return the quotas in a ``<USER>`` or ``<GROUP>``.

        Raises ProtocolError, which names the quota, for a value that is not a quota.
        """
        quota = _global(owner, "VM_QUOTA/VM")
        default = _global(owner, f"DEFAULT_{owner.tag}_QUOTAS/VM_QUOTA/VM")

        def read(name: str) -> Quota:
            limit = _number(owner, quota, name, _DEFAULT)
            if limit == _DEFAULT:
                limit = _number(owner, default, name, _UNLIMITED)
            used = _number(owner, quota, f"{name}_USED", 0)
            if used < 0:
                raise _malformed(owner, f"{name}_USED", used)
            return Quota(None if limit < 0 else limit, used)

        return cls(
            vms=read("VMS"),
            cpu=read("CPU"),
            memory=read("MEMORY"),
            system_disk_size=read("SYSTEM_DISK_SIZE"),
            running_vms=read("RUNNING_VMS"),
            running_cpu=read("RUNNING_CPU"),
            running_memory=read("RUNNING_MEMORY"),
        )


def _global(owner: Element, path: str) -> Element | None:
    """Return the element at *path* that is not for certain clusters only."""
    return next((q for q in owner.iterfind(path) if not q.findtext("CLUSTER_IDS")), None)


def _number(owner: Element, quota: Element | None, name: str, default: int) -> float:
    value = quota.findtext(name) if quota is not None else None
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        raise _malformed(owner, name, value) from None
    if not math.isfinite(number) or (number < 0 and number not in (_DEFAULT, _UNLIMITED)):
        raise _malformed(owner, name, value)
    return number


def _malformed(owner: Element, name: str, value: object) -> ProtocolError:
    return ProtocolError(
        f"quota {name} of {owner.tag.lower()} {owner.findtext('NAME')} is {value!r}, not a number",
        remedy="Correct it in the remote cloud",
    )
