"""``one2one adopt``."""

import sys
from contextlib import closing

import click

from one2one.admin.adopt.adoption import Adoption
from one2one.admin.adopt.candidates import Candidates
from one2one.admin.adopt.request import Wishes, find_terms
from one2one.admin.cli import FAILED
from one2one.admin.hosts import find_host, format_state
from one2one.admin.options import object_id, refuse_repeated
from one2one.admin.output import Printer, output_options
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remotes
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import Host

_COLUMNS = {
    "REMOTE": "remote_id",
    "REMOTE_STATE": "remote_state",
    "LOCAL": "vm_id",
    "NAME": "name",
    "OWNER": "owner",
    "OUTCOME": "outcome",
}
_ON = ("on", "init")


@click.command()
@click.argument("host")
@click.argument("remote_ids", type=object_id, nargs=-1, required=True, metavar="REMOTE_ID...")
@click.option("--user", default="", help="Who gets the VMs: a user's name or id.")
@click.option("--group", default="", help="The group; the user's primary one by default.")
@click.option("--name", default="", help="The local VM's name; the remote VM's by default.")
@click.option(
    "--template",
    default="",
    help="A local VM template: the VM gets its attributes, but for size, disks, networks, CONTEXT.",
)
@click.option(
    "--timeout",
    type=click.IntRange(1, 86_400),
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="How long the start of one may take.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@output_options
def adopt(
    output: Printer,
    *,
    host: str,
    remote_ids: tuple[int, ...],
    timeout: int,
    dry_run: bool,
    **options: str,
) -> None:
    """Make local VMs of VMs with an id REMOTE_ID, which the remote cloud of HOST has already.

    The account of the host must own them. Nothing is done to their guests: they go on as they
    are, and keep their names. From then on they are operated and monitored like all hybrid VMs.

    After an interruption repeat the command: it goes on where it stopped.
    """
    refuse_repeated(remote_ids)
    wishes = Wishes(**options)
    if wishes.name and len(remote_ids) > 1:
        raise click.UsageError("--name is for one remote VM")
    local = LocalCloud()
    chosen = find_host(local, host)
    _check_host(chosen)
    terms = find_terms(local.cloud, wishes)
    with closing(Remotes(local)) as remotes:
        remote = remotes.open_for_host(chosen.id, chosen.name)
        candidates = Candidates(local, remote, chosen, remote_ids)
        adoption = Adoption(local, remote, chosen, terms, timeout)
        do = adoption.foresee if dry_run else adoption.adopt
        all_done = output.print_each(remote_ids, lambda n: do(candidates.read(n)), _COLUMNS)
    if not all_done:
        sys.exit(FAILED)


def _check_host(host: Host) -> None:
    if format_state(host) not in _ON:
        raise Refused(
            f"host {host.name} is not on: it is {format_state(host)}",
            remedy=f"Enable it with: onehost enable {host.name}, or see one2one doctor {host.name}",
        )
