"""``one2one install`` and ``one2one uninstall``."""

import difflib
import os
import subprocess
import sys
from pathlib import Path

import click

from one2one.admin.install.entries import Mode
from one2one.admin.install.files import Change, Content, apply
from one2one.admin.install.layout import Layout, find_layout
from one2one.admin.install.plan import Plan, make_plan, modules
from one2one.opennebula.errors import ConfigurationError

_SHEBANG_LIMIT = 120
_RESTART = "Restart OpenNebula for it to take effect: systemctl restart opennebula"
_SEVEN = """\
OpenNebula {version} has no public-cloud hosts any more. Give the hybrid hosts a cluster and a
system datastore of their own, once:
  onecluster create hybrid
  printf 'NAME=hybrid\\nTYPE=SYSTEM_DS\\nTM_MAD=dummy\\n' > hybrid.ds
  onedatastore create hybrid.ds -c hybrid
and create the hosts with: one2one host create NAME --cluster ID … (ID is the cluster's number)"""

_root = click.option(
    "--root",
    default="/",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    help="Work on the OpenNebula below this directory.",
)
_yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
_dry_run = click.option("-n", "--dry-run", is_flag=True, help="Show the changes and stop.")


@click.command()
@click.option(
    "--scripts",
    "mode",
    flag_value="scripts",
    help="Have OpenNebula's shells run a script for each action, as the Ruby driver did.",
)
@click.option(
    "--resident",
    "mode",
    flag_value="resident",
    default="resident",
    help="Have oned run the drivers themselves (the default, and far faster).",
)
@_root
@_yes
@_dry_run
def install(mode: str, root: Path, *, yes: bool, dry_run: bool) -> None:
    """Install the drivers into this front-end.

    Shows the exact changes before it makes them. What it replaces is kept. Run it again at any
    time, such as after an upgrade of OpenNebula or of one2one: it changes only what is missing.
    """
    chosen = Mode(mode)
    layout = find_layout(root, os.environ)
    plan = make_plan(layout, chosen)
    if not plan.changes:
        click.echo(f"Already installed ({chosen.value}).")
        return
    _try_interpreter(layout, chosen)
    if _carry_out(plan, yes=yes, dry_run=dry_run):
        click.echo(f"Installed ({chosen.value}). {_RESTART}")
        if layout.version >= (7,):
            click.echo(_SEVEN.format(version=".".join(map(str, layout.version))))


@click.command()
@_root
@_yes
@_dry_run
def uninstall(root: Path, *, yes: bool, dry_run: bool) -> None:
    """Remove the drivers from this front-end, and leave no trace.

    Remote VMs are not touched: terminate the hybrid VMs first, or install again later.
    """
    plan = make_plan(find_layout(root, os.environ), None)
    if not plan.changes:
        if not dry_run:
            apply([], plan.directories)  # an interrupted run may have left empty ones
        click.echo("Not installed.")
    elif _carry_out(plan, yes=yes, dry_run=dry_run):
        click.echo(f"Removed. {_RESTART}")


def _carry_out(plan: Plan, *, yes: bool, dry_run: bool) -> bool:
    """Show the plan and, with consent, carry it out; tell whether that was done."""
    for change in plan.changes:
        click.echo(_render_change(plan, change))
    if dry_run:
        return False
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigurationError(
                "stdin is not a terminal to ask at", remedy="Read the changes, then use --yes"
            )
        if not click.confirm("Make these changes?"):
            click.echo("Nothing was changed.")
            return False
    apply(plan.changes, plan.directories)
    return True


def _render_change(plan: Plan, change: Change) -> str:
    path, before, after = change.path, change.before, change.after
    if path in plan.configuration and before and after:
        lines = difflib.unified_diff(
            _split_lines(before), _split_lines(after), f"{path}", f"{path} (new)"
        )
        return "\n".join(line.rstrip("\n") for line in lines)
    if path.is_relative_to(plan.kept):
        return f"{'keep what it replaces in' if after else 'remove the copy'} {path}"
    if after is None:
        return f"remove  {path}"
    return f"{'replace' if before else 'create '} {path}"


def _split_lines(content: Content) -> list[str]:
    return content.data.decode(errors="replace").splitlines(keepends=True)


def _try_interpreter(layout: Layout, mode: Mode) -> None:
    """Raise ConfigurationError unless OpenNebula's user can run the drivers.

    A driver that does not start keeps oned from starting at all.
    """
    if " " in sys.executable or len(sys.executable) > _SHEBANG_LIMIT:
        raise ConfigurationError(
            f"the kernel cannot start scripts with the interpreter {sys.executable}",
            remedy="Install one2one below a short path without spaces",
        )
    directory = layout.var.stat()
    root = os.geteuid() == 0
    # Without -B Python leaves half a compiled module on a full disk, and can import it no more.
    command = [sys.executable, "-I", "-B", "-c", f"import {', '.join(sorted(modules(mode)))}"]
    try:
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            user=directory.st_uid if root else None,
            group=directory.st_gid if root else None,
            extra_groups=[] if root else None,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        output = getattr(error, "stderr", "") or str(error)
        raise ConfigurationError(
            f"the owner of {layout.var} cannot run the drivers: {output.strip().splitlines()[-1]}",
            remedy="Install one2one where that user may read and execute it, such as in /opt",
        ) from None
