"""How the demonstration looks: a live table, or a line for everything that happens."""

import time
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Protocol

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from one2one.admin.demo.clouds import DemoClouds
from one2one.admin.demo.lifecycle import LIFE, Progress
from one2one.admin.units import format_size
from one2one.opennebula.states import State
from opennebula_sandbox.frontend.handles import LocalHost


class Board(Protocol):
    """Shows the host and how far all VMs are, each time that it is told."""

    def show(self, host: LocalHost, vms: Iterable[Progress], remote: Mapping[int, State]) -> None:
        """Show it; *remote* has the states of the remote VMs."""


class LiveBoard:
    """A table that is drawn again and again."""

    def __init__(self, live: Live) -> None:
        """Take where to draw it."""
        self._live = live

    def show(self, host: LocalHost, vms: Iterable[Progress], remote: Mapping[int, State]) -> None:
        """Draw it."""
        table = _table("ID", "LOCAL STATE", "REMOTE VM", "USES", "OPERATION", "DONE")
        for one in vms:
            table.add_row(
                str(one.vm.id),
                one.vm.state,
                _remote(one, remote),
                _uses(one),
                _operation(one),
                f"{len(one.seconds)}/{len(LIFE)}",
            )
        self._live.update(Group(Text(_host(host)), "", table))


class PlainBoard:
    """A line for each VM whose state changed on either side, and for the host."""

    def __init__(self) -> None:
        """Nothing has been shown."""
        self._shown: dict[int, str] = {}
        self._host = ""

    def show(self, host: LocalHost, vms: Iterable[Progress], remote: Mapping[int, State]) -> None:
        """Print what is new."""
        if self._host != _host(host):
            self._host = _host(host)
            click.echo(f"{time.strftime('%H:%M:%S')}  {self._host}")
        for one in vms:
            states = (
                f"{one.operation or '-':<10} local {one.vm.state:<18} remote {_remote(one, remote)}"
            )
            if self._shown.get(one.vm.id) != states:
                self._shown[one.vm.id] = states
                click.echo(f"{time.strftime('%H:%M:%S')}  VM {one.vm.id:<4} {states}")


def summary(vms: Iterable[Progress], sides: DemoClouds) -> str:
    """Return what each operation took, and what was called."""
    operations = _table("OPERATION", "VMS", "MEDIAN", "SLOWEST")
    seconds: dict[str, list[float]] = {}
    for one in vms:
        for operation, took in one.seconds:
            seconds.setdefault(operation, []).append(took)
    for operation, all_took in seconds.items():
        row = str(len(all_took)), f"{median(all_took):.2f} s", f"{max(all_took):.2f} s"
        operations.add_row(operation, *row)
    console = Console(highlight=False)
    with console.capture() as capture:
        console.print(operations)
        if sides.calls:
            counts = sides.calls()
            calls = _table("REMOTE CALL", "TIMES")
            for method, times in counts.most_common():
                calls.add_row(method, str(times))
            calls.add_row("in all", str(counts.total()))
            console.print("", calls)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _table(*titles: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        table.add_column(title, no_wrap=True)
    return table


def _host(host: LocalHost) -> str:
    """Return what monitoring tells of the host."""
    cpu, memory = host.capacity
    usage = host.usage
    if not usage:
        return f"host {host.name} is not monitored yet"
    used = f"{int(usage['USED_CPU']) / 100:g} cores and {format_size(int(usage['USED_MEMORY']))}"
    return f"host {host.name} offers {cpu / 100:g} cores and {format_size(memory)}, uses {used}"


def _uses(one: Progress) -> str:
    """Return what monitoring tells of a VM: percent of a core, and memory."""
    told = one.vm.monitoring
    if not told.text("MEMORY"):
        return "-"
    return f"{float(told.text('CPU') or 0):.0f}% {format_size(int(told.text('MEMORY')))}"


def _remote(one: Progress, remote: Mapping[int, State]) -> str:
    """Return the remote VM's id and state."""
    if one.remote_id is None:
        return "-"
    return f"{one.remote_id} {remote.get(one.remote_id, '?')}"


def _operation(one: Progress) -> str:
    if one.failure:
        return "failed"
    if not one.operation:
        return "-"
    return f"{one.operation} {time.monotonic() - one.since:.1f} s"
