"""The life of a VM in a trial, whatever front-end it has."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from one2one.admin.verify.result import Result, failure, skip, success, warning
from one2one.admin.verify.steps import DELETE, DEPLOY, LIFE, RECREATE, RESUME, Step
from one2one.opennebula.template import Template, Vector

CONTEXT = {
    "ONE2ONE_MONEY": "cost $5 ${HOME} $$ $NAME",
    "ONE2ONE_QUOTES": 'say "hi" & it\'s <this> , = [ ] # \\',
    "ONE2ONE_LINES": "two\nlines\tand a tab",
    "ONE2ONE_EDGES": " \n\tbetween blanks \n",
    "ONE2ONE_FAR": "é 漢",
}
"""Values that a cloud, or a driver, may change on the way."""
_USAGE_S = 90.0
"""The most seconds until a cloud monitors a VM: three times MONITOR_VM of monitord.conf."""


class TriedVm(Protocol):
    """A local VM of a trial, and its remote VM."""

    @property
    def state(self) -> str:
        """The local VM's state."""

    @property
    def monitoring(self) -> Template:
        """What the local cloud knows of its usage."""

    def perform(self, step: Step) -> str:
        """Do an operation until both VMs are in its state; return why they are not."""

    def read_contexts(self) -> tuple[Vector, Vector]:
        """Return the CONTEXT that it should have, and the remote VM's."""

    def cut_off_there(self) -> str:
        """Power the remote VM off, by its own cloud; return why this is not seen here."""

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait at most so many seconds; return the condition's last result."""

    def list_remote_vms(self) -> list[int]:
        """Return the remote VMs that live and are marked as this VM's."""


def try_life(vm: TriedVm) -> Iterator[Result]:
    """Do every operation with a new VM, in an order in which users might do them."""
    yield from try_steps(vm, [DEPLOY])
    if vm.state != "RUNNING":
        return
    yield _compare_contexts(vm)
    yield from try_steps(vm, LIFE)
    yield _check_usage(vm)
    yield _check_mirror(vm)


def try_recovery(vm: TriedVm) -> Iterator[Result]:
    """Replace a new VM, and delete it."""
    yield from try_steps(vm, [DEPLOY])
    first = vm.list_remote_vms()
    yield from try_steps(vm, [RECREATE, DELETE])
    if vm.list_remote_vms():
        left = vm.list_remote_vms()
        yield failure("replaced VMs", f"{first} became {left}", "Deleted VMs live on there")
    else:
        yield success("replaced VMs", "none lives on")


def try_steps(vm: TriedVm, steps: Iterable[Step]) -> Iterator[Result]:
    """Do one step after the other, but none whose VM is not in the state that it needs."""
    for step in steps:
        if (state := vm.state) != step.needs:
            yield skip(step.check, f"the VM is {state}, not {step.needs}")
            continue
        begun = time.monotonic()
        problem = vm.perform(step)
        if problem:
            yield failure(step.check, problem, step.meaning)
        else:
            yield success(step.check, f"{time.monotonic() - begun:.1f} s")


def _compare_contexts(vm: TriedVm) -> Result:
    wanted, arrived = vm.read_contexts()
    changed = [name for name in CONTEXT if arrived.get(name, "") != wanted.get(name, "")]
    if changed:
        return failure("context", f"{', '.join(changed)} changed", "Guests are set up wrongly")
    return success("context", "it arrives byte for byte")


def _check_usage(vm: TriedVm) -> Result:
    def has_usage() -> bool:
        return bool(vm.monitoring.text("CPU") or vm.monitoring.text("MEMORY"))

    if not vm.wait_for(has_usage, _USAGE_S):
        meaning = "What VMs use is not shown. The remote has no monitoring records of this one"
        return warning("usage", "none is told", meaning)
    used = f"CPU {vm.monitoring.text('CPU')} %, MEMORY {vm.monitoring.text('MEMORY')} KB"
    return success("usage", used)


def _check_mirror(vm: TriedVm) -> Result:
    if vm.state != "RUNNING":
        return skip("followed", f"the VM is {vm.state}, not RUNNING")
    if problem := vm.cut_off_there():
        return failure("followed", problem, "States there are not followed")
    if problem := vm.perform(RESUME):
        return failure("followed", problem, RESUME.meaning)
    return success("followed", "what happens to a VM there is seen here")
