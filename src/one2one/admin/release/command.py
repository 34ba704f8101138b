"""``one2one release``."""

import sys
from contextlib import closing

import click

from one2one.admin.cli import FAILED
from one2one.admin.options import object_id, refuse_repeated
from one2one.admin.output import Printer, output_options, say
from one2one.admin.release.release import Release
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remotes
from one2one.opennebula.errors import OneError

_COLUMNS = {
    "LOCAL": "vm_id",
    "NAME": "name",
    "HOST": "host",
    "REMOTE": "remote_id",
    "REMOTE_NAME": "remote_name",
    "OUTCOME": "outcome",
}


@click.command()
@click.argument("vm_ids", type=object_id, nargs=-1, required=True, metavar="VM_ID...")
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@output_options
def release(output: Printer, *, vm_ids: tuple[int, ...], dry_run: bool) -> None:
    """Give the remote VM of each local VM with an id VM_ID back to its cloud.

    The remote VM goes on as it is, without marks, and no driver touches it any more. One that a
    driver has named gets the local VM's name. The local VM ends: it is DONE.

    After an interruption repeat the command: it goes on where it stopped.
    """
    refuse_repeated(vm_ids)
    local = LocalCloud()
    rows, problems = [], []
    with closing(Remotes(local)) as remotes:
        releases = Release(local, remotes)
        try:
            for vm_id in vm_ids:
                try:
                    rows.append(releases.check(vm_id) if dry_run else releases.release(vm_id))
                except OneError as error:
                    problems.append(f"one2one: {vm_id}: {error}")
        finally:
            if rows:
                output.print(rows, _COLUMNS)
            for problem in problems:
                say(problem, err=True)
    if problems:
        sys.exit(FAILED)
