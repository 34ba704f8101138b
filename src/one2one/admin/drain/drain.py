"""Brings the VMs of a host to rest, all at once, and watches them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from one2one.admin.drain.way import Step, Way
from one2one.driver.local import LocalCloud
from one2one.opennebula.errors import OneError, Refused
from one2one.opennebula.pools import VISIBLE
from one2one.opennebula.records import VmSummary

_LOOK_S = 1.0


@dataclass
class _Task:
    """One VM on its way."""

    vm_id: int
    asked: bool = False
    moved: bool = False
    """Whether it was seen on its way after that."""
    outcome: str = ""
    failed: bool = False

    def end(self, outcome: str, *, failed: bool = False) -> None:
        self.outcome, self.failed = outcome, failed


@dataclass(frozen=True)
class Outcomes:
    """What became of the VMs."""

    by_vm: dict[int, str]
    failed: frozenset[int] = frozenset()
    late: frozenset[int] = frozenset()
    """Those that were on their way when time was up."""


class Drain:
    """VMs that are all powered off, or undeployed."""

    def __init__(
        self, local: LocalCloud, way: Way, tell: Callable[[str], None], *, hard: bool
    ) -> None:
        """*tell* writes a line of progress. *hard* does not ask the guests."""
        self._local = local
        self._way = way
        self._tell = tell
        self._action = f"{way.action}-hard" if hard else way.action

    def run(self, vm_ids: list[int], seconds: float) -> Outcomes:
        """Do it, for some *seconds* at most; raises the errors of a call that only reads."""
        deadline = time.monotonic() + seconds
        tasks = [_Task(vm_id) for vm_id in vm_ids]
        while True:
            self._look([task for task in tasks if not task.outcome], tasks)
            left = [task for task in tasks if not task.outcome]
            if not left or time.monotonic() >= deadline:
                break
            time.sleep(_LOOK_S)
        for task in left:
            task.outcome = f"is not {self._way.done} after {seconds:g} s"
        return Outcomes(
            {task.vm_id: task.outcome for task in tasks},
            frozenset(task.vm_id for task in tasks if task.failed),
            frozenset(task.vm_id for task in left),
        )

    def _look(self, tasks: list[_Task], all_tasks: list[_Task]) -> None:
        ids = [task.vm_id for task in tasks]
        rows = {row.id: row for row in self._local.cloud.list_summaries_by_id(ids, VISIBLE)}
        for task in tasks:
            # Before 5.12 a list leaves out what is DONE.
            self._go_on(task, rows.get(task.vm_id) or self._local.cloud.find_summary(task.vm_id))
            if task.outcome:
                ended = sum(bool(one.outcome) for one in all_tasks)
                self._tell(f"{ended} of {len(all_tasks)}: VM {task.vm_id} {task.outcome}")

    def _go_on(self, task: _Task, row: VmSummary | None) -> None:
        state = str(row.state) if row else "DONE"
        step = self._way.step(state)
        if step is Step.REACHED:
            task.end(f"is {self._way.done}" if task.asked else f"is {state}")
        elif step is Step.NEVER:
            task.end(f"is {state}, and cannot be {self._way.done}", failed=True)
        elif step is Step.WAIT:
            task.moved = task.asked
        elif task.moved:
            task.end(f"is {state} again{self._read_error(task.vm_id)}", failed=True)
        elif not task.asked:
            self._ask(task)

    def _ask(self, task: _Task) -> None:
        try:
            self._local.cloud.vm_action(self._action, task.vm_id)
        except Refused as error:
            task.end(f"was not {self._way.done}: {error.cause}", failed=True)
        task.asked = True

    def _read_error(self, vm_id: int) -> str:
        try:
            error = self._local.get_vm(vm_id).user_template.text("ERROR")
        except OneError:
            return ""
        return f": {error}" if error else ""
