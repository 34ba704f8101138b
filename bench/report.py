"""Tables, for the terminal and for docs/performance.md."""

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.measure import Sample

Cell = str | int | float | Sample
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table; *name* says where it goes in the document."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Row]

    def __str__(self) -> str:
        """Return it in Markdown, its columns lined up."""
        lines = [self.columns, *([_text(cell) for cell in row] for row in self.rows)]
        widths = [max(len(line[at]) for line in lines) for at in range(len(self.columns))]
        head, *body = [
            "| " + " | ".join(_pad(*pair) for pair in zip(line, widths, strict=True)) + " |"
            for line in lines
        ]
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        return "\n".join([head, rule, *body])


def _pad(text: str, width: int) -> str:
    return text.ljust(width)


def _text(cell: Cell) -> str:
    if isinstance(cell, Sample):
        spread = f" ±{_number(cell.spread)}" if len(cell.values) > 1 else ""
        return _number(cell.median) + spread
    return cell if isinstance(cell, str) else _number(cell)


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ms(sample: Sample) -> Sample:
    return Sample(tuple(value * 1000 for value in sample.values))


def machine() -> Table:
    """Return where and with what the figures were taken."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", cpuinfo)
    packages = ", ".join(f"{name} {version(name)}" for name in ("one2one", "lxml", "pyone"))
    facts = [
        ("machine", f"{os.cpu_count()} × {model[1] if model else platform.machine()}"),
        ("load before", f"{os.getloadavg()[0]:.2f}"),
        ("system", f"Linux {platform.release()}"),
        ("Python", platform.python_version()),
        ("packages", packages),
    ]
    return Table("machine", ("what", "which"), facts)


def write(tables: list[Table], path: Path) -> None:
    """Put each table between its two comments in the document; what stands around stays."""
    document = path.read_text()
    for table in tables:
        before, begin, rest = document.partition(f"<!-- table: {table.name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            raise SystemExit(f"{path} has no place for the table {table.name}")
        document = f"{before}{begin}\n{table}\n\n{end}{after}"
    path.write_text(document)
