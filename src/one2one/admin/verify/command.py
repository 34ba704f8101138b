"""``one2one verify``."""

import sys
from typing import Any

import click
from click.core import ParameterSource

from one2one.admin.cli import import_module
from one2one.admin.options import object_id
from one2one.admin.output import Printer, output_options
from one2one.admin.verify.host.command import verify_host
from one2one.admin.verify.host.vm import Watch
from one2one.admin.verify.report import Report
from one2one.opennebula.errors import ConfigurationError


def _environment(name: str) -> dict[str, Any]:
    return {"envvar": f"ONE2ONE_{name}", "show_envvar": True}


@click.command(context_settings={"show_default": True})
@click.option("--host", metavar="HOST", help="Try this hybrid host, through the local cloud.")
@click.option("--endpoint", metavar="URL", help="Its XML-RPC.", **_environment("ENDPOINT"))
@click.option("--user", help="The account in it.", **_environment("USER"))
@click.option(
    "--password",
    help="Its password or login token; asked for if it is not given.",
    **_environment("PASSWORD"),
)
@click.option(
    "--template",
    type=object_id,
    required=True,
    help="The id of a VM template in it; with --host of a local one.",
    **_environment("TEMPLATE"),
)
@click.option(
    "--ca-file",
    type=click.Path(exists=True),
    help="Who signed its certificate (PEM).",
    **_environment("CA_FILE"),
)
@click.option(
    "--proxy", metavar="URL", help="An HTTP proxy on the way to it.", **_environment("PROXY")
)
@click.option(
    "--timeout",
    type=click.FloatRange(1),
    default=300.0,
    metavar="SECONDS",
    help="How long an operation there may take.",
)
@click.option(
    "--later",
    type=click.FloatRange(0),
    default=6.0,
    metavar="SECONDS",
    help="With --host: after how long both sides are compared again.",
)
@click.option("--network", type=object_id, help="With --host: a local network for NICs.")
@click.option(
    "--quick",
    is_flag=True,
    help="With --host: do not wait until a VM that was terminated while off is destroyed there.",
)
@output_options
@click.pass_context
def verify(
    context: click.Context,
    output: Printer,
    *,
    host: str | None,
    endpoint: str | None,
    user: str | None,
    password: str | None,
    template: int,
    ca_file: str | None,
    proxy: str | None,
    timeout: float,
    later: float,
    network: int | None,
    quick: bool,
) -> None:
    """Try out a remote OpenNebula before it is used, or a hybrid host that is in use.

    The real drivers make several VMs from one template, one at a time, do every operation with
    them and destroy them. No VM is left on either side, also after Ctrl-C or SIGTERM.

    With --host the local cloud is asked, as its users ask it, and both sides are compared after
    each operation, and again later. Run it as oneadmin, after an installation or an upgrade.
    The report has no secrets: send it along with a bug report.

    Without --host the front-end is simulated: no local OpenNebula is needed or touched. Some calls
    are lost, and one driver is killed.

    The exit status is 0 if all works, and 255 if something fails or is not allowed.
    """
    report = Report(output)
    if host is not None:
        _refuse_both(context)
        verify_host(report, host, template, Watch(timeout, later), network, quick=quick)
    else:
        if not endpoint or not user:
            raise click.UsageError("Missing option '--host', or '--endpoint' and '--user'.")
        # It needs the sandbox, which the trial of a host does not.
        remote = import_module("verify", "one2one.admin.verify.remote.command")
        clouds = import_module("verify", "one2one.admin.demo.clouds")
        password = password or _ask_password(user)
        account = clouds.Account(endpoint, user, password, template, ca_file, proxy)
        remote.verify_remote(report, account, timeout)
    report.end()


def _refuse_both(context: click.Context) -> None:
    """Raise UsageError for options of a remote; those in the environment do not count."""
    for name in ("endpoint", "user", "password", "ca_file", "proxy"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = name.replace("_", "-")
            raise click.UsageError(f"--host has its own --{option}. Leave one of them out")


def _ask_password(user: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "no password, and stdin is not a terminal to ask at",
            remedy="Use the environment variable ONE2ONE_PASSWORD",
        )
    password: str = click.prompt(f"Password of {user}", hide_input=True, err=True)
    return password
