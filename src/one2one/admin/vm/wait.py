"""``one2one wait``."""

import sys
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NoReturn

import click

from one2one.admin.options import object_id
from one2one.admin.output import Printer, Style, output_options, say
from one2one.admin.vm.awaited import AwaitedVm, Verdict
from one2one.admin.vm.observer import Look, Observer
from one2one.driver.local import LocalCloud
from one2one.opennebula.errors import ConfigurationError

NEVER, BAD_INPUT, TIMED_OUT = 1, 2, 124
"""Exit statuses. The last is that of timeout(1)."""

_STATES = ("running", "poweroff", "suspended", "stopped", "undeployed", "done")
_COLUMNS = {
    "ID": "id",
    "NAME": "name",
    "STATE": "state",
    "HOST": "host",
    "REMOTE": "remote_id",
    "REMOTE_STATE": "remote_state",
    "VERDICT": "verdict",
    "REASON": "reason",
}
_FIRST_PERIOD_S, _LONGEST_PERIOD_S, _GROWTH = 1.0, 5.0, 1.2
_LONGEST_TIMEOUT_S = 1_000_000


@click.command()
@click.argument("vm_ids", type=object_id, nargs=-1, required=True, metavar="VM_ID...")
@click.option(
    "--for", "state", type=click.Choice(_STATES), required=True, help="The state to wait for."
)
@click.option("--remote", is_flag=True, help="Wait until the remote VMs are in it too.")
@click.option(
    "--timeout",
    type=click.IntRange(1, _LONGEST_TIMEOUT_S),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait.",
)
@output_options
def wait(
    output: Printer, *, vm_ids: tuple[int, ...], state: str, remote: bool, timeout: int
) -> None:
    """Wait until each local VM with an id VM_ID is in a state.

    DEPLOY succeeds while the remote VM is still PENDING: with --remote the remote VM must be in
    the state too.

    \b
    Exit status:
      0    all VMs are in the state
      1    one will never be: it is in a failure state, DONE, or gone
      2    wrong arguments, credentials or settings
      124  not within the timeout
    """  # noqa: D301 - click's own mark
    try:
        observer = Observer(LocalCloud(), set(vm_ids), state.upper(), both_sides=remote)
        vms = _watch(observer, time.monotonic() + timeout)
    except ConfigurationError as error:
        _fail(str(error), BAD_INPUT)
    if output.style is not Style.TABLE:
        output.print(vms, _COLUMNS)
    goal = state.upper()
    if lost := [vm for vm in vms if vm.verdict is Verdict.NEVER]:
        _fail(_tell(lost, f"will not be {goal}"), NEVER)
    if late := [vm for vm in vms if vm.verdict is Verdict.WAITING]:
        _fail(_tell(late, f"is not {goal} after {timeout} s"), TIMED_OUT)
    if output.style is Style.TABLE:
        say("; ".join(_describe(vm) for vm in vms))


def _watch(observer: Observer, deadline: float) -> Sequence[AwaitedVm]:
    """Return the VMs when all have reached it, or one never will, or time is up.

    A thread looks, so that a cloud that does not answer cannot hold up the end.
    """
    looks: SimpleQueue[Look | Exception] = SimpleQueue()
    Thread(target=_look_repeatedly, args=(observer, looks), daemon=True).start()
    vms, outage = observer.list_unread(), ""
    while True:
        try:
            look = looks.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            return vms
        if isinstance(look, Exception):
            raise look
        vms = look.vms
        verdicts = {vm.verdict for vm in vms}
        if Verdict.NEVER in verdicts or verdicts == {Verdict.REACHED}:
            return vms
        if look.outage and look.outage != outage:
            say(f"one2one: still waiting: {look.outage}", err=True)
        outage = look.outage


def _look_repeatedly(observer: Observer, looks: "SimpleQueue[Look | Exception]") -> None:
    period = _FIRST_PERIOD_S
    while True:
        try:
            looks.put(observer.look())
        except Exception as error:  # noqa: BLE001 - the main thread raises it
            looks.put(error)
            return
        time.sleep(period)
        period = min(_LONGEST_PERIOD_S, period * _GROWTH)


def _tell(vms: Sequence[AwaitedVm], what: str) -> str:
    more = f" (and {len(vms) - 1} more)" if len(vms) > 1 else ""
    return f"VM {vms[0].id}{more} {what}: {vms[0].reason}"


def _describe(vm: AwaitedVm) -> str:
    if vm.remote_state:
        return f"VM {vm.id} and its remote VM {vm.remote_id} are {vm.state}"
    return f"VM {vm.id} is {vm.state}"


def _fail(reason: str, status: int) -> NoReturn:
    sys.stdout.flush()
    say(f"one2one: {reason}", err=True)
    sys.exit(status)
