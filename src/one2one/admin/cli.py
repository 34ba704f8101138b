"""``one2one``: its subcommands, each imported only when it is used.

Like OpenNebula's own commands it exits with 0, or with 255 after one line on stderr. ``wait`` and
``ssh`` have other statuses too.
"""

import importlib
import os
import sys
from typing import Any, NamedTuple, NoReturn

import click

from one2one import __version__
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import to_one_error

FAILED = 255

_SANDBOX = "opennebula_sandbox"
_WITHOUT_SANDBOX = (
    "{} needs opennebula-sandbox, a package of its own. "
    "Install it from one2one's sources: pip install . ./src/opennebula_sandbox"
)


class Subcommand(NamedTuple):
    """The module of a subcommand, its name there, and its purpose."""

    module: str
    name: str
    help: str
    usage_status: int = FAILED
    """The exit status after wrong arguments."""


SUBCOMMANDS = {
    "adopt": Subcommand("one2one.admin.adopt.command", "adopt", "Make local VMs of remote ones."),
    "demo": Subcommand(
        "one2one.admin.demo.command", "demo", "Show a burst into a simulated cloud."
    ),
    "doctor": Subcommand("one2one.admin.doctor.command", "doctor", "Check everything, read-only."),
    "drain": Subcommand("one2one.admin.drain.command", "drain", "Empty a hybrid host."),
    "host": Subcommand("one2one.admin.host.command", "host", "Create, list and show hybrid hosts."),
    "install": Subcommand("one2one.admin.install.command", "install", "Install the drivers."),
    "reap": Subcommand("one2one.admin.reap.command", "reap", "Destroy what no local VM owns."),
    "release": Subcommand(
        "one2one.admin.release.command", "release", "Give remote VMs back to their cloud."
    ),
    "sandbox": Subcommand("opennebula_sandbox.command", "sandbox", "Serve a simulated OpenNebula."),
    "show": Subcommand("one2one.admin.vm.command", "show", "Show both sides of one VM."),
    "ssh": Subcommand("one2one.admin.vm.ssh", "ssh", "Log in to a hybrid VM's guest."),
    "status": Subcommand("one2one.admin.vm.command", "status", "List the hybrid VMs, both sides."),
    "support": Subcommand(
        "one2one.admin.support.command", "support", "Collect facts about a problem."
    ),
    "template": Subcommand(
        "one2one.admin.template.command", "template", "List and sync templates."
    ),
    "uninstall": Subcommand("one2one.admin.install.command", "uninstall", "Remove the drivers."),
    "usage": Subcommand("one2one.admin.usage.command", "usage", "Tell what each user's VMs used."),
    "verify": Subcommand("one2one.admin.verify.command", "verify", "Try out a remote or a host."),
    "wait": Subcommand("one2one.admin.vm.wait", "wait", "Wait for a VM's state.", usage_status=2),
}


def import_module(command: str, module: str) -> Any:
    """Return a module of a subcommand; raises ClickException where it needs a missing sandbox."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != _SANDBOX:
            raise
        raise click.ClickException(_WITHOUT_SANDBOX.format(command)) from None


class _Commands(click.Group):
    """The subcommands; listing them imports none."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUBCOMMANDS:
            return None
        entry = SUBCOMMANDS[cmd_name]
        command: click.Command = getattr(import_module(cmd_name, entry.module), entry.name)
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in SUBCOMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="one2one")
def commands() -> None:
    """Run virtual machines of this OpenNebula in another OpenNebula.

    Run it as oneadmin on the front-end. The local cloud is found as OpenNebula's own commands
    find it: ONE_AUTH, ONE_XMLRPC, ~/.one.
    """


def main() -> NoReturn:
    """Run the command line."""
    for stream in filter(None, (sys.stdout, sys.stderr)):  # a shell may have closed either
        stream.reconfigure(errors="replace")
    try:
        status = commands.main(prog_name="one2one", standalone_mode=False)
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head(1), has closed the pipe
        _drop_output()
        sys.exit(FAILED)
    except click.UsageError as error:
        sys.exit(_usage_error(error))
    except click.ClickException as error:
        sys.exit(_fail(error.format_message()))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_fail("interrupted"))
    except OSError as error:
        _drop_output()
        sys.exit(_fail(f"{error.filename}: {error.strerror}" if error.filename else str(error)))
    except Exception as error:  # noqa: BLE001 - every error becomes one line
        sys.exit(_fail(str(to_one_error(error))))
    sys.exit(status)


def _drop_output() -> None:
    """Drop what cannot be written: Python tries it again at its end, and shows a traceback."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage_error(error: click.UsageError) -> int:
    said = error.format_message()
    if "\n" in said and error.ctx and isinstance(error.ctx.command, click.Group):
        # the help of a group that was called without a subcommand
        click.echo(said, err=True)
        return FAILED
    path = error.ctx.command_path if error.ctx else "one2one"
    _fail(f"{said.rstrip('.')}. See: {path} --help")
    entry = SUBCOMMANDS.get(path.removeprefix("one2one "))
    return entry.usage_status if entry else FAILED


def _fail(reason: str) -> int:
    click.echo(f"one2one: {clean_line(reason)}", err=True)
    return FAILED
