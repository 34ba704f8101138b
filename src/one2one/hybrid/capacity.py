"""A host's capacity: what the remote account may still use, as oned counts it.

oned subtracts the host's VMs from its total, and places new VMs in the rest. The rest must be what
the account's quotas still allow. So the total is what each quota leaves, plus the local sizes of
those VMs of this host that the quota counts already. Other VMs of the account, of other hosts,
front-ends or people, make the total smaller.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from one2one.hybrid.settings import CapacityLimit
from one2one.opennebula.quotas import Quota, VmQuotas
from one2one.opennebula.states import LcmState, State, VmState

UNLIMITED_CPU = 100_000 * 100
"""Percent. What the Ruby driver reported of an account without quotas."""
UNLIMITED_MEMORY = 1_073_741_824
"""MB. Likewise."""

_RUNNING_STATES = (VmState.PENDING, VmState.HOLD, VmState.CLONING, VmState.CLONING_FAILURE)
_NOT_RUNNING = frozenset(
    {
        LcmState.HOTPLUG_SAVEAS_POWEROFF,
        LcmState.HOTPLUG_SAVEAS_SUSPENDED,
        LcmState.HOTPLUG_SAVEAS_UNDEPLOYED,
        LcmState.HOTPLUG_SAVEAS_STOPPED,
        LcmState.HOTPLUG_PROLOG_POWEROFF,
        LcmState.HOTPLUG_EPILOG_POWEROFF,
        LcmState.HOTPLUG_NIC_POWEROFF,
        LcmState.DISK_SNAPSHOT_POWEROFF,
        LcmState.DISK_SNAPSHOT_REVERT_POWEROFF,
        LcmState.DISK_SNAPSHOT_DELETE_POWEROFF,
        LcmState.DISK_SNAPSHOT_SUSPENDED,
        LcmState.DISK_SNAPSHOT_DELETE_SUSPENDED,
        LcmState.DISK_RESIZE_POWEROFF,
        LcmState.DISK_RESIZE_UNDEPLOYED,
    }
)


@dataclass(frozen=True, slots=True)
class HostVm:
    """A VM of this host: its size in the local cloud, its state in the remote one."""

    cpu: float
    """Cores."""
    memory: int
    """MB."""
    remote: State


@dataclass(frozen=True, slots=True)
class HostCapacity:
    """A host's capacity in oned's units, percent of a core and KB. No value is negative."""

    total_cpu: int
    total_memory: int
    used_cpu: int
    used_memory: int

    @property
    def total(self) -> tuple[int, int]:
        """Both totals."""
        return self.total_cpu, self.total_memory

    @property
    def free_cpu(self) -> int:
        """What is left of the total CPU."""
        return max(0, self.total_cpu - self.used_cpu)

    @property
    def free_memory(self) -> int:
        """What is left of the total memory."""
        return max(0, self.total_memory - self.used_memory)


def compute_capacity(
    limit: CapacityLimit, user: VmQuotas, group: VmQuotas, vms: Iterable[HostVm]
) -> HostCapacity:
    """Return the host's capacity, by ONE_CAPACITY and the account's and its group's quotas.

    A quota on something else than CPU and memory leaves nothing once it is used up.
    *members* must have been read before the quotas: a VM made in between
    then lowers the capacity, and never raises it.
    """
    all_members = [m for m in vms if m.remote.state != VmState.DONE]
    running = [m for m in all_members if counts_as_running(m.remote)]
    cpu, running_cpu = (sum(m.cpu for m in ms) for ms in (all_members, running))
    memory, running_memory = (sum(m.memory for m in ms) for ms in (all_members, running))
    cpu_totals, memory_totals = [float(UNLIMITED_CPU)], [float(UNLIMITED_MEMORY)]
    for quotas in (user, group):
        cpu_totals += (100 * total for total in _compute_totals(quotas.cpu, cpu))
        cpu_totals += (100 * total for total in _compute_totals(quotas.running_cpu, running_cpu))
        memory_totals += _compute_totals(quotas.memory, memory)
        memory_totals += _compute_totals(quotas.running_memory, running_memory)
        if any(map(_is_used_up, (quotas.vms, quotas.running_vms, quotas.system_disk_size))):
            cpu_totals.append(100 * cpu)
            memory_totals.append(memory)
    if limit.cpu:
        cpu_totals.append(limit.cpu)
    if limit.memory:
        memory_totals.append(limit.memory)
    return HostCapacity(
        total_cpu=math.floor(round(min(cpu_totals), 3)),
        total_memory=1024 * math.floor(min(memory_totals)),
        used_cpu=math.ceil(round(100 * running_cpu, 3)),
        used_memory=1024 * running_memory,
    )


def counts_as_running(remote: State) -> bool:
    """Tell whether a VM counts in the quotas on running VMs (``is_running_quota``)."""
    if remote.state == VmState.ACTIVE:
        return remote.lcm_state not in _NOT_RUNNING
    return remote.state in _RUNNING_STATES


def _compute_totals(quota: Quota, members: float) -> list[float]:
    """Return the total that *quota* allows, when it is a limit at all."""
    if quota.limit is None:
        return []
    return [min(quota.limit, max(0.0, quota.limit - quota.used) + members)]


def _is_used_up(quota: Quota) -> bool:
    return quota.limit is not None and quota.used >= quota.limit
