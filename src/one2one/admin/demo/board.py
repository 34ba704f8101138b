"""How the demonstration looks: a live table, or a line for everything that happens."""

import time
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Protocol

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from one2one.admin.demo.life import LIFE, Progress
from one2one.admin.demo.sides import Sides
from one2one.opennebula.states import State


class Board(Protocol):
    """Shows how far all VMs are, each time that it is told."""

    def show(self, vms: Iterable[Progress], remote: Mapping[int, State]) -> None:
        """Show it; *remote* has the states of the remote VMs."""


class LiveBoard:
    """A table that is drawn anew."""

    def __init__(self, live: Live) -> None:
        """Take where to draw it."""
        self._live = live

    def show(self, vms: Iterable[Progress], remote: Mapping[int, State]) -> None:
        """Draw it."""
        table = _table(
            "ID", "NAME", "LOCAL STATE", "REMOTE ID", "REMOTE STATE", "OPERATION", "DONE"
        )
        for one in vms:
            table.add_row(
                str(one.vm.id),
                one.vm.name,
                one.vm.state,
                _number(one.remote_id),
                _remote_state(one, remote),
                _operation(one),
                f"{len(one.seconds)}/{len(LIFE)}",
            )
        self._live.update(table)


class PlainBoard:
    """A line for each VM whose state changed on either side."""

    def __init__(self) -> None:
        """Nothing has been shown."""
        self._shown: dict[int, str] = {}

    def show(self, vms: Iterable[Progress], remote: Mapping[int, State]) -> None:
        """Print what is new."""
        for one in vms:
            states = (
                f"{one.operation or '-':<10} local {one.vm.state:<18} "
                f"remote {_number(one.remote_id)} {_remote_state(one, remote)}"
            )
            if self._shown.get(one.vm.id) != states:
                self._shown[one.vm.id] = states
                click.echo(f"{time.strftime('%H:%M:%S')}  VM {one.vm.id:<4} {states}")


def summary(vms: Iterable[Progress], sides: Sides) -> str:
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


def _number(remote_id: int | None) -> str:
    return "-" if remote_id is None else str(remote_id)


def _remote_state(one: Progress, remote: Mapping[int, State]) -> str:
    if one.remote_id is None:
        return "-"
    return str(remote.get(one.remote_id, "?"))


def _operation(one: Progress) -> str:
    if one.failure:
        return "failed"
    if not one.operation:
        return "-"
    return f"{one.operation} {time.monotonic() - one.since:.1f} s"
