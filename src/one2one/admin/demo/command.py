"""``one2one demo``: a burst into a simulated cloud, or into a real one."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import click
from rich.live import Live

from one2one.admin.demo.board import Board, LiveBoard, PlainBoard, summary
from one2one.admin.demo.clouds import Account, DemoClouds, open_clouds
from one2one.admin.demo.lifecycle import LIFE, Progress, clean_up, live
from one2one.admin.options import object_id
from one2one.admin.output import say
from one2one.opennebula.states import State
from opennebula_sandbox.cloud.profile import PROFILES
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings

_MOST_VMS = 100
_SIMULATED = MonitoringSettings(
    beacon_host=1, monitor_host=1, state_vm=1, monitor_vm=1, timer=1, interval=180
)
_LOOK_S = 0.1
_REMOTE_LOOK_S = 1.0


@click.command(context_settings={"show_default": True})
@click.option("--plain", is_flag=True, help="Print lines instead of a live table.")
@click.option("--scripts", is_flag=True, help="Use one_vmm_sh's scripts, not the resident driver.")
@click.option(
    "--generation",
    type=click.Choice(list(PROFILES)),
    default="6.10",
    help="The release of the simulated front-end, and of the simulated remote cloud.",
)
@click.option("--vms", type=click.IntRange(1, _MOST_VMS), default=5, help="How many VMs.")
@click.option("--endpoint", metavar="URL", help="A real remote cloud's XML-RPC.")
@click.option("--user", help="The account in it.")
@click.option(
    "--password",
    envvar="ONE2ONE_PASSWORD",
    show_envvar=True,
    help="Its password or login token; asked for if it is not given.",
)
@click.option("--template", type=object_id, help="The id of a VM template in it.")
@click.option("--ca-file", type=click.Path(exists=True), help="Who signed its certificate (PEM).")
def demo(
    *,
    plain: bool,
    scripts: bool,
    generation: str,
    vms: int,
    endpoint: str | None,
    user: str | None,
    password: str | None,
    template: int | None,
    ca_file: str | None,
) -> None:
    """Lead several VMs through their whole life in another cloud, and show it.

    The front-end is simulated, the driver is the real one. So is the remote cloud, with
    --endpoint, --user and --template: what is made there is destroyed at the end, also after
    Ctrl-C.
    """
    account = None
    if endpoint:
        if user is None or template is None:
            raise click.UsageError("--endpoint needs --user and --template")
        password = password or click.prompt("Password", hide_input=True, err=True)
        account = Account(endpoint, user, password, template, ca_file)
    periods = _SIMULATED if account is None else MonitoringSettings()
    with open_clouds(generation, account, scripts=scripts, monitoring=periods) as sides:
        where = endpoint or f"a simulated OpenNebula {generation}"
        how = "scripts" if scripts else "resident driver"
        click.echo(f"OpenNebula {generation} (simulated), {how}, bursting into {where}\n")
        made = [Progress(sides.create_vm(number)) for number in range(vms)]
        try:
            with _board(plain=plain or not sys.stdout.isatty()) as board:
                _play(made, sides, board, _LOOK_S if account is None else _REMOTE_LOOK_S)
        finally:
            _clean_up(made, sides)
        click.echo(f"\n{summary(made, sides)}")
    _report(made)


def _play(made: list[Progress], sides: DemoClouds, board: Board, pause: float) -> None:
    stopped, ended = threading.Event(), threading.Event()
    with ThreadPoolExecutor(len(made)) as pool:
        lives = [pool.submit(live, one, sides, stopped) for one in made]
        try:
            while not ended.wait(pause):
                if all(future.done() for future in lives):
                    ended.set()
                board.show(sides.host, made, _remote_states(made, sides))
        finally:
            with sides.frontend.clock.lock:  # those that wait for a state wait for this too
                stopped.set()
                sides.frontend.clock.lock.notify_all()
    for future in lives:
        future.result()


def _remote_states(made: list[Progress], sides: DemoClouds) -> dict[int, State]:
    ids = {one.remote_id for one in made if one.remote_id is not None}
    return dict(sides.states(ids))


@contextmanager
def _board(*, plain: bool) -> Iterator[Board]:
    if plain:
        yield PlainBoard()
        return
    with Live(refresh_per_second=10) as drawing:
        yield LiveBoard(drawing)


def _clean_up(made: list[Progress], sides: DemoClouds) -> None:
    alive = [one.vm for one in made if one.vm.state != "DONE"]
    if alive:
        click.echo(f"Cleaning up: {len(alive)} VMs are terminated", err=True)
    left = clean_up(sides, alive)
    if left:
        names = ", ".join(map(str, left))
        raise click.ClickException(f"remote VMs {names} are still there; terminate them by hand")


def _report(made: list[Progress]) -> None:
    failed = [one for one in made if one.failure]
    for one in failed:
        say(f"VM {one.vm.id}: {one.operation} failed: {one.failure}", err=True)
    if failed:
        raise click.ClickException(f"{len(failed)} of {len(made)} VMs failed")
    click.echo(f"\n{len(made)} VMs, {len(LIFE)} operations each, all succeeded; nothing is left.")
