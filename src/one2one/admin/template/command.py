"""``one2one template``: list, sync."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click

from one2one.admin.hosts import connect, find_host
from one2one.admin.options import object_id
from one2one.admin.output import Printer, output_options
from one2one.admin.template.known import Known, Terms
from one2one.admin.template.mapping import find_mapped_id
from one2one.admin.template.plan import plan, plan_orphans
from one2one.admin.template.step import Planned
from one2one.admin.template.sync import carry_out
from one2one.admin.template.table import print_steps
from one2one.driver.local import LocalCloud
from one2one.hybrid.context import find_unset
from one2one.hybrid.settings import read_settings
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.errors import NotAuthorized, NotFound
from one2one.opennebula.records import Host, VmTemplate
from one2one.opennebula.xml import read_integer

_COLUMNS = {
    "ID": "id",
    "NAME": "name",
    "OWNER": "owner",
    "CPU": "cpu",
    "MEM": "memory",
    "VCPU": "vcpu",
    "LOCAL": "local",
    "NOTE": "note",
}
_WARNING = 1


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
    not_set: list[str]
    """Members of CONTEXT with the remote account's values, as a local template does not set them.
    Without a local template: those that it must set."""
    note: str


@click.group()
def template() -> None:
    """List the remote templates of a host, and keep local ones in step with them."""


@template.command("list")
@click.argument("host")
@output_options
def list_command(host: str, output: Printer) -> None:
    """List the remote templates that the account of HOST may use.

    NOTE names what a local template must set in its CONTEXT. Otherwise the guest gets the remote
    account's key and the remote VM's name.
    """
    local = LocalCloud()
    hybrid_host = find_host(local, host)
    known: dict[int | None, list[VmTemplate]] = {}
    for own in local.cloud.list_templates():
        known.setdefault(find_mapped_id(own.template, hybrid_host.name), []).append(own)
    remotes = connect(local, hybrid_host).list_templates()
    rows = [_describe(remote, known.get(remote.id, []), hybrid_host.name) for remote in remotes]
    output.print(rows, _COLUMNS)


def _describe(remote: VmTemplate, local: list[VmTemplate], host_name: str) -> RemoteTemplate:
    contexts = [template.template.vector("CONTEXT") for template in local] or [{}]
    remote_context = remote.template.vector("CONTEXT")
    unset = {name for context in contexts for name in find_unset(context, remote_context)}
    not_set = sorted(unset)
    remedy = f"set it here, or run one2one template sync {host_name}"
    return RemoteTemplate(
        id=remote.id,
        name=remote.name,
        owner=remote.owner,
        cpu=remote.template.text("CPU"),
        memory=remote.template.text("MEMORY"),
        vcpu=remote.template.text("VCPU"),
        local=[template.id for template in local],
        not_set=not_set,
        note=f"CONTEXT lacks {', '.join(not_set)}: {remedy}" if not_set else "",
    )


@template.command()
@click.argument("host")
@click.argument("ids", nargs=-1, type=object_id)
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be done.")
@click.option("--prune", is_flag=True, help="Delete those whose remote template is gone.")
@click.option("--overwrite", is_flag=True, help="Take over what was changed here by hand, too.")
@output_options
def sync(
    host: str,
    ids: tuple[int, ...],
    output: Printer,
    *,
    dry_run: bool,
    prune: bool,
    overwrite: bool,
) -> None:
    """Create or update a local template for each remote template of HOST, or those in IDS.

    It touches only templates that it made, which have ONE2ONE_SYNC in them, and in those only
    what is still as it wrote it. A remote template that cannot be taken over is skipped, and the
    exit status is 1.
    """
    if ids and prune:
        raise click.UsageError("--prune looks at all templates: leave the IDS out")
    local = LocalCloud()
    hybrid_host = find_host(local, host)
    terms = _read_terms(local.cloud, hybrid_host, overwrite=overwrite)
    remote = connect(local, hybrid_host)
    steps = _plan(remote, ids, Known(local.cloud.list_templates(), terms), terms, prune=prune)
    done = [planned.step for planned in steps] if dry_run else []
    try:
        if not dry_run:
            done.extend(carry_out(local.cloud, planned) for planned in _show_progress(steps))
    finally:
        print_steps(done, output)
    if any(step.went_wrong for step in done):
        sys.exit(_WARNING)


def _read_terms(local: Cloud, host: Host, *, overwrite: bool) -> Terms:
    try:
        restricted = [
            element.text or "" for element in local.get_config().iterfind("VM_RESTRICTED_ATTR")
        ]
    except NotAuthorized:  # only oneadmin may read it
        restricted = []
    return Terms(
        host_name=host.name,
        user_id=read_integer(local.get_user(), "ID"),
        restricted=frozenset(restricted),
        local_size=read_settings(host).local_size,
        overwrite=overwrite,
    )


def _plan(
    remote: Cloud, ids: tuple[int, ...], known: Known, terms: Terms, *, prune: bool
) -> list[Planned]:
    templates = remote.list_templates()
    if ids:
        return [*plan(_choose(templates, ids), known, terms)]
    is_gone: Callable[[int], bool] = (
        (lambda number: _is_gone(remote, number)) if prune else _is_kept
    )
    return [*plan(templates, known, terms), *plan_orphans(templates, known, is_gone)]


def _is_gone(remote: Cloud, template_id: int) -> bool:
    """Ask for one template alone: what a list leaves out may still be there."""
    try:
        remote.get_template(template_id)
    except (NotFound, NotAuthorized):
        return True
    return False


def _is_kept(_: int) -> bool:
    return False


def _show_progress(steps: list[Planned]) -> Iterator[Planned]:
    """Yield the steps, and show on a terminal how far they are."""
    if not sys.stderr.isatty():
        yield from steps
        return
    with click.progressbar(steps, label="Templates", file=sys.stderr) as bar:
        yield from bar


def _choose(remote: list[VmTemplate], ids: tuple[int, ...]) -> list[VmTemplate]:
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
