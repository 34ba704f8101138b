"""``one2one doctor``: runs every check; the exit status is the worst result."""

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
    mappings,
    owners,
    remote,
    templates,
    vms,
    zone,
)
from one2one.admin.doctor.facts import FrontEnd, HybridHost
from one2one.admin.doctor.finding import Finding, Severity, failure, skip
from one2one.admin.hosts import find_host
from one2one.admin.output import Printer, Style, output_options
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import NotFound, OneError
from one2one.opennebula.records import Host

Subject = TypeVar("Subject")
Checks = dict[str, Callable[[Subject], Finding]]

FRONT_END: Checks[FrontEnd] = {
    "local daemon": daemon.check_daemon,
    "local administrator": daemon.check_administrator,
    "leader": zone.check_leader,
    "front-end files": installation.check_front_end_files,
    "local release": daemon.check_release,
    "VMM driver entry": installation.check_vm_mad,
    "IM driver entry": installation.check_im_mad,
    "entries loaded": daemon.check_loaded,
    "deploy ids of users": daemon.check_restricted,
    "installed files": installation.check_files,
    "driver processes": installation.check_processes,
    "password encryption": installation.check_encryption,
    "encryption key": installation.check_key,
    "keys of the servers": zone.check_same_key,
    "probe periods": installation.check_probe_periods,
    "dummy transfer driver": installation.check_dummy_driver,
    "hybrid hosts": hosts.check_any_host,
    "readable VMs": daemon.check_readable_vms,
    "hybrid ids": hosts.check_hybrid_ids,
}
"""What is checked once."""

HOST: Checks[HybridHost] = {
    "settings": hosts.check_settings,
    "driver names": hosts.check_driver_names,
    "state": hosts.check_state,
    "last report": hosts.check_last_report,
    "capacity": hosts.check_capacity,
    "stored password": hosts.check_password,
    "mappings of users": mappings.check_mappings,
    "cluster": hosts.check_cluster,
    "endpoint": remote.check_endpoint,
    "servers": remote.check_servers,
    "remote release": remote.check_release,
    "clear text": remote.check_clear_text,
    "certificate": remote.check_certificate,
    "certificate expiry": remote.check_certificate_expiry,
    "clock": remote.check_clock,
    "connections": remote.check_connections,
    "account": account.check_account,
    "token age": account.check_token,
    "rights it lacks": account.check_lacking_rights,
    "rights too many": account.check_excessive_rights,
    "VMs of others": account.check_other_vms,
    "quotas": capacity.check_quotas,
    "quota counters": capacity.check_counters,
    "ONE_CAPACITY": capacity.check_limit,
    "shared account": capacity.check_sharing,
    "remote templates": templates.check_visible,
    "template mapping": templates.check_mapped,
    "template sizes": templates.check_sizes,
    "local sizes": templates.check_local_sizes,
    "template hours": templates.check_hours,
    "template parts": templates.check_parts,
    "template context": templates.check_context,
    "template requirements": templates.check_requirements,
    "readable remote VMs": vms.check_readable_vms,
    "deploy ids": vms.check_deploy_ids,
    "started VMs": vms.check_started,
    "owners": owners.check_owners,
    "shared deploy ids": vms.check_shared_deploy_ids,
    "doubles": vms.check_doubles,
    "lost VMs": vms.check_lost,
    "abandoned VMs": vms.check_abandoned,
    "VMs left behind": vms.check_left_behind,
    "lost marks": owners.check_lost_marks,
    "imported VMs": owners.check_imported,
    "imports": owners.check_imports,
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
class CheckRow:
    """A check and its answer."""

    subject: str
    """The host's name; ``front-end`` for a check that is done once."""
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
def doctor(host: str | None, output: Printer) -> None:
    """Check the front-end and each hybrid host, or HOST alone. Nothing is changed.

    The exit status tells the worst: 0 all is well, 1 a warning, 255 a failure.
    """
    rows: list[CheckRow] = []
    for row in examine(host):
        if output.style is Style.TABLE:
            if not rows or rows[-1].subject != row.subject:
                click.secho(clean_line(row.subject), bold=True)
            _print_row(row)
        rows.append(row)
    if output.style is Style.TABLE:
        counts = (f"{sum(r.severity == s.value for r in rows)} {s.value}" for s in Severity)
        click.echo(", ".join(counts))
    else:
        output.print(rows, _COLUMNS)
    worst = max((_STATUS.get(Severity(row.severity), 0) for row in rows), default=0)
    sys.exit(worst)


def examine(name: str | None) -> Iterator[CheckRow]:
    """Yield every check's answer; raises NotFound for an unknown host."""
    front_end = FrontEnd()
    chosen = _choose_hosts(front_end, name)
    yield from run_checks("front-end", FRONT_END, front_end)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for rows in pool.map(lambda host: _examine_host(front_end, host.id, host.name), chosen):
            yield from rows


def _choose_hosts(front_end: FrontEnd, name: str | None) -> list[Host]:
    """Return the hosts to check; none if they cannot be read: the first check reports why."""
    try:
        return front_end.hosts if name is None else [find_host(front_end.local, name)]
    except NotFound:
        raise
    except OneError:
        return []


def _examine_host(front_end: FrontEnd, host_id: int, name: str) -> list[CheckRow]:
    host = HybridHost(front_end, host_id)
    try:
        return [*run_checks(name, HOST, host)]
    finally:
        host.close()


def run_checks(name: str, checks: Checks[Subject], subject: Subject) -> Iterator[CheckRow]:
    """Yield the answer of each check of *subject*, which is called *name*."""
    for title, check in checks.items():
        try:
            finding = check(subject)
        except OneError as error:
            finding = skip(error.cause)
        except OSError as error:
            finding = failure(f"{error}", "Run this as oneadmin")
        yield CheckRow(name, title, finding.severity.value, finding.text, finding.remedy)


def _print_row(row: CheckRow) -> None:
    mark = _MARKS[Severity(row.severity)]
    padding = " " * (7 - len(click.unstyle(mark)))
    click.echo(f"  {mark}{padding}  {row.check:<{_WIDTH}}  {clean_line(row.text)}")
    if row.remedy:
        click.echo(f"  {'':7}  {'':{_WIDTH}}  → {clean_line(row.remedy)}")
