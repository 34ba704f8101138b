"""``one2one drain``."""

import sys
from contextlib import closing
from dataclasses import dataclass, replace

import click

from one2one.admin.cli import FAILED
from one2one.admin.drain.drain import Drain, Outcomes
from one2one.admin.drain.way import POWEROFF, UNDEPLOY, Step, Way
from one2one.admin.hosts import find_host, format_state
from one2one.admin.output import Printer, output_options, say
from one2one.admin.release.release import Release
from one2one.admin.vm.pairs import PairReader, VmPair
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remotes
from one2one.opennebula.administration import HostStatus, set_host_status
from one2one.opennebula.errors import OneError

TIMED_OUT = 124
"""As that of timeout(1)."""
_COLUMNS = {
    "ID": "id",
    "NAME": "name",
    "OWNER": "owner",
    "STATE": "state",
    "REMOTE": "remote_id",
    "REMOTE_STATE": "remote_state",
    "OUTCOME": "outcome",
}
_WAYS = {"poweroff": POWEROFF, "undeploy": UNDEPLOY}
_LEFT = "is left"


@dataclass(frozen=True)
class DrainRow:
    """A local VM of the host, and what became of it."""

    id: int
    name: str
    owner: str
    state: str
    remote_id: int | None
    remote_state: str
    outcome: str


@click.command()
@click.argument("host")
@click.option("--poweroff", is_flag=True, help="Power the VMs off.")
@click.option("--undeploy", is_flag=True, help="Undeploy them.")
@click.option("--release", is_flag=True, help="Give them back, as one2one release does.")
@click.option("--hard", is_flag=True, help="Do not ask the guests.")
@click.option(
    "--timeout",
    type=click.IntRange(1, 1_000_000),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long --poweroff and --undeploy may take.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@output_options
def drain(
    output: Printer, *, host: str, hard: bool, timeout: int, dry_run: bool, **ways: bool
) -> None:
    """Disable HOST, so that it gets no new VMs, and list those that are left on it.

    With one of the options they are brought off it. The list shows those too that are STOPPED or
    UNDEPLOYED, because their disks are in the remote cloud. To use the host again: onehost enable.

    \b
    Exit status:
      0    all of it is done
      124  not within the timeout
      255  some of it cannot be done
    """  # noqa: D301 - click's own mark
    asked = [name for name, is_asked in ways.items() if is_asked]
    if len(asked) > 1:
        raise click.UsageError("only one of --poweroff, --undeploy, --release can be done")
    way = asked[0] if asked else None
    if hard and way not in _WAYS:
        raise click.UsageError("--hard is for --poweroff and --undeploy")
    local = LocalCloud()
    chosen = find_host(local, host)
    if not dry_run and format_state(chosen) not in ("dsbl", "off"):
        set_host_status(local.cloud, chosen.id, HostStatus.DISABLED)
        say(f"host {chosen.name} is disabled", err=True)
    with PairReader(local) as pairs:
        before = pairs.read(chosen)
        outcomes = _bring_off(local, way, before, hard=hard, timeout=timeout, dry_run=dry_run)
        after = pairs.read(chosen) if way and not dry_run else before
    now = {pair.id: pair for pair in after}
    output.print([_make_row(pair, now.get(pair.id), outcomes) for pair in before], _COLUMNS)
    if outcomes.failed:
        sys.exit(FAILED)
    if outcomes.late:
        sys.exit(TIMED_OUT)


def _bring_off(
    local: LocalCloud,
    way: str | None,
    pairs: list[VmPair],
    *,
    hard: bool,
    timeout: int,
    dry_run: bool,
) -> Outcomes:
    ids = [pair.id for pair in pairs]
    if way is None:
        return Outcomes(dict.fromkeys(ids, _LEFT))
    if way == "release":
        return _release(local, ids, dry_run=dry_run)
    if dry_run:
        return _foresee(_WAYS[way], pairs)
    return Drain(local, _WAYS[way], _tell, hard=hard).run(ids, timeout)


def _foresee(way: Way, pairs: list[VmPair]) -> Outcomes:
    words = {
        Step.REACHED: "stays as it is",
        Step.ACT: f"would be {way.done}",
        Step.WAIT: f"would be {way.done} when its operation has ended",
        Step.NEVER: f"cannot be {way.done}",
    }
    return Outcomes({pair.id: words[way.step(pair.state)] for pair in pairs})


def _release(local: LocalCloud, vm_ids: list[int], *, dry_run: bool) -> Outcomes:
    outcomes, failed = dict[int, str](), set[int]()
    with closing(Remotes(local)) as remotes:
        releases = Release(local, remotes)
        do = releases.check if dry_run else releases.release
        for vm_id in vm_ids:
            try:
                outcomes[vm_id] = do(vm_id).outcome
            except OneError as error:
                outcomes[vm_id] = f"cannot be released: {error}"
                failed.add(vm_id)
            if not dry_run:
                _tell(f"{len(outcomes)} of {len(vm_ids)}: VM {vm_id} {outcomes[vm_id]}")
    return Outcomes(outcomes, frozenset(failed))


def _tell(line: str) -> None:
    say(line, err=True)


def _make_row(pair: VmPair, now: VmPair | None, outcomes: Outcomes) -> DrainRow:
    """Return a row; *now* is the VM as it is at the end, None if it is DONE."""
    now = now or replace(pair, state="DONE", remote_state="")
    return DrainRow(
        id=pair.id,
        name=pair.name,
        owner=pair.owner,
        state=now.state,
        remote_id=pair.remote_id,
        remote_state=now.remote_state,
        outcome=outcomes.by_vm[pair.id],
    )
