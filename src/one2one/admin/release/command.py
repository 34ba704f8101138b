"""``one2one release``."""

import sys
from contextlib import closing

import click

from one2one.admin.cli import FAILED
from one2one.admin.options import object_id, refuse_repeated
from one2one.admin.output import Printer, output_options
from one2one.admin.release.release import Release
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remotes

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
    with closing(Remotes(local)) as remotes:
        releases = Release(local, remotes)
        do = releases.check if dry_run else releases.release
        all_done = output.print_each(vm_ids, do, _COLUMNS)
    if not all_done:
        sys.exit(FAILED)
