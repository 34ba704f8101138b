"""``one2one verify``."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import click

from one2one.admin.cli import FAILED
from one2one.admin.demo.clouds import Account
from one2one.admin.options import object_id
from one2one.admin.output import Printer, Style, output_options, say
from one2one.admin.verify import checks, lifecycle, lost_answers
from one2one.admin.verify.result import Result, Verdict, failure, skip, success
from one2one.admin.verify.trial import Trial, open_trial
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import ConfigurationError, OneError
from opennebula_sandbox.cloud.refusal import Refusal

_GROUPS: dict[str, Callable[[Trial], Iterator[Result]]] = {
    "REMOTE AND ACCOUNT": checks.check_remote,
    "HOST": lifecycle.check_host,
    "LIFE OF A VM": lifecycle.try_life,
    "RECOVERY": lifecycle.try_recovery,
    "LOSSES": lost_answers.lose_answers,
    "ORPHANS": lost_answers.try_reaper,
}
_WITHOUT_VM = ("REMOTE AND ACCOUNT", "HOST", "LIFE OF A VM")
"""The groups that run even if no VM can be made."""
_COLORS = {
    Verdict.PASSED: "green",
    Verdict.WARNING: "yellow",
    Verdict.FAILED: "red",
    Verdict.NOT_ALLOWED: "red",
    Verdict.SKIPPED: None,
}
_WIDTH = 22
_COLUMNS = {"CHECK": "check", "RESULT": "verdict", "FINDING": "text", "MEANING": "meaning"}


def _environment(name: str) -> dict[str, Any]:
    return {"envvar": f"ONE2ONE_{name}", "show_envvar": True}


@click.command(context_settings={"show_default": True})
@click.option(
    "--endpoint", required=True, metavar="URL", help="Its XML-RPC.", **_environment("ENDPOINT")
)
@click.option("--user", required=True, help="The account in it.", **_environment("USER"))
@click.option(
    "--password",
    help="Its password or login token; asked for if it is not given.",
    **_environment("PASSWORD"),
)
@click.option(
    "--template",
    type=object_id,
    required=True,
    help="The id of a VM template in it.",
    **_environment("TEMPLATE"),
)
@click.option(
    "--ca-file",
    type=click.Path(exists=True),
    help="Who signed its certificate (PEM).",
    **_environment("CA_FILE"),
)
@click.option(
    "--timeout",
    type=click.FloatRange(1),
    default=300.0,
    metavar="SECONDS",
    help="How long an operation there may take.",
)
@output_options
def verify(
    output: Printer,
    *,
    endpoint: str,
    user: str,
    password: str | None,
    template: int,
    ca_file: str | None,
    timeout: float,
) -> None:
    """Try out a remote OpenNebula before it is used, and tell what it supports and allows.

    The real drivers make several VMs there from one template, one at a time, do every operation
    with them and destroy them. Some calls are lost, and one driver is killed. The front-end is
    simulated: no local OpenNebula is needed or touched. No VM is left there, also after Ctrl-C
    or SIGTERM.

    The exit status is 0 if all works, and 255 if something fails or is not allowed.
    """
    account = Account(endpoint, user, password or _ask_password(user), template, ca_file)
    report = _Report(output)
    trial = None
    try:
        with open_trial(account, timeout) as trial:
            for group, check in _GROUPS.items():
                report.begin(group)
                for result in _run(group, check, trial):
                    report.add(result)
    except KeyboardInterrupt:
        if trial is not None and (left := _list_left(trial.left)).is_bad:
            say(f"{left.text}. {left.meaning}", err=True)
        raise
    report.begin("AT THE END")
    report.add(_list_left(trial.left))
    report.end()
    if any(result.is_bad for result in report.results):
        sys.exit(FAILED)


class _Report:
    """The results; a table shows each at once."""

    def __init__(self, output: Printer) -> None:
        self._output = output
        self._streams = output.style is Style.TABLE
        self.results: list[Result] = []

    def begin(self, group: str) -> None:
        """Begin another group of checks."""
        if self._streams and self._output.header:
            click.secho(group, bold=True)

    def add(self, result: Result) -> None:
        """Add a result."""
        self.results.append(result)
        if self._streams:
            mark = click.style(f"{result.verdict:<11}", fg=_COLORS[Verdict(result.verdict)])
            click.echo(f"  {mark}  {result.check:<{_WIDTH}}  {clean_line(result.text)}")
            if result.meaning:
                click.echo(f"  {'':11}  {'':{_WIDTH}}  → {clean_line(result.meaning)}")

    def end(self) -> None:
        """Print all results, or for a table their numbers."""
        if self._streams:
            numbers = Counter(result.verdict for result in self.results)
            click.echo(", ".join(f"{numbers[v.value]} {v.value}" for v in Verdict))
        else:
            self._output.print(self.results, _COLUMNS)


def _ask_password(user: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "no password, and stdin is not a terminal to ask at",
            remedy="Use the environment variable ONE2ONE_PASSWORD",
        )
    password: str = click.prompt(f"Password of {user}", hide_input=True, err=True)
    return password


def _run(group: str, check: Callable[[Trial], Iterator[Result]], trial: Trial) -> Iterator[Result]:
    if group not in _WITHOUT_VM and not trial.works:
        yield skip(group.lower(), "no VM can be made there")
        return
    try:
        yield from check(trial)
    except (OneError, Refusal, TimeoutError) as error:
        yield failure(group.lower(), str(error), "What comes after it was not tried")


def _list_left(left: list[int] | None) -> Result:
    if left is None:
        return failure("nothing is left", "it does not tell", "VMs may live on there")
    if left:
        names = ", ".join(map(str, left))
        return failure("nothing is left", f"VMs {names} live", "End them: onevm terminate --hard")
    return success("nothing is left", "every VM has ended")
