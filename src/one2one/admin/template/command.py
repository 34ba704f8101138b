"""``one2one template``: list, sync."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import click

from one2one.admin.hosts import connect, find_host
from one2one.admin.options import object_id
from one2one.admin.output import Output, output_options
from one2one.admin.template.derive import mapped_id
from one2one.admin.template.sync import Planned, carry_out, plan
from one2one.driver.local import LocalCloud
from one2one.opennebula.errors import NotFound
from one2one.opennebula.records import VmTemplate

_COLUMNS = {
    "ID": "id",
    "NAME": "name",
    "OWNER": "owner",
    "CPU": "cpu",
    "MEM": "memory",
    "VCPU": "vcpu",
    "LOCAL": "local",
}
_STEPS = {"ACTION": "action", "LOCAL": "local_id", "REMOTE": "remote_id", "NAME": "name"}


@dataclass(frozen=True)
class RemoteTemplate:
    """A remote template, and the local templates for it."""

    id: int
    name: str
    owner: str
    cpu: str
    """Cores."""
    memory: str
    """MB."""
    vcpu: str
    local: list[int]


@click.group()
def template() -> None:
    """List the remote templates of a host, and keep local ones in step with them."""


@template.command("list")
@click.argument("host")
@output_options
def list_command(host: str, output: Output) -> None:
    """List the remote templates that the account of HOST may use."""
    local = LocalCloud()
    found = find_host(local, host)
    known: dict[int | None, list[int]] = {}
    for own in local.cloud.vm_templates():
        known.setdefault(mapped_id(own.template, found.name), []).append(own.id)
    rows = [
        RemoteTemplate(
            id=remote.id,
            name=remote.name,
            owner=remote.owner,
            cpu=remote.template.text("CPU"),
            memory=remote.template.text("MEMORY"),
            vcpu=remote.template.text("VCPU"),
            local=known.get(remote.id, []),
        )
        for remote in connect(local, found).vm_templates()
    ]
    output.print(rows, _COLUMNS)


@template.command()
@click.argument("host")
@click.argument("ids", nargs=-1, type=object_id)
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be done.")
@click.option("--prune", is_flag=True, help="Delete those whose remote template is gone.")
@output_options
def sync(host: str, ids: tuple[int, ...], output: Output, *, dry_run: bool, prune: bool) -> None:
    """Create or update a local template for each remote template of HOST, or those in IDS.

    It touches only templates that it made, which have ONE2ONE_SYNC in them, and in those only
    the attributes that it writes.
    """
    if ids and prune:
        raise click.UsageError("--prune looks at all templates: leave the IDS out")
    local = LocalCloud()
    found = find_host(local, host)
    remote = _chosen(connect(local, found).vm_templates(), ids)
    steps = [*plan(remote, local.cloud.vm_templates(), found.name, prune=prune)]
    if dry_run:
        output.print([planned.step for planned in steps], _STEPS)
        return
    done = [carry_out(local.cloud, planned) for planned in _shown(steps)]
    output.print(done, _STEPS)


def _shown(steps: list[Planned]) -> Iterator[Planned]:
    """Yield the steps, and show on a terminal how far they are."""
    if not sys.stderr.isatty():
        yield from steps
        return
    with click.progressbar(steps, label="Templates", file=sys.stderr) as bar:
        yield from bar


def _chosen(remote: list[VmTemplate], ids: tuple[int, ...]) -> list[VmTemplate]:
    if not ids:
        return remote
    missing = set(ids) - {known.id for known in remote}
    if missing:
        numbers = ", ".join(map(str, sorted(missing)))
        raise NotFound(
            f"the account may not use template {numbers}, or there is none in the remote",
            remedy="See: one2one template list",
        )
    return [known for known in remote if known.id in ids]
