"""The gauges: each host's present values, from the last events."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from one2one import runtime
from one2one.driver.events import CapacityRead, StatesRead
from one2one.hybrid.mirror import Report
from one2one.opennebula.breaker import Breaker

PREFIX = "opennebula_hybrid"
HOST = "one_host_id"
_IDLE_S = 60.0
"""Seconds without a call after which ``remote_up`` has no value."""

GAUGES = {
    "remote_up": "Whether the last call to the remote was answered 0:no 1:yes",
    "remote_rests": "Whether calls fail at once, as some in a row had no answer 0:no 1:yes",
    "states_read_timestamp_seconds": "When the states of its VMs were read last, since 1970",
    "vms_out_of_step": "Local VMs whose state is not yet that of their remote VM",
    "cpu_total_ratio": "Total CPU that the host offers, 100 for a core",
    "cpu_usage_ratio": "CPU of its running remote VMs, 100 for a core",
    "mem_total_bytes": "Total memory that the host offers",
    "mem_usage_bytes": "Memory of its running remote VMs",
}


@dataclass
class _Host:
    values: dict[str, float] = field(default_factory=dict)
    breakers: Sequence[Breaker] = ()
    called_at: float = float("-inf")
    """When a call to its remote ended last, by ``runtime.monotonic()``."""
    vms: Counter[str] = field(default_factory=Counter)
    """How many remote VMs are in each state."""
    differs_since: dict[int, float] = field(default_factory=dict)
    """Since when, by the same clock, a VM's two sides differ; by its local id."""

    def list_values(self) -> dict[str, float]:
        """Return the value of each gauge that has one."""
        now, values = runtime.monotonic(), dict(self.values)
        if now - self.called_at > _IDLE_S:
            values.pop("remote_up", None)
        elif self.breakers:
            values["remote_rests"] = all(breaker.is_open(now) for breaker in self.breakers)
        return values


class Gauges(Collector):
    """The gauges of all hosts. Thread-safe."""

    def __init__(self) -> None:
        self._lock = runtime.lock()
        self._hosts: dict[int, _Host] = {}

    def record_opened(self, host_id: int, breakers: Sequence[Breaker]) -> None:
        """Note the breakers of the host's remote."""
        with self._lock:
            self._host(host_id).breakers = breakers

    def record_call(self, host_id: int, *, answered: bool) -> None:
        """Note that a call has ended."""
        with self._lock:
            host = self._host(host_id)
            host.called_at = runtime.monotonic()
            host.values["remote_up"] = answered

    def record_capacity(self, event: CapacityRead) -> None:
        """Note a host's capacity."""
        capacity = event.capacity
        with self._lock:
            self._host(event.host_id).values.update(
                cpu_total_ratio=capacity.total_cpu,
                cpu_usage_ratio=capacity.used_cpu,
                mem_total_bytes=1024 * capacity.total_memory,
                mem_usage_bytes=1024 * capacity.used_memory,
            )

    def record_states(self, event: StatesRead) -> list[float]:
        """Note the states of a host's VMs; return for how many seconds each late VM was late."""
        now = runtime.monotonic()
        differing = {vm for vm, report in event.reports.items() if report is not Report.SILENCE}
        with self._lock:
            host = self._host(event.host_id)
            host.values["states_read_timestamp_seconds"] = runtime.time()
            host.values["vms_out_of_step"] = len(differing)
            host.vms = Counter(map(str, event.states.values()))
            before = host.differs_since
            host.differs_since = {vm: before.get(vm, now) for vm in differing}
        return [now - since for vm, since in before.items() if vm not in differing]

    def record_forgotten(self, host_id: int) -> None:
        """Drop the values of a host, until its next event."""
        with self._lock:
            self._hosts[host_id] = _Host(breakers=self._host(host_id).breakers)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each gauge with its values."""
        with self._lock:
            values = {str(host_id): host.list_values() for host_id, host in self._hosts.items()}
            vms = {str(host_id): host.vms for host_id, host in self._hosts.items()}
        for name, documentation in GAUGES.items():
            family = GaugeMetricFamily(f"{PREFIX}_{name}", documentation, labels=[HOST])
            for host_id, known in values.items():
                if name in known:
                    family.add_metric([host_id], known[name])
            yield family
        family = GaugeMetricFamily(
            f"{PREFIX}_vms", "Remote VMs, by their state in the remote", labels=[HOST, "state"]
        )
        for host_id, states in vms.items():
            for state, count in states.items():
                family.add_metric([host_id, state], count)
        yield family

    def _host(self, host_id: int) -> _Host:
        """Return what is known of a host; the caller holds the lock."""
        return self._hosts.setdefault(host_id, _Host())
