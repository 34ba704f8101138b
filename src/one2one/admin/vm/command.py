"""``one2one status`` and ``one2one show``."""

import sys
import time

import click
from rich.console import Console
from rich.live import Live

from one2one.admin.options import object_id
from one2one.admin.output import Printer, Style, build_table, output_options
from one2one.admin.units import format_duration
from one2one.admin.vm.details import CloudVm, VmDetails, read_details
from one2one.admin.vm.pairs import PairReader
from one2one.driver.local import LocalCloud

_COLUMNS = {
    "ID": "id",
    "NAME": "name",
    "STATE": "state",
    "HOST": "host",
    "REMOTE": "remote_id",
    "REMOTE_STATE": "remote_state",
    "ADDRESS": "addresses",
    "AGE": "shown_age",
    "PROBLEM": "problem",
}
_INTERVAL_S = 2.0


@click.command()
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
@output_options
def status(output: Printer, *, watch: bool) -> None:
    """List the hybrid VMs: the local VM, the remote VM, and what is not right between them."""
    with PairReader(LocalCloud()) as pairs:
        if not watch:
            output.print(pairs.read(), _COLUMNS)
            return
        try:
            _watch(pairs, output)
        except KeyboardInterrupt:
            return


def _watch(pairs: PairReader, output: Printer) -> None:
    if output.style is not Style.TABLE or not sys.stdout.isatty():
        while True:
            output.print(pairs.read(), _COLUMNS)
            sys.stdout.flush()
            time.sleep(_INTERVAL_S)
    with Live(console=Console(), auto_refresh=False, screen=True) as live:
        while True:
            live.update(build_table(pairs.read(), _COLUMNS, header=output.header), refresh=True)
            time.sleep(_INTERVAL_S)


@click.command()
@click.argument("vm_id", type=object_id)
@output_options
def show(vm_id: int, output: Printer) -> None:
    """Show both sides of the local VM with the id VM_ID, its marks and its latest log lines."""
    both = read_details(LocalCloud(), vm_id)
    output.print_one(both, _build_sections(both))


def _build_sections(both: VmDetails) -> dict[str, dict[str, object]]:
    age = "unknown" if both.usage_age is None else format_duration(both.usage_age)
    local = _build_side(both.local) | {
        "HOST": both.host,
        "DEPLOY ID": both.deploy_id,
        "AGE OF USAGE": age,
    }
    sections: dict[str, dict[str, object]] = {f"LOCAL VM {both.local.id}": local}
    if both.remote is None:
        sections["REMOTE VM"] = {"PROBLEM": both.problem}
    else:
        problem = {"PROBLEM": both.problem} if both.problem else {}
        sections[f"REMOTE VM {both.remote.id}"] = _build_side(both.remote) | problem
    if both.marks:
        sections["MARKS OF THE REMOTE VM"] = {
            "HYBRID ID": both.marks.hybrid_id,
            "LOCAL VM": both.marks.vm_id,
            "WHOSE": both.marks.whose,
        }
    if both.log:
        numbered = enumerate(both.log, 1 - len(both.log))
        sections["LATEST LOG LINES"] = {f"{number}": line for number, line in numbered}
    return sections


def _build_side(side: CloudVm) -> dict[str, object]:
    return {
        "NAME": side.name,
        "STATE": side.state,
        "CREATED": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(side.created)),
        "CPU": side.cpu,
        "MEMORY": side.memory,
        "ERROR": side.error,
    }
