"""Lists as OpenNebula's own commands print them: a table, CSV, JSON or YAML.

Every list is a sequence of dataclasses. JSON and YAML show all their fields with their names. A
table and CSV show certain columns.

Names, states and errors come from outside. JSON and YAML show them unchanged, but escape the
characters that a terminal acts on. All other output shows them as clean lines.
"""

import csv
import functools
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from one2one.opennebula.clean import clean_json, clean_line
from one2one.opennebula.errors import OneError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Columns = Mapping[str, str]
"""A column's title and the field that it shows."""

Sections = Mapping[str, Mapping[str, object]]
"""Titles, and below each its lines: what, and its value."""

_PIPE_WIDTH = 10_000
_FORMULA = ("=", "+", "-", "@")
"""A spreadsheet calculates a cell that begins with one of these."""


class Style(Enum):
    """How a list is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True)
class Printer:
    """Prints lists in the style of the options."""

    style: Style
    header: bool

    def print(self, rows: Sequence["DataclassInstance"], columns: Columns) -> None:
        """Print *rows* on stdout."""
        match self.style:
            case Style.JSON:
                click.echo(_json([asdict(row) for row in rows]))
            case Style.YAML:
                click.echo(clean_json(to_yaml([asdict(row) for row in rows])))
            case Style.CSV:
                writer = csv.writer(sys.stdout, lineterminator="\n")
                if self.header:
                    writer.writerow(columns)
                writer.writerows([_csv(getattr(r, f)) for f in columns.values()] for r in rows)
            case Style.TABLE:
                click.echo(render(build_table(rows, columns, header=self.header)), nl=False)

    def print_each(
        self, ids: Iterable[int], do: Callable[[int], "DataclassInstance"], columns: Columns
    ) -> bool:
        """Print the rows that *do* returns for the ids; return whether it did all.

        An error of one is told on stderr, and the others are done. What was done is printed after
        an interruption, too.
        """
        rows, problems = [], []
        try:
            for number in ids:
                try:
                    rows.append(do(number))
                except OneError as error:
                    problems.append(f"one2one: {number}: {error}")
        finally:
            if rows:
                self.print(rows, columns)
            for problem in problems:
                say(problem, err=True)
        return not problems

    def print_one(self, thing: "DataclassInstance", sections: Sections) -> None:
        """Print one *thing*; as CSV or as a table, print *sections* instead."""
        match self.style:
            case Style.JSON:
                click.echo(_json(asdict(thing)))
            case Style.YAML:
                click.echo(clean_json(to_yaml(asdict(thing))))
            case Style.CSV:
                writer = csv.writer(sys.stdout, lineterminator="\n")
                writer.writerows(
                    (title, key, _csv(value))
                    for title, lines in sections.items()
                    for key, value in lines.items()
                )
            case Style.TABLE:
                click.echo(
                    "\n\n".join(self._render_section(*section) for section in sections.items())
                )

    def _render_section(self, title: str, lines: Mapping[str, object]) -> str:
        header = [click.style(title, bold=True)] if self.header else []
        return "\n".join([*header, *(f"{key:<18}: {_format_cell(lines[key])}" for key in lines)])


def say(text: str, *, err: bool = False) -> None:
    """Print *text* as one clean line."""
    click.echo(clean_line(text), err=err)


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--csv``, ``--json``, ``--yaml`` and ``--no-header``; pass ``output``."""

    @click.option("--csv", "style", flag_value="csv", help="Print CSV.")
    @click.option("-j", "--json", "style", flag_value="json", help="Print JSON.")
    @click.option("-y", "--yaml", "style", flag_value="yaml", help="Print YAML.")
    @click.option("--no-header", is_flag=True, help="Leave the titles out.")
    @functools.wraps(command)
    def with_output(*, style: str | None, no_header: bool, **rest: object) -> None:
        command(output=Printer(Style(style or "table"), header=not no_header), **rest)

    return with_output


def build_table(
    rows: Sequence["DataclassInstance"], columns: Columns, *, header: bool = True
) -> Table:
    """Return a table of the rows, numbers to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=header, header_style="bold")
    for title, name in columns.items():
        numbers = any(isinstance(getattr(row, name), int | float) for row in rows)
        table.add_column(title, justify="right" if numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_format_cell(getattr(row, name))) for name in columns.values()))
    return table


def render(table: Table) -> str:
    """Return the table as text: as wide as the terminal, uncut when there is none."""
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    with console.capture() as capture:
        console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def to_yaml(value: object, indent: str = "") -> str:
    """Return *value* as YAML; scalars and empty values are written as JSON, which YAML reads."""
    if isinstance(value, dict) and value:
        lines = (f"{indent}{key}:{_nest(item, indent)}" for key, item in value.items())
        return "\n".join(lines)
    if isinstance(value, list) and value:
        items = (to_yaml(item, f"{indent}  ") for item in value)
        return "\n".join(f"{indent}- {item[len(indent) + 2 :]}" for item in items)
    return indent + json.dumps(value, ensure_ascii=False)


def _nest(value: object, indent: str) -> str:
    if isinstance(value, dict | list) and value:
        return "\n" + to_yaml(value, f"{indent}  ")
    return " " + json.dumps(value, ensure_ascii=False)


def _json(value: object) -> str:
    return clean_json(json.dumps(value, indent=2, ensure_ascii=False))


def _csv(value: object) -> str:
    """Return the same as ``_format_cell``, with an apostrophe before text like a formula."""
    cell = _format_cell(value)
    is_number = isinstance(value, int | float)
    return f"'{cell}" if cell.startswith(_FORMULA) and cell != "-" and not is_number else cell


def _format_cell(value: object) -> str:
    match value:
        case None | "" | [] | ():
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return clean_line(",".join(map(str, value)))
        case _:
            return clean_line(str(value))
