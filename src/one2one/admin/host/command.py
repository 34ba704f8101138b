"""``one2one host``: create, list, show."""

from pathlib import Path

import click

from one2one.admin.host.create import check_remote, create
from one2one.admin.host.password import VARIABLE, read_password
from one2one.admin.host.view import HostView, format_quota, view_host, view_hosts
from one2one.admin.hosts import find_host
from one2one.admin.output import Printer, output_options, say
from one2one.driver.local import LocalCloud
from one2one.opennebula.ids import MAX_ID
from one2one.opennebula.template import Template

_COLUMNS = {
    "ID": "id",
    "NAME": "name",
    "STAT": "state",
    "REMOTE": "endpoint",
    "VERSION": "version",
    "VMS": "vms",
    "ALLOCATED_CPU": "cpu_share",
    "ALLOCATED_MEM": "memory_share",
    "QUOTA": "quota",
    "CONTACT": "last_contact",
}


@click.group()
def host() -> None:
    """Create, list and show hybrid hosts: those that stand for a remote OpenNebula."""


@host.command("create")
@click.argument("name")
@click.option("--endpoint", required=True, help="The remote's XML-RPC: https://…:2633/RPC2")
@click.option("--user", required=True, help="The account in the remote cloud.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"A file with the password or token; without it, ${VARIABLE} or a question.",
)
@click.option(
    "--cluster",
    type=click.IntRange(-1, MAX_ID),
    default=-1,
    help="The id of the cluster to put it into.",
)
@click.option("--cpu", type=click.FloatRange(0), default=0, help="Offer no more cores than this.")
@click.option("--memory", type=click.IntRange(0), default=0, help="Offer no more MB than this.")
@click.option("--ca-file", help="The authorities that the remote's certificate comes from (PEM).")
@click.option("--proxy", help="An HTTP proxy on the way: http://host:port")
def create_command(
    name: str,
    endpoint: str,
    user: str,
    password_file: Path | None,
    cluster: int,
    cpu: float,
    memory: int,
    ca_file: str | None,
    proxy: str | None,
) -> None:
    """Create the host NAME for a remote cloud, once that answers.

    The password is never an argument, where every user of this machine could read it.
    """
    local = LocalCloud()
    attributes = Template(
        [
            ("ONE_ENDPOINT", endpoint),
            ("ONE_USER", user),
            ("ONE_PASSWORD", read_password(user, password_file)),
            ("ONE_CAPACITY", {"CPU": f"{100 * cpu:g}", "MEMORY": str(memory)}),
            ("PUBLIC_CLOUD", "YES"),
            ("HYPERVISOR", "opennebula"),
        ]
    )
    for attribute, value in (("ONE_CA_FILE", ca_file), ("ONE_PROXY", proxy)):
        if value:
            attributes.add(attribute, value)
    account = check_remote(name, attributes)
    say(
        f"{endpoint} is an OpenNebula {account.version}; {account.user} (group {account.group})"
        f" may use {account.templates} templates; VMs: {format_quota(account.quotas.vms)}"
    )
    created = create(local, name, attributes, cluster)
    click.echo(f"ID: {created.id}")
    if created.password_is_clear:
        click.echo(
            "WARNING: oned keeps the password in clear text. Have it encrypted:"
            " one2one install, restart OpenNebula, onehost update",
            err=True,
        )


@host.command("list")
@output_options
def list_command(output: Printer) -> None:
    """List the hybrid hosts with what their remote clouds say."""
    hosts = view_hosts(LocalCloud())
    output.print(hosts, _COLUMNS)
    for view in hosts:
        if view.problem:
            say(f"{view.name}: {view.problem}", err=True)


@host.command("show")
@click.argument("name")
@output_options
def show_command(name: str, output: Printer) -> None:
    """Show the hybrid host NAME (or its id): both sides, with quotas."""
    local = LocalCloud()
    view = view_host(local, find_host(local, name))
    output.print_one(view, _sections(view))


def _sections(view: HostView) -> dict[str, dict[str, object]]:
    sections: dict[str, dict[str, object]] = {
        f"HOST {view.id}": {
            "NAME": view.name,
            "STATE": view.state,
            "LAST CONTACT": view.last_contact,
            "RUNNING VMS": view.vms,
            "ALLOCATED CPU": view.cpu_share,
            "ALLOCATED MEMORY": view.memory_share,
        },
        "REMOTE CLOUD": {"ENDPOINT": view.endpoint, "VERSION": view.version},
    }
    if view.remote is None:
        sections["REMOTE CLOUD"]["PROBLEM"] = view.problem
        return sections
    for title, quotas in (
        ("QUOTAS OF THE ACCOUNT", view.remote.user_quotas),
        ("QUOTAS OF ITS GROUP", view.remote.group_quotas),
    ):
        sections[title] = {
            "VMS": format_quota(quotas.vms),
            "CPU": format_quota(quotas.cpu),
            "MEMORY": format_quota(quotas.memory),
            "SYSTEM DISK": format_quota(quotas.system_disk_size),
            "RUNNING VMS": format_quota(quotas.running_vms),
            "RUNNING CPU": format_quota(quotas.running_cpu),
            "RUNNING MEMORY": format_quota(quotas.running_memory),
        }
    return sections
