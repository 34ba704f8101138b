"""The calls one.vmpool.accounting, one.vmpool.showback and one.vmpool.calculateshowback.

Nothing is in the showback before it was calculated, as with a real oned. Source:
``VirtualMachinePool::calculate_showback``, with its default of counting the hours on a host.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.accounts import User
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.refusal import not_authorized_error
from opennebula_sandbox.cloud.wire.render import render_attribute
from opennebula_sandbox.cloud.wire.render_accounting import ANY_TIME, render_accounting

_ANY_STATE = -2
_HOUR_S = 3600.0
Month = tuple[int, int]
"""A year and a month."""


def accounting(oned: RemoteOned, user: User, whose: int, start: int, end: int) -> str:
    """Answer one.vmpool.accounting."""
    return render_accounting(_select(oned, user, whose), oned.profile, start, end)


def calculate_showback(oned: RemoteOned, user: User, *_months: int) -> str:
    """Answer one.vmpool.calculateshowback: up to now, for all months."""
    if not user.is_admin:
        raise not_authorized_error(user.id, "Not authorized to perform MANAGE VM")
    oned.showback_until = int(oned.clock.now())
    return ""


def showback(
    oned: RemoteOned, user: User, whose: int, month: int, year: int, last_month: int, last_year: int
) -> str:
    """Answer one.vmpool.showback."""
    first = (year, month) if ANY_TIME not in (year, month) else (0, 0)
    last = (last_year, last_month) if ANY_TIME not in (last_year, last_month) else (9999, 12)
    records = (
        _render_record(vm, at, hours)
        for vm in _select(oned, user, whose)
        for at, hours in _count_hours(vm, oned.showback_until).items()
        if first <= at <= last
    )
    return f"<SHOWBACK_RECORDS>{''.join(records)}</SHOWBACK_RECORDS>"


def _select(oned: RemoteOned, user: User, whose: int) -> list[Vm]:
    return oned.vms.select(user, whose, -1, -1, _ANY_STATE)


def _count_hours(vm: Vm, until: int) -> dict[Month, float]:
    """Return for how many hours a VM was on a host, month by month, in UTC."""
    hours: dict[Month, float] = {}
    for record in vm.history:
        for month, seconds in _split(record.stime, min(record.etime or until, until)):
            hours[month] = hours.get(month, 0.0) + seconds / _HOUR_S
    return hours


def _split(start: int, end: int) -> Iterator[tuple[Month, float]]:
    while start < end:
        day = datetime.fromtimestamp(start, UTC)
        year, month = day.year + day.month // 12, day.month % 12 + 1
        stop = min(end, int(datetime(year, month, 1, tzinfo=UTC).timestamp()))
        yield (day.year, day.month), stop - start
        start = stop


def _render_record(vm: Vm, at: Month, hours: float) -> str:
    size = sum(_read_number(Template(disk.items()), "SIZE") for disk in vm.template.vectors("DISK"))
    costs = {
        "CPU_COST": _read_number(vm.template, "CPU") * _read_number(vm.template, "CPU_COST"),
        "MEMORY_COST": _read_number(vm.template, "MEMORY")
        * _read_number(vm.template, "MEMORY_COST"),
        "DISK_COST": size * _read_number(vm.template, "DISK_COST"),
    }
    costs["TOTAL_COST"] = sum(costs.values())
    numbers = {name: f"{cost * hours:.6g}" for name, cost in costs.items()}
    parts = {
        "VMID": str(vm.id),
        "VMNAME": vm.name,
        "UID": str(vm.uid),
        "GID": str(vm.gid),
        "YEAR": str(at[0]),
        "MONTH": str(at[1]),
        **numbers,
        "HOURS": f"{hours:.6g}",
        "RHOURS": f"{hours:.6g}",
    }
    return f"<SHOWBACK>{''.join(render_attribute(*part) for part in parts.items())}</SHOWBACK>"


def _read_number(template: Template, name: str) -> float:
    return float(template.text(name) or 0)


METHODS = {
    "one.vmpool.accounting": Method(accounting, (int, int, int)),
    "one.vmpool.calculateshowback": Method(calculate_showback, (int, int, int, int)),
    "one.vmpool.showback": Method(showback, (int, int, int, int, int)),
}
