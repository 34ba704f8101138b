"""``one2one doctor``: every check, and its worst answer as the exit status."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import click

from one2one.admin.doctor import (
    account,
    capacity,
    daemon,
    hosts,
    installation,
    remote,
    templates,
    vms,
)
from one2one.admin.doctor.facts import FrontEnd, HybridHost
from one2one.admin.doctor.finding import Finding, Severity, failure, skipped
from one2one.admin.hosts import find_host
from one2one.admin.output import Output, Style, output_options
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import NotFound, OneError
from one2one.opennebula.records import Host

Subject = TypeVar("Subject")
Checks = dict[str, Callable[[Subject], Finding]]

FRONT_END: Checks[FrontEnd] = {
    "local daemon": daemon.daemon,
    "local administrator": daemon.administrator,
    "front-end files": installation.front_end_files,
    "local release": daemon.release,
    "VMM driver entry": installation.vm_mad,
    "IM driver entry": installation.im_mad,
    "entries loaded": daemon.loaded,
    "installed files": installation.files,
    "driver processes": installation.processes,
    "password encryption": installation.encryption,
    "encryption key": installation.key,
    "probe periods": installation.probe_periods,
    "dummy transfer driver": installation.dummy_driver,
    "hybrid hosts": hosts.any_host,
    "readable VMs": daemon.readable,
    "hybrid ids": hosts.hybrid_ids,
}
"""What is checked once."""

HOST: Checks[HybridHost] = {
    "settings": hosts.settings,
    "driver names": hosts.driver_names,
    "state": hosts.state,
    "last report": hosts.last_report,
    "offer": hosts.offer,
    "stored password": hosts.password,
    "cluster": hosts.cluster,
    "endpoint": remote.endpoint,
    "remote release": remote.release,
    "clear text": remote.clear_text,
    "certificate": remote.certificate,
    "certificate expiry": remote.certificate_expiry,
    "clock": remote.clock,
    "connections": remote.connections,
    "account": account.accepted,
    "token age": account.token,
    "rights it lacks": account.lacking_rights,
    "rights too many": account.excessive_rights,
    "VMs of others": account.foreign_vms,
    "quotas": capacity.quotas,
    "quota counters": capacity.counters,
    "ONE_CAPACITY": capacity.limit,
    "shared account": capacity.sharing,
    "remote templates": templates.visible,
    "template mapping": templates.mapped,
    "template sizes": templates.sizes,
    "template parts": templates.unusable_parts,
    "template requirements": templates.requirements,
    "readable remote VMs": vms.readable,
    "deploy ids": vms.deploy_ids,
    "started VMs": vms.started,
    "shared deploy ids": vms.shared_deploy_ids,
    "doubles": vms.doubles,
    "lost VMs": vms.lost,
    "abandoned VMs": vms.abandoned,
    "VMs left behind": vms.left_behind,
}
"""What is checked for each host."""

_AT_ONCE = 8
_WIDTH = max(map(len, [*FRONT_END, *HOST]))
_STATUS = {Severity.WARNING: 1, Severity.FAILURE: 255}
_MARKS = {
    Severity.OK: click.style("ok", fg="green"),
    Severity.SKIPPED: click.style("skipped", dim=True),
    Severity.WARNING: click.style("warning", fg="yellow"),
    Severity.FAILURE: click.style("failure", fg="red", bold=True),
}


@dataclass(frozen=True)
class Row:
    """A check and its answer."""

    subject: str
    """The host's name; ``front-end`` for what is checked once."""
    check: str
    severity: str
    text: str
    remedy: str


_COLUMNS = {
    "SUBJECT": "subject",
    "CHECK": "check",
    "RESULT": "severity",
    "FINDING": "text",
    "REMEDY": "remedy",
}


@click.command()
@click.argument("host", required=False)
@output_options
def doctor(host: str | None, output: Output) -> None:
    """Check the front-end and each hybrid host, or HOST alone. Nothing is changed.

    The exit status tells the worst: 0 all is well, 1 a warning, 255 a failure.
    """
    rows: list[Row] = []
    for row in examine(host):
        if output.style is Style.TABLE:
            if not rows or rows[-1].subject != row.subject:
                click.secho(clean_line(row.subject), bold=True)
            _tell(row)
        rows.append(row)
    if output.style is Style.TABLE:
        counts = (f"{sum(r.severity == s.value for r in rows)} {s.value}" for s in Severity)
        click.echo(", ".join(counts))
    else:
        output.print(rows, _COLUMNS)
    worst = max((_STATUS.get(Severity(row.severity), 0) for row in rows), default=0)
    sys.exit(worst)


def examine(name: str | None) -> Iterator[Row]:
    """Yield every check's answer; raises NotFound for an unknown host."""
    front_end = FrontEnd()
    chosen = _chosen(front_end, name)
    yield from run("front-end", FRONT_END, front_end)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for rows in pool.map(lambda found: _examine_host(front_end, found.id, found.name), chosen):
            yield from rows


def _chosen(front_end: FrontEnd, name: str | None) -> list[Host]:
    """Return the hosts to check, none where the first check tells why they cannot be read."""
    try:
        return front_end.hosts if name is None else [find_host(front_end.local, name)]
    except NotFound:
        raise
    except OneError:
        return []


def _examine_host(front_end: FrontEnd, host_id: int, name: str) -> list[Row]:
    host = HybridHost(front_end, host_id)
    try:
        return [*run(name, HOST, host)]
    finally:
        host.close()


def run(name: str, checks: Checks[Subject], subject: Subject) -> Iterator[Row]:
    """Yield the answer of each check of *subject*, which is called *name*."""
    for title, check in checks.items():
        try:
            found = check(subject)
        except OneError as error:
            found = skipped(error.cause)
        except OSError as error:
            found = failure(f"{error}", "Run this as oneadmin")
        yield Row(name, title, found.severity.value, found.text, found.remedy)


def _tell(row: Row) -> None:
    mark = _MARKS[Severity(row.severity)]
    padding = " " * (7 - len(click.unstyle(mark)))
    click.echo(f"  {mark}{padding}  {row.check:<{_WIDTH}}  {clean_line(row.text)}")
    if row.remedy:
        click.echo(f"  {'':7}  {'':{_WIDTH}}  → {clean_line(row.remedy)}")
