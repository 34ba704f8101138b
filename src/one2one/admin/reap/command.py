"""``one2one reap``."""

import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

import click

from one2one.admin.cli import FAILED
from one2one.admin.hosts import find_host, list_hybrid_hosts
from one2one.admin.output import Printer, build_table, output_options, render, say
from one2one.admin.reap.search import OrphanRow, OrphanSearch
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remotes
from one2one.hybrid.naming import HYBRID_ID
from one2one.opennebula.errors import ConfigurationError, OneError
from one2one.opennebula.records import Host

Thing = TypeVar("Thing")
Result = TypeVar("Result")

_COLUMNS = {
    "HOST": "host",
    "REMOTE": "remote_id",
    "LOCAL": "vm_id",
    "KIND": "kind",
    "REASON": "reason",
    "OUTCOME": "outcome",
}


@click.command()
@click.option("--host", help="The name or id of one hybrid host; without it, all of them.")
@click.option("--dry-run", is_flag=True, help="Only list them.")
@click.option(
    "--allow-many", is_flag=True, help="Many that lost their local VM at once too: see below."
)
@click.option(
    "--hybrid-id",
    default="",
    metavar="ID",
    help="VMs with this ONE_HYBRID_ID: that of a host which was deleted. Needs --host.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@output_options
def reap(
    output: Printer, *, host: str | None, dry_run: bool, allow_many: bool, hybrid_id: str, yes: bool
) -> None:
    """Destroy remote VMs that no local VM owns any more.

    The IM driver does this after a while. This command lists them, asks, and destroys them at
    once. It never destroys VMs of other hosts, front-ends and drivers in the same account.

    When more than three, and more than 30 % of a host's remote VMs, seem to have lost their
    local VM, the local database may have been restored from a backup. The command destroys
    them only with --allow-many.
    """
    if hybrid_id and host is None:
        raise click.UsageError("--hybrid-id needs --host")
    local = LocalCloud()
    hosts = list_hybrid_hosts(local)
    known = {one.template.text(HYBRID_ID) for one in hosts}
    if hybrid_id in known - {""}:
        raise click.UsageError(f"{HYBRID_ID} {hybrid_id} is that of a host which is there")
    chosen = [find_host(local, host)] if host is not None else hosts
    remotes = Remotes(local)
    problems: list[str] = []

    def begin(of: Host) -> OrphanSearch:
        return OrphanSearch(local, remotes, of, hybrid_id, allow_many=allow_many)

    try:
        searches = [search for of in chosen for search in _try_each(of.name, begin, of, problems)]
        rows = [row for search in searches for row in search.list_rows()]
        if not dry_run and any(search.to_destroy for search in searches):
            _ask(rows, sum(search.to_destroy for search in searches), yes=yes)
            rows = [
                row
                for search in searches
                for done in _try_each(search.name, OrphanSearch.destroy, search, problems)
                for row in done
            ]
    finally:
        remotes.close()
        local.cloud.close()
    output.print(rows, _COLUMNS)
    for search in searches:
        _mention(search, known)
    for problem in problems:
        say(problem, err=True)
    if problems or any(row.failed for row in rows):
        sys.exit(FAILED)


def _try_each(
    name: str, do: Callable[[Thing], Result], thing: Thing, problems: list[str]
) -> Iterator[Result]:
    """Yield the result of *do* for a host's *thing*; note an error, so that others continue."""
    try:
        yield do(thing)
    except OneError as error:
        problems.append(f"{name}: {error}")


def _ask(rows: list[OrphanRow], number: int, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError(
            f"{number} remote VMs would be destroyed, but stdin is not a terminal to ask at",
            remedy="See them with --dry-run, then use --yes",
        )
    click.echo(render(build_table(rows, _COLUMNS)), nl=False, err=True)
    click.confirm(f"Destroy {number} remote VMs?", abort=True, err=True)


def _mention(search: OrphanSearch, known: set[str]) -> None:
    for hybrid_id, vms in search.count_unknown(known):
        say(
            f"{search.name}: {vms} VMs in its account carry {HYBRID_ID} {hybrid_id}, of no host "
            "here. They are another front-end's, or of a host that was deleted: --hybrid-id",
            err=True,
        )
