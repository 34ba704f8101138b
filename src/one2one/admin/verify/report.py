"""The report of a trial: a table that grows, or all at its end."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import click

from one2one.admin.cli import FAILED
from one2one.admin.output import Printer, Style
from one2one.admin.secrets import Secrets
from one2one.admin.verify.result import Result, Verdict, failure
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import OneError

Group = Callable[[], Iterator[Result]]

_COLORS = {
    Verdict.PASSED: "green",
    Verdict.WARNING: "yellow",
    Verdict.FAILED: "red",
    Verdict.NOT_ALLOWED: "red",
    Verdict.SKIPPED: None,
}
_WIDTH = 22
_COLUMNS = {"CHECK": "check", "RESULT": "verdict", "FINDING": "text", "MEANING": "meaning"}


class Report:
    """The results; a table shows each at once."""

    def __init__(self, output: Printer) -> None:
        self._output = output
        self.secrets = Secrets()
        """What no text of the report may have in it."""
        self._streams = output.style is Style.TABLE
        self.results: list[Result] = []

    def add_groups(
        self, groups: Mapping[str, Group], expected: tuple[type[Exception], ...] = (OneError,)
    ) -> None:
        """Run the groups; what is *expected* to end one becomes a failure of it."""
        for title, check in groups.items():
            self.add_group(title, _survive(title, check, expected))

    def add_group(self, title: str, results: Iterable[Result]) -> None:
        """Add a group of results, as they come."""
        if self._streams and self._output.header:
            click.secho(title, bold=True)
        for result in results:
            self._add(result)

    def end(self) -> None:
        """Print all results, or for a table their numbers; exit with 255 after a failure."""
        if self._streams:
            numbers = Counter(result.verdict for result in self.results)
            click.echo(", ".join(f"{numbers[v.value]} {v.value}" for v in Verdict))
        else:
            self._output.print(self.results, _COLUMNS)
        if any(result.is_bad for result in self.results):
            sys.exit(FAILED)

    def _add(self, result: Result) -> None:
        hide = self.secrets.hide
        result = replace(result, text=hide(result.text), meaning=hide(result.meaning))
        self.results.append(result)
        if self._streams:
            mark = click.style(f"{result.verdict:<11}", fg=_COLORS[Verdict(result.verdict)])
            click.echo(f"  {mark}  {result.check:<{_WIDTH}}  {clean_line(result.text)}")
            if result.meaning:
                click.echo(f"  {'':11}  {'':{_WIDTH}}  → {clean_line(result.meaning)}")


def _survive(title: str, check: Group, expected: tuple[type[Exception], ...]) -> Iterator[Result]:
    try:
        yield from check()
    except expected as error:
        yield failure(title.lower(), str(error), "What comes after it was not tried")
