"""Operations that a host may pass through: each must arrive, or be refused and change nothing."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from one2one.admin.verify.host.vm import HybridVm, Look, find_new_error
from one2one.admin.verify.result import Result, failure, skip, success
from one2one.hybrid.pass_through import ACTIONS, PassedAction
from one2one.opennebula import devices
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.errors import OneError
from one2one.opennebula.ids import read_id
from one2one.opennebula.records import Vm
from one2one.opennebula.template import Template, to_xml

_MORE_MB = 64
_DISK_MB = 8
_TRIED = "ONE2ONE_CHANGED"


@dataclass(frozen=True)
class Surroundings:
    """What decides which operations can be tried."""

    local: Cloud
    version: tuple[int, ...]
    """The local oned's release."""
    remote_version: tuple[int, ...]
    passed: frozenset[str]
    """The kinds in ONE_PASS_THROUGH."""
    scripts: bool
    """Whether the drivers are scripts."""
    network: int | None
    """The local network for NICs."""


@dataclass(frozen=True)
class _Change:
    """An operation of ``hybrid.pass_through``, and how it is tried."""

    action: str
    ask: Callable[[Surroundings, Vm], object]
    """Asks the local cloud for it; raises LookupError where there is nothing to ask for."""
    measure: Callable[[Vm], object]
    """Returns what it changes in the remote VM."""


def try_changes(vm: HybridVm, around: Surroundings) -> Iterator[Result]:
    """Ask for every operation that is passed through, or refused, of a VM that runs."""
    for change in _CHANGES:
        row = next(row for row in ACTIONS if row.action == change.action)
        if reason := _find_obstacle(row, vm.look(), around):
            yield skip(row.command, reason)
        else:
            yield _try(change, row, vm, around)


def _find_obstacle(row: PassedAction, now: Look, around: Surroundings) -> str:
    if not now.are_both("RUNNING"):
        return f"{now}, not RUNNING"
    if row.kind == "DISK" and around.scripts and around.version < (7, 0):
        return f"the stock shell of {_format(around.version)} never answers it"
    if row.kind == "NIC" and around.network is None:
        return "it needs a network: --network"
    if row.kind not in around.passed:
        return ""
    if around.version < parse_release(row.since):
        return f"OpenNebula {_format(around.version)} does not ask its drivers for it"
    if around.remote_version < parse_release(row.remote_since):
        return f"the remote's OpenNebula {_format(around.remote_version)} does not do it"
    return ""


def _try(change: _Change, row: PassedAction, vm: HybridVm, around: Surroundings) -> Result:
    before = vm.look()
    begun = time.monotonic()
    problem = ""
    try:
        change.ask(around, before.local)
    except LookupError as reason:
        return skip(row.command, str(reason.args[0]))
    except OneError as error:
        problem = error.cause
    stuck = vm.wait("RUNNING", before.local)
    after = vm.look()
    if not after.are_both("RUNNING"):
        return failure(row.command, stuck or str(after), "It is not carried out, nor refused")
    if before.remote is None or after.remote is None:
        return failure(row.command, str(after), "The remote VM is lost")
    arrived = change.measure(before.remote) != change.measure(after.remote)
    problem = problem or stuck
    if row.kind not in around.passed:
        if arrived:
            return failure(row.command, "it was carried out", "ONE_PASS_THROUGH is not kept")
        return success(row.command, f"refused, as {row.kind} is not passed through")
    if problem or not arrived:
        text = (
            problem or find_new_error(after.local, before.local) or "the remote VM did not change"
        )
        return failure(row.command, text, f"Take {row.kind} out of ONE_PASS_THROUGH")
    return success(row.command, f"{time.monotonic() - begun:.1f} s")


def parse_release(release: str) -> tuple[int, ...]:
    """Return a release, such as 6.10.0 or 6.10, as numbers."""
    return tuple(int(part) for part in release.split(".") if part.isdecimal())


def _format(release: tuple[int, ...]) -> str:
    return ".".join(map(str, release))


def _find_newest(vm: Vm, section: str, member: str) -> int:
    """Return the newest snapshot's, disk's or NIC's number; raises LookupError without one."""
    numbers = [read_id(one.get(member)) for one in vm.template.vectors(section)]
    known = [number for number in numbers if number is not None]
    if not known:
        raise LookupError(f"the VM has no {section}")
    return max(known)


def _update_context(around: Surroundings, vm: Vm) -> None:
    context = {**vm.template.vector("CONTEXT"), _TRIED: "yes"}
    around.local.update_configuration(vm.id, to_xml(Template([("CONTEXT", context)])))


def _resize(around: Surroundings, vm: Vm) -> None:
    memory = read_id(vm.template.text("MEMORY")) or 0
    around.local.resize_vm(vm.id, to_xml(Template([("MEMORY", str(memory + _MORE_MB))])))


def _attach_disk(around: Surroundings, vm: Vm) -> None:
    disk = {"TYPE": "fs", "SIZE": str(_DISK_MB), "FORMAT": "raw"}
    devices.attach_disk(around.local.client, vm.id, disk)


def _resize_disk(around: Surroundings, vm: Vm) -> None:
    number = _find_newest(vm, "DISK", "DISK_ID")
    devices.resize_disk(around.local.client, vm.id, number, 2 * _DISK_MB)


def _detach_disk(around: Surroundings, vm: Vm) -> None:
    devices.detach_disk(around.local.client, vm.id, _find_newest(vm, "DISK", "DISK_ID"))


def _attach_nic(around: Surroundings, vm: Vm) -> None:
    devices.attach_nic(around.local.client, vm.id, {"NETWORK_ID": str(around.network)})


def _detach_nic(around: Surroundings, vm: Vm) -> None:
    devices.detach_nic(around.local.client, vm.id, _find_newest(vm, "NIC", "NIC_ID"))


def _count(section: str) -> Callable[[Vm], object]:
    return lambda vm: len(vm.template.vectors(section))


_CHANGES = (
    _Change(
        "SNAPSHOTCREATE",
        lambda around, vm: around.local.create_snapshot(vm.id, "one2one verify"),
        _count("SNAPSHOT"),
    ),
    _Change(
        "SNAPSHOTDELETE",
        lambda around, vm: around.local.delete_snapshot(
            vm.id, _find_newest(vm, "SNAPSHOT", "SNAPSHOT_ID")
        ),
        _count("SNAPSHOT"),
    ),
    _Change("RESIZE", _resize, lambda vm: vm.template.text("MEMORY")),
    _Change("UPDATECONF", _update_context, lambda vm: vm.template.vector("CONTEXT").get(_TRIED)),
    _Change("ATTACHDISK", _attach_disk, _count("DISK")),
    _Change("RESIZEDISK", _resize_disk, lambda vm: vm.template.vectors("DISK")),
    _Change("DETACHDISK", _detach_disk, _count("DISK")),
    _Change("ATTACHNIC", _attach_nic, _count("NIC")),
    _Change("DETACHNIC", _detach_nic, _count("NIC")),
)
"""All but the revert of a snapshot, which no VM shows."""
