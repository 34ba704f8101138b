"""Puts the accounting of both clouds side by side, and what the remote's showback says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from one2one.admin.hosts import connect
from one2one.admin.usage.accounting import read_uses
from one2one.driver.local import LocalCloud
from one2one.hybrid.hours import (
    ACCOUNT,
    Hours,
    Owner,
    Span,
    UseByVm,
    VmUse,
    find_owner,
    find_uses,
    sum_up,
)
from one2one.hybrid.naming import HYBRID_ID, Marks
from one2one.opennebula.accounting import Month
from one2one.opennebula.administration import list_costs
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.errors import NotFound
from one2one.opennebula.pools import OWN, VISIBLE
from one2one.opennebula.records import Host

_MOST_ASKED = 200
"""How many local VMs are read one by one to learn whose they are."""
_DAY_S = 86_400.0

Uses = dict[int, VmUse]
"""What VMs used, by their ids."""


@dataclass(frozen=True)
class UsageRow:
    """What the VMs of a user used on a host; the remote's numbers are None where it is silent."""

    host: str
    user: str
    group: str
    local_vms: int
    remote_vms: int | None
    local_hours: float
    remote_hours: float | None
    hours_difference: float | None
    """The remote's less the local ones, as in the other differences."""
    local_cpu_hours: float
    remote_cpu_hours: float | None
    cpu_hours_difference: float | None
    local_memory_gb_hours: float
    remote_memory_gb_hours: float | None
    memory_gb_hours_difference: float | None
    local_disk_gb_hours: float
    remote_disk_gb_hours: float | None
    cost: float | None
    """Of the whole months, by the remote's showback; None where it has no prices."""


@dataclass(frozen=True)
class RemoteUse:
    """What an account's VMs used, with the marks of one host, and what they cost."""

    uses: Uses
    costs: Mapping[int, float]
    unread: Mapping[str, str] = field(default_factory=dict)
    """The records that could not be read, and why."""


def read_local(local: LocalCloud, span: Span, hosts: list[Host]) -> dict[int, Uses]:
    """Return what the VMs used on each of the hosts, by the local cloud's accounting."""
    ids = {host.id for host in hosts}
    return read_uses(local.cloud, VISIBLE, span, span, lambda: UseByVm(ids)).hosts


def read_remote(local: LocalCloud, host: Host, span: Span) -> RemoteUse:
    """Return the same of the host's remote VMs, by the remote's accounting and showback.

    The records of all months that *span* touches are read, because costs are told by month.
    Raises the errors of a call, and ConfigurationError for the host's settings.
    """
    cloud = connect(local, host)
    first, last = _find_month(span.start), _find_month(span.end)
    asked = Span(_find_start(first) - _DAY_S, span.end + _DAY_S)
    uses = read_uses(cloud, OWN, asked, span, UseByVm).hosts.get(ACCOUNT, {})
    ours = find_uses(uses, host.template.text(HYBRID_ID))
    return RemoteUse(ours, _read_costs(cloud, first, last, ours), cloud.unread)


def compare(
    local: LocalCloud, host: Host, local_uses: Uses, remote: RemoteUse | None
) -> Iterator[UsageRow]:
    """Yield what each owner's VMs used on a host, by both clouds."""
    here = sum_up((use.owner, use.hours) for use in local_uses.values())
    far = remote or RemoteUse({}, {})
    owners = _find_owners(local, local_uses, far.uses)
    there = sum_up((owners[vm_id], use.hours) for vm_id, use in far.uses.items())
    costs = _sum_costs(owners, far.costs)
    for owner in sorted({*here, *there}, key=lambda owner: (owner.user, owner.group)):
        count, hours = here.get(owner, (0, Hours()))
        remote_count, remote_hours = there.get(owner, (0, Hours()))
        yield _make_row(
            host.name,
            owner,
            (count, hours),
            (remote_count, remote_hours) if remote else None,
            costs.get(owner),
        )


def _make_row(
    host_name: str,
    owner: Owner,
    here: tuple[int, Hours],
    there: tuple[int, Hours] | None,
    cost: float | None,
) -> UsageRow:
    count, hours = here
    remote_count, remote = there or (None, None)
    return UsageRow(
        host=host_name,
        user=owner.user,
        group=owner.group,
        local_vms=count,
        remote_vms=remote_count,
        local_hours=_round(hours.vm),
        remote_hours=_round(remote.vm) if remote else None,
        hours_difference=_round(remote.vm - hours.vm) if remote else None,
        local_cpu_hours=_round(hours.cpu),
        remote_cpu_hours=_round(remote.cpu) if remote else None,
        cpu_hours_difference=_round(remote.cpu - hours.cpu) if remote else None,
        local_memory_gb_hours=_round(hours.memory),
        remote_memory_gb_hours=_round(remote.memory) if remote else None,
        memory_gb_hours_difference=_round(remote.memory - hours.memory) if remote else None,
        local_disk_gb_hours=_round(hours.disk),
        remote_disk_gb_hours=_round(remote.disk) if remote else None,
        cost=None if cost is None else _round(cost),
    )


def _find_owners(local: LocalCloud, local_uses: Uses, remote_uses: Uses) -> dict[int, Owner]:
    """Return whose each remote VM is; where no record here tells it, its local VM is read."""
    owners, asked = {}, 0
    for remote_id, use in remote_uses.items():
        owner = find_owner(use.marks, local_uses) if use.marks else None
        if owner is None and use.marks and asked < _MOST_ASKED:
            asked += 1
            owner = _ask_owner(local.cloud, use.marks)
        owners[remote_id] = owner or Owner()
    return owners


def _ask_owner(cloud: Cloud, marks: Marks) -> Owner | None:
    try:
        vm = cloud.get_vm(marks.vm_id)
    except NotFound:
        return None
    return Owner(vm.owner, vm.group) if vm.stime == marks.stime else None


def _read_costs(cloud: Cloud, first: Month, last: Month, uses: Uses) -> dict[int, float]:
    """Return what each VM cost; nothing where the remote has no prices."""
    costs = dict.fromkeys(uses, 0.0)
    for record in list_costs(cloud, first, last):
        if record.vm_id in costs:
            costs[record.vm_id] += record.cost
    return costs if any(costs.values()) else {}


def _sum_costs(owners: Mapping[int, Owner], costs: Mapping[int, float]) -> dict[Owner, float]:
    sums: dict[Owner, float] = {}
    for remote_id, cost in costs.items():
        sums[owners[remote_id]] = sums.get(owners[remote_id], 0.0) + cost
    return sums


def _find_month(moment: float) -> Month:
    day = datetime.fromtimestamp(moment, UTC)
    return Month(day.year, day.month)


def _find_start(month: Month) -> float:
    return datetime(month.year, month.month, 1, tzinfo=UTC).timestamp()


def _round(number: float) -> float:
    return round(number, 3) + 0.0
