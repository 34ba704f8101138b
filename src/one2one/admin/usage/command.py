"""``one2one usage``."""

import sys
import time
from collections.abc import Mapping
from datetime import datetime

import click

from one2one.admin.hosts import find_host, list_hybrid_hosts
from one2one.admin.output import Printer, output_options, say
from one2one.admin.usage.comparison import RemoteUse, UsageRow, compare, read_local, read_remote
from one2one.driver.local import LocalCloud
from one2one.hybrid.hours import Span
from one2one.opennebula.errors import OneError
from one2one.opennebula.records import Host

_COLUMNS = {
    "HOST": "host",
    "USER": "user",
    "GROUP": "group",
    "VMS": "local_vms",
    "REMOTE": "remote_vms",
    "HOURS": "local_hours",
    "REMOTE_HOURS": "remote_hours",
    "DIFF": "hours_difference",
    "CPU_H": "local_cpu_hours",
    "REMOTE_CPU_H": "remote_cpu_hours",
    "DIFF_CPU_H": "cpu_hours_difference",
    "MEM_GBH": "local_memory_gb_hours",
    "REMOTE_MEM_GBH": "remote_memory_gb_hours",
    "DIFF_MEM_GBH": "memory_gb_hours_difference",
    "REMOTE_DISK_GBH": "remote_disk_gb_hours",
    "COST": "cost",
}
_WARNING = 1
_DAY_S = 86_400.0
_FIRST, _LAST = datetime(1970, 1, 2), datetime(2038, 1, 1)  # noqa: DTZ001 - local, as given
"""What XML-RPC can say of time: seconds since 1970, in 32 bits."""
_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")


@click.command()
@click.argument("hosts", nargs=-1)
@click.option("--since", type=click.DateTime(_FORMATS), help="Count from this date or time on.")
@click.option("--until", type=click.DateTime(_FORMATS), help="Count up to it. Now by default.")
@click.option(
    "--days", type=click.IntRange(1, 3660), help="Count so many days before the end. 30 by default."
)
@output_options
def usage(
    hosts: tuple[str, ...],
    output: Printer,
    *,
    since: datetime | None,
    until: datetime | None,
    days: int | None,
) -> None:
    """Tell what the VMs of each user used, by the accounting of both clouds.

    HOSTS are hybrid hosts, all by default. If a remote cloud cannot be read, its columns are empty,
    and the exit status is 1. So it is if a record cannot be read, which then does not count.
    """
    span = _read_span(since, until, days)
    local = LocalCloud()
    chosen = [find_host(local, name) for name in dict.fromkeys(hosts)] or [
        local.cloud.get_host(host.id) for host in list_hybrid_hosts(local)
    ]
    uses = read_local(local, span, chosen)
    rows: list[UsageRow] = []
    incomplete = _tell_unread("this cloud", local.cloud.unread)
    for host in chosen:
        remote = _try_remote(local, host, span)
        if remote is None or _tell_unread(f"host {host.name}", remote.unread):
            incomplete = True
        rows += compare(local, host, uses.get(host.id, {}), remote)
    output.print(rows, _COLUMNS)
    if incomplete:
        sys.exit(_WARNING)


def _try_remote(local: LocalCloud, host: Host, span: Span) -> RemoteUse | None:
    try:
        return read_remote(local, host, span)
    except OneError as error:
        say(f"host {host.name}: {error}", err=True)
        return None


def _tell_unread(where: str, unread: Mapping[str, str]) -> bool:
    """Tell which records could not be read, and whether there are any."""
    for name, why in unread.items():
        say(f"{where}: {name} cannot be read, and does not count: {why}", err=True)
    return bool(unread)


def _read_span(since: datetime | None, until: datetime | None, days: int | None) -> Span:
    """Return the time that is asked for; raises UsageError for none."""
    for moment in (since, until):
        if moment and not _FIRST <= moment <= _LAST:
            raise click.UsageError(f"{moment:%Y-%m-%d} is not between 1970 and 2038")
    if since and days:
        raise click.UsageError("--since and --days are two ways to say the same: leave one out")
    now = time.time()
    end = min(until.timestamp(), now) if until else now
    start = since.timestamp() if since else max(_DAY_S, end - (days or 30) * _DAY_S)
    if start >= end:
        raise click.UsageError("the time ends before it begins: --since is too late")
    return Span(float(int(start)), float(int(end)))
