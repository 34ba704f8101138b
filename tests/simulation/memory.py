"""What was so, and when: the states of all VMs on both sides, as the simulation goes on."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from one2one.hybrid.naming import Marks
from one2one.opennebula.states import State, VmState
from opennebula_sandbox.cloud.objects import Vm

DONE = State(VmState.DONE)
_START = re.compile(r"([0-9]+)\.([0-9]+)")


class Moment(NamedTuple):
    """How a VM was from some time on."""

    since: float
    state: State
    deploy_id: str


class Life:
    """One VM from its creation on."""

    def __init__(self, vm: Vm) -> None:
        self.vm = vm
        self.moments: list[Moment] = []

    @property
    def now(self) -> Moment:
        """How it is."""
        return self.moments[-1]

    def at(self, time: float) -> Moment:
        """Return how it was at some time, or at first."""
        found = bisect_right(self.moments, time, key=lambda moment: moment.since)
        return self.moments[max(0, found - 1)]

    def since(self, time: float) -> Iterator[Moment]:
        """Yield how it was at some time and since."""
        yield self.at(time)
        yield from (moment for moment in self.moments if moment.since > time)


class Memory:
    """The lives of one cloud's VMs."""

    def __init__(self, tell: Callable[[int, Moment | None, Moment], None]) -> None:
        """*tell* is called at each change with: the VM's id, how it was, how it is."""
        self._tell = tell
        self.by_id: dict[int, Life] = {}
        """The lives of the VMs that have, or had last, each id."""
        self._lost: dict[int, Life] = {}
        """The last with each id that a restored database lacked."""

    def list_lives(self, vm_id: int, time: float) -> list[Life]:
        """Return the lives with an id that there were at some time or since.

        A driver may have seen a VM just before a restore took it away.
        """
        lost = self._lost.get(vm_id)
        lives = [lost] if lost and lost.now.since >= time else []
        return [*lives, self.by_id[vm_id]] if vm_id in self.by_id else lives

    def observe(self, vms: Iterable[Vm], now: float) -> None:
        """Note how all VMs are; those that a restored database lacks are forgotten."""
        found = {vm.id: vm for vm in vms}
        for vm_id in self.by_id.keys() - found.keys():
            self._lose(vm_id, now)
        for vm in found.values():
            life = self.by_id.get(vm.id)
            if life is not None and life.vm.stime != vm.stime:
                self._lose(vm.id, now)
                life = None
            if life is None:
                life = self.by_id[vm.id] = Life(vm)
            life.vm = vm
            last = life.moments[-1] if life.moments else None
            if last is None or (last.state, last.deploy_id) != (vm.state, vm.deploy_id):
                moment = Moment(now, vm.state, vm.deploy_id)
                life.moments.append(moment)
                self._tell(vm.id, last, moment)

    def _lose(self, vm_id: int, now: float) -> None:
        life = self._lost[vm_id] = self.by_id.pop(vm_id)
        life.moments.append(Moment(now, DONE, ""))


def marks_of(vm: Vm) -> Marks | None:
    """Return what a remote VM's marks say, read as docs/ownership.md tells."""
    text = vm.user_template.text
    start = _START.fullmatch(text("ONE_HYBRID_STAY"))
    hybrid_id, vm_id = text("ONE_HYBRID_ID"), text("REMOTE_OPENNEBULA_VM_ID")
    if not (start and hybrid_id and vm_id.isdecimal()):
        return None
    return Marks(hybrid_id, int(vm_id), int(start[1]), int(start[2]))
