"""``one2one ssh``."""

import os
import shlex
import sys

import click

from one2one.admin.options import object_id
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remotes
from one2one.hybrid.access import (
    build_ssh,
    find_address,
    is_user,
    list_mirrored_addresses,
    list_nic_addresses,
    may_have_guest,
)
from one2one.hybrid.naming import DRIVER, parse_deploy_id
from one2one.hybrid.ownership import check_owner
from one2one.hybrid.settings import Settings
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import Vm


def _check_user(_: click.Context, __: click.Parameter, name: str) -> str:
    if not is_user(name):
        raise click.BadParameter(f"{name[:60]!r} is not the name of a user.")
    return name


@click.command()
@click.argument("vm_id", type=object_id)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--user",
    default="root",
    show_default=True,
    metavar="NAME",
    callback=_check_user,
    help="The guest's user.",
)
@click.option("--print", "shows", is_flag=True, help="Only show the command line.")
def ssh(vm_id: int, command: tuple[str, ...], *, user: str, shows: bool) -> None:
    """Log in to the guest of the local VM with the id VM_ID, or run COMMAND there.

    It runs ssh with the VM's first address, by way of the host's ONE_SSH_JUMP if there is one.
    Write -- before a COMMAND with options. The exit status is ssh's.
    """
    arguments = _find_way(LocalCloud(), vm_id, user, command)
    if shows:
        click.echo(shlex.join(arguments))
        return
    sys.stdout.flush()
    try:
        os.execvp(arguments[0], arguments)  # noqa: S606 - no shell is wanted
    except FileNotFoundError:
        raise click.ClickException("there is no ssh here. Install OpenSSH's client") from None


def _find_way(local: LocalCloud, vm_id: int, user: str, command: tuple[str, ...]) -> list[str]:
    """Return ssh's arguments; raises Refused for a VM that has no guest to reach."""
    vm = local.get_vm(vm_id)
    if not vm.history:
        raise Refused(f"VM {vm_id} was never on a host", remedy="Deploy it first")
    host = local.get_host(vm.history[-1].host_id)
    if host.vm_mad != DRIVER:
        raise Refused(
            f"VM {vm_id} is not hybrid: host {host.name} is a host of this cloud",
            remedy=f"Use: onevm ssh {vm_id}",
        )
    if not may_have_guest(vm):
        raise Refused(f"VM {vm_id} is {vm.state}", remedy="Its guest has to run")
    settings = local.read_settings_of(host)
    address = find_address(list_mirrored_addresses(vm))
    address = address or find_address(list_nic_addresses(_read_remote(local, vm, settings)))
    if address is None:
        raise Refused(
            f"VM {vm_id} has no address that can be reached",
            remedy="The networks are those of its remote template",
        )
    return build_ssh(address, user, settings.ssh_jump, command)


def _read_remote(local: LocalCloud, vm: Vm, settings: Settings) -> Vm:
    """Return the VM's remote VM; raises Refused for another's."""
    remotes = Remotes(local)
    try:
        remote = remotes.open(settings).cloud.get_vm(parse_deploy_id(vm.deploy_id))
    finally:
        remotes.close()
    check_owner(vm, remote, settings.hybrid_id, settings.host_name)
    return remote
