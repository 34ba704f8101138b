"""What a resident driver counts, served to Prometheus: ``--metrics ADDRESS:PORT`` in ARGUMENTS.

Names, labels and units are in the manner of OpenNebula's own exporter, so that a dashboard can
join both by ``one_host_id``. Only imported when it is asked for: prometheus_client is an extra.
"""

import threading
import time
from collections import Counter as Tally
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from one2one.driver.events import (
    Called,
    CapacityRead,
    Event,
    Forgotten,
    Operated,
    Reaped,
    StatesRead,
    Tell,
)
from one2one.hybrid.mirror import Report
from one2one.opennebula import errors
from one2one.opennebula.errors import OneError

_PREFIX = "opennebula_hybrid"
_HOST = "one_host_id"
_IDLE_S = 60.0
"""After so long without a call nothing is said of whether the remote is up."""
_CALL_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_OPERATION_S = (0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_LAG_S = (1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)

RESULTS: dict[type[OneError], str] = {
    errors.ConfigurationError: "configuration",
    errors.AuthenticationError: "authentication",
    errors.Refused: "refused",
    errors.NotFound: "not_found",
    errors.NotAuthorized: "not_authorized",
    errors.WrongState: "wrong_state",
    errors.Busy: "busy",
    errors.Unreachable: "unreachable",
    errors.ProtocolError: "protocol",
    OneError: "other",
}
"""What a failed call is counted as; an answered one is ``ok``."""


def serve(address: str, port: int) -> Tell:
    """Serve on a port from now on; return what to tell events to. Raises OSError."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    metrics = Metrics(registry)
    start_http_server(port, address, registry)
    return metrics.tell


GAUGES = {
    "remote_up": "Whether the last call to the remote was answered 0:no 1:yes",
    "states_read_timestamp_seconds": "When the states of its VMs were read last, since 1970",
    "vms_out_of_step": "Local VMs whose state is not yet that of their remote VM",
    "cpu_total_ratio": "Total CPU that the host offers, 100 for a core",
    "cpu_usage_ratio": "CPU of its running remote VMs, 100 for a core",
    "mem_total_bytes": "Total memory that the host offers",
    "mem_usage_bytes": "Memory of its running remote VMs",
}
"""What is as it is now, rather than counted: one value for each host of which it is known."""


@dataclass
class _Host:
    """A host as it was heard of last."""

    gauges: dict[str, float] = field(default_factory=dict)
    called_at: float = 0.0
    """When a call to its remote ended last, by a clock that nobody sets."""
    vms: Tally[str] = field(default_factory=Tally)
    """How many remote VMs are in each state."""
    differs_since: dict[int, float] = field(default_factory=dict)
    """Since when, by a clock that nobody sets, a VM's two sides differ; by its local id."""


class Metrics(Collector):
    """The counts of one driver process. Thread-safe."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[int, _Host] = {}
        self._calls = Counter(
            f"{_PREFIX}_calls",
            "Calls to the remote, by their result: ok, or the kind of error",
            [_HOST, "call", "result"],
            registry=registry,
        )
        self._call_seconds = Histogram(
            f"{_PREFIX}_call_duration_seconds",
            "Time until a call to the remote was answered or given up",
            [_HOST, "call"],
            buckets=_CALL_S,
            registry=registry,
        )
        self._operations = Counter(
            f"{_PREFIX}_operations",
            "Actions that oned asked for, by its name for them and the answer",
            [_HOST, "action", "result"],
            registry=registry,
        )
        self._operation_seconds = Histogram(
            f"{_PREFIX}_operation_duration_seconds",
            "Time until oned was answered",
            [_HOST, "action"],
            buckets=_OPERATION_S,
            registry=registry,
        )
        self._lag = Histogram(
            f"{_PREFIX}_state_lag_seconds",
            "Time until a local VM followed its remote VM, since the difference was seen",
            [_HOST],
            buckets=_LAG_S,
            registry=registry,
        )
        self._reaped = Counter(
            f"{_PREFIX}_orphans_reaped",
            "Remote VMs destroyed because they had no local VM any more",
            [_HOST],
            registry=registry,
        )
        registry.register(self)

    def tell(self, event: Event) -> None:
        """Count an event."""
        host_id = event.host_id
        match event:
            case Called(_, method, seconds, error):
                self._calls.labels(host_id, method, _result(error)).inc()
                self._call_seconds.labels(host_id, method).observe(seconds)
                with self._lock:
                    host = self._host(host_id)
                    host.gauges["remote_up"] = not isinstance(error, errors.Unreachable)
                    host.called_at = time.monotonic()
            case Operated(_, action, seconds, success):
                result = "SUCCESS" if success else "FAILURE"
                self._operations.labels(host_id, action, result).inc()
                self._operation_seconds.labels(host_id, action).observe(seconds)
            case StatesRead():
                self._note_states(event)
            case CapacityRead(_, capacity):
                with self._lock:
                    self._host(host_id).gauges.update(
                        cpu_total_ratio=capacity.total_cpu,
                        cpu_usage_ratio=capacity.used_cpu,
                        mem_total_bytes=1024 * capacity.total_memory,
                        mem_usage_bytes=1024 * capacity.used_memory,
                    )
            case Reaped():
                self._reaped.labels(host_id).inc()
            case Forgotten():
                with self._lock:
                    self._hosts.pop(host_id, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what is as it is now, rather than counted."""
        idle_since = time.monotonic() - _IDLE_S
        with self._lock:
            for host in self._hosts.values():
                if host.called_at < idle_since:
                    host.gauges.pop("remote_up", None)
            hosts = {str(host_id): deepcopy(host) for host_id, host in self._hosts.items()}
        for name, documentation in GAUGES.items():
            family = GaugeMetricFamily(f"{_PREFIX}_{name}", documentation, labels=[_HOST])
            for host_id, host in hosts.items():
                if name in host.gauges:
                    family.add_metric([host_id], host.gauges[name])
            yield family
        vms = GaugeMetricFamily(
            f"{_PREFIX}_vms", "Remote VMs, by their state in the remote", labels=[_HOST, "state"]
        )
        for host_id, host in hosts.items():
            for state, count in host.vms.items():
                vms.add_metric([host_id, state], count)
        yield vms

    def _host(self, host_id: int) -> _Host:
        """Return what is known of a host; the caller holds the lock."""
        return self._hosts.setdefault(host_id, _Host())

    def _note_states(self, event: StatesRead) -> None:
        now = time.monotonic()
        differing = {vm for vm, report in event.reports.items() if report is not Report.SILENCE}
        with self._lock:
            host = self._host(event.host_id)
            host.gauges["states_read_timestamp_seconds"] = time.time()
            host.gauges["vms_out_of_step"] = len(differing)
            host.vms = Tally(str(state) for state in event.states.values())
            before = host.differs_since
            host.differs_since = {vm: before.get(vm, now) for vm in differing}
        for vm in before.keys() - differing:
            self._lag.labels(event.host_id).observe(now - before[vm])


def _result(error: OneError | None) -> str:
    if error is None:
        return "ok"
    return next(RESULTS[kind] for kind in type(error).__mro__ if kind in RESULTS)
