"""``opennebula-sandbox``: a simulated OpenNebula that drivers and clients can use."""

import os
import signal
import threading
from pathlib import Path

import click

from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.profile import PROFILES

_PASSWORD_VARIABLE = "OPENNEBULA_SANDBOX_PASSWORD"  # noqa: S105 - the name of one
_DEFAULT_PASSWORD = "burstpass"  # noqa: S105 - of a sandbox, and printed


def _address(_context: click.Context, _option: click.Parameter, value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal():
        raise click.BadParameter(f"{value} is not HOST:PORT")
    return host, int(port)


@click.command(context_settings={"show_default": True})
@click.option(
    "--listen",
    callback=_address,
    default="127.0.0.1:2733",
    metavar="HOST:PORT",
    help="Port 0 means any free port.",
)
@click.option(
    "--version",
    "release",
    type=click.Choice(list(PROFILES)),
    default="6.10",
    help="The OpenNebula release to simulate.",
)
@click.option("--templates", type=click.IntRange(1), default=3, help="The number of VM templates.")
@click.option(
    "--delay",
    type=click.FloatRange(0),
    default=1.0,
    metavar="SECONDS",
    help="How long each intermediate state of a VM lasts.",
)
@click.option(
    "--user",
    default="burst",
    envvar="OPENNEBULA_SANDBOX_USER",
    show_envvar=True,
    help="The name of the ordinary user.",
)
@click.option(
    "--certificate",
    nargs=2,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE KEY",
    help="Use TLS with this certificate and its key (PEM).",
)
def sandbox(
    listen: tuple[str, int],
    release: str,
    templates: int,
    delay: float,
    user: str,
    certificate: tuple[Path, Path] | None,
) -> None:
    """Serve a simulated OpenNebula until it is interrupted.

    It answers XML-RPC calls as recorded OpenNebula clouds (5.10, 6.10, 7.2, 7.4) do: users, quotas,
    VM templates, and VMs with all their states. It needs no hypervisor, no database and no
    privileges. It keeps nothing when it ends.

    You can try the driver without a second cloud: start the sandbox, and give a hybrid host of
    your front-end the attributes that it prints:

    \b
      opennebula-sandbox --listen 127.0.0.1:2733 --version 7.2 --templates 5
      onehost update <host>       # ONE_ENDPOINT, ONE_USER, ONE_PASSWORD
      export ONE_XMLRPC=http://127.0.0.1:2733/RPC2
      onevm list --user burst --password burstpass

    A VM ignores a graceful shutdown if its template has SANDBOX_IGNORES_ACPI="YES". It fails in
    the LCM states of SANDBOX_FAILS, for example SANDBOX_FAILS="BOOT".

    The password is burstpass, or the value of OPENNEBULA_SANDBOX_PASSWORD. The administrator
    oneadmin has the same password.
    """  # noqa: D301 - click takes a real backspace for "leave this paragraph as it is"
    if user == "oneadmin":
        raise click.BadParameter("oneadmin is the administrator", param_hint="--user")
    password = os.environ.get(_PASSWORD_VARIABLE, _DEFAULT_PASSWORD)
    host, port = listen
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        cloud = SimulatedCloud(
            release,
            templates=templates,
            user=user,
            password=password,
            delay=delay,
            host=host,
            port=port,
            certificate=certificate,
        )
        cloud.start()
    except OSError as error:
        raise click.ClickException(f"cannot serve on {host}:{port}: {error.strerror}") from None
    cloud.oneadmin.password = password
    click.echo(_introduction(cloud))
    ended.wait()
    cloud.stop()


def _introduction(cloud: SimulatedCloud) -> str:
    default = cloud.password == _DEFAULT_PASSWORD
    password = _DEFAULT_PASSWORD if default else f"(the one in {_PASSWORD_VARIABLE})"
    templates = ", ".join(
        f"{number} {template.name}" for number, template in cloud.oned.templates.items()
    )
    return "\n".join(
        (
            f"OpenNebula {cloud.oned.profile.version} (simulated) at {cloud.endpoint}",
            f"User {cloud.user}, password {password}, VM templates: {templates}",
            "",
            "Attributes of a hybrid host that uses this cloud:",
            f'  ONE_ENDPOINT = "{cloud.endpoint}"',
            f'  ONE_USER = "{cloud.user}"',
            f'  ONE_PASSWORD = "{password}"',
            '  ONE_CAPACITY = [ CPU = "0", MEMORY = "0" ]',
            "Attribute of a local VM template that may run in this cloud:",
            '  PUBLIC_CLOUD = [ TYPE = "opennebula", TEMPLATE_ID = "0" ]',
            "",
            "Ctrl-C ends it.",
        )
    )
