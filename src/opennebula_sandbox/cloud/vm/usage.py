"""The monitoring records of VMs: amounts that grow with time, or values that a test sets.

No thread makes records. The code computes them from a VM's history: one record for every
``period`` seconds that the VM ran, the newest at most ``period`` old. A cloud of 10,000 VMs
needs no CPU for this until a client asks, and the same record is always equal.
"""

from collections.abc import Iterator
from itertools import islice

from one2one.opennebula.states import RUNNING
from one2one.opennebula.template import Template, Value
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.profile import Profile
from opennebula_sandbox.cloud.vm.history import HOTPLUG_ACTIONS
from opennebula_sandbox.cloud.wire.render import render_attributes

_KEPT = 480
"""How many records oned keeps: those of four hours."""


class Usage:
    """The monitoring of all VMs."""

    def __init__(self, clock: Clock, profile: Profile) -> None:
        self._clock = clock
        self._profile = profile
        self._overrides: dict[int, dict[str, Value]] = {}
        self.period = 30
        """Seconds between two records of a VM."""
        self.lag = 0
        """Seconds from a VM's boot to its first record."""
        self.enabled = True
        """Whether the hypervisors report anything; the dummy ones of 5.10 do not."""

    def override(self, vm_id: int, **values: Value) -> None:
        """Set values in all records of a VM: ``override(7, CPU="250.5", NETRX="-1")``."""
        with self._clock.lock:
            self._overrides.setdefault(vm_id, {}).update(values)

    def refresh(self, vm: Vm) -> None:
        """Set the VM's monitoring to its newest record."""
        newest = next(self._list_timestamps(vm), 0)
        if not self._profile.monitoring_apart and not (newest and vm.state == RUNNING):
            newest = 0 if vm.state == RUNNING else max((h.retime for h in vm.history), default=0)
            stopped = any(
                record.retime and record.action not in HOTPLUG_ACTIONS for record in vm.history
            )
            rest = [("CPU", "0.0"), ("MEMORY", "0")] if stopped else []
            vm.monitoring, vm.last_poll = Template(rest), newest
            return
        vm.last_poll = newest
        vm.monitoring = Template(self._make_record(vm, newest) if newest else ())

    def render_records(self, vm: Vm, seconds: int = -1) -> str:
        """Return the records oldest first: all (−1), the newest (0), or the last *seconds*."""
        timestamps = self._list_timestamps(vm)
        if seconds == 0:
            kept = list(islice(timestamps, 1))
        else:
            since = self._clock.now() - seconds if seconds > 0 else 0
            kept = [at for at in islice(timestamps, _KEPT) if at > since]
        return "".join(self._render(vm, at) for at in reversed(kept))

    def _list_timestamps(self, vm: Vm) -> Iterator[int]:
        """Yield the times of the records of *vm*, newest first."""
        if not self.enabled:
            return
        now = int(self._clock.now())
        for record in reversed(vm.history):
            if record.rstime:
                first, end = record.rstime + self.lag, record.retime or now
                yield from range(end - (end - first) % self.period, first - 1, -self.period)

    def _make_record(self, vm: Vm, at: int) -> list[tuple[str, Value]]:
        first = next((record.rstime for record in vm.history if record.rstime), at)
        ran = at - first
        wave = 20 + (at // self.period * 7 + vm.id * 13) % 60
        cpu, memory = vm.template.text("CPU", "1"), vm.template.text("MEMORY", "1")
        values: dict[str, Value] = {
            "CPU": f"{float(cpu) * wave:.2f}",
            "DISKRDBYTES": str(1_000_000 + ran * 4096),
            "DISKRDIOPS": str(1_000 + ran),
            "DISKWRBYTES": str(500_000 + ran * 2048),
            "DISKWRIOPS": str(500 + ran // 2),
            "ID": str(vm.id),
            "MEMORY": str(int(memory) * 1024 * wave // 100),
            "NETRX": str(7_000 + ran * 1000),
            "NETTX": str(7_000 + ran * 300),
            "TIMESTAMP": str(at),
        }
        if not self._profile.monitoring_apart:
            del values["ID"], values["TIMESTAMP"]
            values["STATE"] = "a"
        return list((values | self._overrides.get(vm.id, {})).items())

    def _render(self, vm: Vm, at: int) -> str:
        values = render_attributes(self._make_record(vm, at))
        if self._profile.monitoring_apart:
            return f"<MONITORING>{values}</MONITORING>"
        return (
            f"<VM><ID>{vm.id}</ID><LAST_POLL>{at}</LAST_POLL><MONITORING>{values}</MONITORING>"
            f"<TEMPLATE><CPU>{vm.template.text('CPU')}</CPU>"
            f"<MEMORY>{vm.template.text('MEMORY')}</MEMORY></TEMPLATE></VM>"
        )
