"""What a resident driver counts, served to Prometheus: ``--metrics ADDRESS:PORT`` in ARGUMENTS.

Names, labels and units are in the manner of OpenNebula's own exporter, so that a dashboard can
join both by ``one_host_id``. Only imported when it is asked for: prometheus_client is an extra.
"""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    start_http_server,
)

from one2one.driver.events import (
    CallEnded,
    CapacityRead,
    Emit,
    Event,
    HostForgotten,
    OperationEnded,
    OrphanReaped,
    RemoteOpened,
    StatesRead,
)
from one2one.mad.gauges import HOST, PREFIX, Gauges
from one2one.opennebula import errors
from one2one.opennebula.errors import OneError

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
    errors.InternalError: "internal",
    OneError: "other",
}
"""What a failed call is counted as; an answered one is ``ok``."""


def serve(address: str, port: int) -> Emit:
    """Serve on a port from now on; return what to tell events to. Raises OSError."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    metrics = Metrics(registry)
    start_http_server(port, address, registry)
    return metrics.record


class Metrics:
    """The counts of one driver process. Thread-safe."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._gauges = Gauges()
        registry.register(self._gauges)

        def counter(name: str, documentation: str, *labels: str) -> Counter:
            return Counter(f"{PREFIX}_{name}", documentation, [HOST, *labels], registry=registry)

        def histogram(
            name: str, documentation: str, buckets: tuple[float, ...], *labels: str
        ) -> Histogram:
            return Histogram(
                f"{PREFIX}_{name}_seconds",
                documentation,
                [HOST, *labels],
                buckets=buckets,
                registry=registry,
            )

        self._calls = counter(
            "calls", "Calls to the remote: ok, or the kind of error", "call", "result"
        )
        self._call_seconds = histogram(
            "call_duration", "Time until a call was answered or given up", _CALL_S, "call"
        )
        self._operations = counter(
            "operations", "Actions that oned asked for, and the answers", "action", "result"
        )
        self._operation_seconds = histogram(
            "operation_duration", "Time until oned was answered", _OPERATION_S, "action"
        )
        self._lag = histogram(
            "state_lag", "Time until a local VM followed its remote VM, once that was seen", _LAG_S
        )
        self._reaped = counter(
            "orphans_reaped", "Remote VMs destroyed because they had no local VM any more"
        )

    def record(self, event: Event) -> None:
        """Count an event."""
        match event:
            case CallEnded(host_id, method, seconds, error):
                self._calls.labels(host_id, method, _classify(error)).inc()
                self._call_seconds.labels(host_id, method).observe(seconds)
                answered = not isinstance(error, errors.Unreachable)
                self._gauges.record_call(host_id, answered=answered)
            case OperationEnded(host_id, action, seconds, success):
                result = "SUCCESS" if success else "FAILURE"
                self._operations.labels(host_id, action, result).inc()
                self._operation_seconds.labels(host_id, action).observe(seconds)
            case StatesRead(host_id):
                for seconds in self._gauges.record_states(event):
                    self._lag.labels(host_id).observe(seconds)
            case CapacityRead():
                self._gauges.record_capacity(event)
            case OrphanReaped(host_id):
                self._reaped.labels(host_id).inc()
            case RemoteOpened(host_id, breakers):
                self._gauges.record_opened(host_id, breakers)
            case HostForgotten(host_id):
                self._gauges.record_forgotten(host_id)


def _classify(error: OneError | None) -> str:
    if error is None:
        return "ok"
    return next(RESULTS[kind] for kind in type(error).__mro__ if kind in RESULTS)
