"""``one2one support``."""

import os
import sys
import time
from pathlib import Path

import click

from one2one.admin.output import build_table, render, say
from one2one.admin.secrets import read_secrets
from one2one.admin.support.archive import collect, pack, require_no_secret, write
from one2one.admin.support.parts import Limits, Sources
from one2one.driver.local import LocalCloud
from one2one.opennebula.errors import ConfigurationError, OneError

_COLUMNS = {"FILE": "name", "BYTES": "size", "NOT COLLECTED": "note"}
_MB = 1 << 20


@click.command(context_settings={"show_default": True})
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The file to write; without it, one with the time in its name, here.",
)
@click.option("--dry-run", is_flag=True, help="Only show what it would contain.")
@click.option(
    "--lines", type=click.IntRange(1), default=2000, help="How many lines of each log, at most."
)
@click.option(
    "--max-size", type=click.IntRange(1, 1000), default=20, help="MB of all files, at most."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def support(output: Path | None, *, dry_run: bool, lines: int, max_size: int, yes: bool) -> None:
    """Collect what is needed to understand a problem, in one archive.

    That is: versions, our lines of the configuration, doctor, hosts, the VMs of both sides,
    metrics, and the last lines of the logs. Nothing is changed, and nothing is sent anywhere.

    Passwords, session strings, keys and tokens are searched for and hidden. Names and addresses
    are not: look into the archive before you send it.
    """
    most = max_size * _MB
    try:
        secrets = read_secrets(LocalCloud())
    except OneError as error:
        secrets = read_secrets(None)
        say(f"the local cloud cannot be asked for its secrets: {error}", err=True)
    parts = Sources(os.environ, Limits(lines, most // 4)).list_parts()
    entries = list(collect(parts, secrets, most))
    click.echo(render(build_table(entries, _COLUMNS)), nl=False)
    if dry_run:
        return
    path = output or Path(time.strftime("one2one-support-%Y%m%d-%H%M%S.tar.gz"))
    _ask(path, yes=yes)
    packed = pack(entries, path.name.partition(".")[0] or "one2one-support")
    require_no_secret(packed, secrets)
    write(path, packed)
    say(f"{path} ({len(packed)} bytes)")


def _ask(path: Path, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "stdin is not a terminal to ask at", remedy="See --dry-run, then use --yes"
        )
    click.confirm(f"Write this to {path}?", abort=True)
