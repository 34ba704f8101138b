"""Checks of the quotas of the remote account, and of ONE_CAPACITY."""

from one2one.admin.doctor.facts import HybridHost
from one2one.admin.doctor.finding import Finding, join_some, ok, warning
from one2one.opennebula.quotas import Quota, list_negative_counters

_NEARLY = 0.9


def check_quotas(host: HybridHost) -> Finding:
    """Check that the account has limits, and room below them."""
    limited, full, nearly = [], [], []
    for holder, quotas in zip(("account", "group"), host.quotas, strict=True):
        named = {
            "VMs": quotas.vms,
            "running VMs": quotas.running_vms,
            "CPU": quotas.cpu,
            "running CPU": quotas.running_cpu,
            "MB of memory": quotas.memory,
            "MB of running memory": quotas.running_memory,
            "MB of system disk": quotas.system_disk_size,
        }
        for name, quota in named.items():
            if quota.limit is None:
                continue
            shown = f"{quota.used:g}/{quota.limit:g} {name} ({holder})"
            limited.append(shown)
            if quota.used >= quota.limit:
                full.append(shown)
            elif quota.used >= _NEARLY * quota.limit:
                nearly.append(shown)
    if full:
        return warning(f"used up: {join_some(full)}", "Raise the quota, or end VMs")
    if nearly:
        return warning(f"nearly used up: {join_some(nearly)}", "Raise the quota, or end VMs")
    if not limited and not host.settings.capacity.cpu:
        return warning(
            "no quota and no ONE_CAPACITY: the host offers 100,000 cores",
            "Set a quota at the remote, or ONE_CAPACITY with: onehost update",
        )
    return ok(join_some(limited) or "ONE_CAPACITY alone")


def check_counters(host: HybridHost) -> Finding:
    """Check that no counter of the remote is below 0: its oned may count down too often."""
    below = [
        f"{counter} ({holder})"
        for holder, element in (("account", host.user), ("group", host.group))
        for counter in list_negative_counters(element)
    ]
    if below:
        return warning(
            f"below 0, and taken for 0 here: {join_some(below)}",
            "Have the remote's administrator stop its oned and run: onedb fsck",
        )
    return ok("none is below 0")


def check_limit(host: HybridHost) -> Finding:
    """Check that ONE_CAPACITY promises nothing that a quota forbids."""
    capacity = host.settings.capacity
    beyond = []
    for quotas in host.quotas:
        beyond += _beyond("CPU", capacity.cpu / 100, quotas.cpu)
        beyond += _beyond("MEMORY", capacity.memory, quotas.memory)
    if beyond:
        return warning(
            f"ONE_CAPACITY is more than a quota: {join_some(beyond)}; the quota counts",
            "Lower it, or raise the quota",
        )
    return ok(f"CPU {capacity.cpu:g}, MEMORY {capacity.memory} (0 leaves it to the quotas)")


def check_sharing(host: HybridHost) -> Finding:
    """Check whether several hosts use the same account."""
    same = [
        known.name
        for known in host.neighbours
        if known.id != host.host.id
        and known.template.text("ONE_USER").strip() == host.settings.user
    ]
    if same:
        return warning(
            f"{join_some(same)} uses the same account, and each offers all that is left of it",
            "Give each host an account, or a part with ONE_CAPACITY",
        )
    return ok("an account of its own")


def _beyond(name: str, value: float, quota: Quota) -> list[str]:
    if quota.limit is not None and value > quota.limit:
        return [f"{name} {value:g} > {quota.limit:g}"]
    return []
