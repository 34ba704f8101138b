"""VM quotas, as ``one.user.info`` and ``one.group.info`` show them.

A limit of −1 means the default, −2 means no limit. A missing default means no limit too. CPU is in
cores, MEMORY and SYSTEM_DISK_SIZE in MB. From 7.0 there may be more ``VM`` elements, each for some
clusters. Instantiating checks only the element without CLUSTER_IDS; the others make the remote
scheduler wait. oned counts the usage up and down, and sometimes down too often: such a counter
stays below 0 until ``onedb fsck`` counts again. Source: ``src/um/Quota.cc``,
``QuotaVirtualMachine.cc`` and ``src/onedb/fsck/quotas.rb``.
"""

import math
from dataclasses import dataclass

from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.numbers import parse_number
from one2one.opennebula.xml import Element, read_number

_DEFAULT = -1
_UNLIMITED = -2
_ROUNDING = 0.005
"""oned writes sums of fractions with two decimals."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit and its usage."""

    limit: float | None
    """None means no limit."""
    used: float
    """Never negative; 0 for what is not a number, where there is no limit."""


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
    def read(cls, holder: Element) -> "VmQuotas":
        """Return the quotas in a ``<USER>`` or ``<GROUP>``.

        Raises ProtocolError, which names the quota, for a value that is not a quota.
        """
        quota = _find_global(holder, "VM_QUOTA/VM")
        default = _find_global(holder, f"DEFAULT_{holder.tag}_QUOTAS/VM_QUOTA/VM")

        def read(name: str) -> Quota:
            limit = _read_number(holder, quota, name, _DEFAULT)
            if limit == _DEFAULT:
                limit = _read_number(holder, default, name, _UNLIMITED)
            if limit not in (_DEFAULT, _UNLIMITED) and limit < 0:
                raise _quota_error(holder, name, f"{limit:g}")
            if limit < 0:
                return Quota(None, 0 if quota is None else read_number(quota, f"{name}_USED"))
            return Quota(limit, max(0.0, _read_number(holder, quota, f"{name}_USED", 0)))

        return cls(
            vms=read("VMS"),
            cpu=read("CPU"),
            memory=read("MEMORY"),
            system_disk_size=read("SYSTEM_DISK_SIZE"),
            running_vms=read("RUNNING_VMS"),
            running_cpu=read("RUNNING_CPU"),
            running_memory=read("RUNNING_MEMORY"),
        )


def list_negative_counters(holder: Element) -> list[str]:
    """Return the counters of a ``<USER>`` or ``<GROUP>`` that are below 0, with their values."""
    return [
        f"{counter.tag} = {counter.text}"
        for counter in holder.iterfind("VM_QUOTA/VM/*")
        if counter.tag.endswith("_USED") and _parse_float(counter.text) <= -_ROUNDING
    ]


def _find_global(holder: Element, path: str) -> Element | None:
    """Return the element at *path* that counts for all clusters."""
    return next((q for q in holder.iterfind(path) if not q.findtext("CLUSTER_IDS")), None)


def _read_number(holder: Element, quota: Element | None, name: str, default: int) -> float:
    value = quota.findtext(name) if quota is not None else None
    if not value:
        return default
    number = _parse_float(value)
    if not math.isfinite(number):
        raise _quota_error(holder, name, value)
    return number


def _parse_float(value: str | None) -> float:
    """Return the number in *value*, NaN if it is not a number."""
    number = parse_number(value)
    return math.nan if number is None else number


def _quota_error(holder: Element, name: str, value: object) -> ProtocolError:
    return ProtocolError(
        f"quota {name} of {holder.tag.lower()} {holder.findtext('NAME')} is {value!r}, "
        "not a number",
        remedy="Correct it in the remote cloud",
    )
