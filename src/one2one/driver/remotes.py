"""The remote clouds that hosts stand for, each opened once."""

from dataclasses import dataclass, replace

from one2one import runtime
from one2one.driver.events import CallEnded, Emit, RemoteOpened, ignore
from one2one.driver.identities import Identities
from one2one.driver.local import LocalCloud
from one2one.driver.owner_cache import OwnerCache
from one2one.driver.single_flight import SingleFlight
from one2one.driver.vm_index import VmIndex
from one2one.driver.watch import Watch
from one2one.hybrid.settings import Settings
from one2one.opennebula.breaker import Breaker
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import NotFound, OneError, Unreachable
from one2one.opennebula.records import VmTemplate

_FRESH_S = 1.0
"""For how long operations share one reading of a host, in seconds."""


@dataclass(frozen=True)
class Remote:
    """A remote cloud behind a host, and what its operations share."""

    settings: Settings
    cloud: Cloud
    vm_index: VmIndex
    templates: SingleFlight[int, VmTemplate]
    watch: Watch
    owner_cache: OwnerCache
    identities: Identities
    emit: Emit
    """Is called with each event of this remote."""


class Remotes:
    """Every remote in use, by host. Thread-safe."""

    def __init__(self, local: LocalCloud, emit: Emit = ignore) -> None:
        self._emit = emit
        self._local = local
        self._lock = runtime.lock()
        self._settings: SingleFlight[tuple[int, str], Settings] = SingleFlight(_FRESH_S)
        self._remotes: dict[int, Remote] = {}
        self._breakers: dict[tuple[str, str | None], Breaker] = {}

    def open_for_host(
        self, host_id: int, host_name: str, not_before: float = float("inf")
    ) -> Remote:
        """Return the remote that the host names now, or named at *not_before* or later.

        The host is read again, which costs one local call, unless another caller has read it since
        *not_before*, by ``runtime.monotonic()``: new credentials count at once, and no operation
        reaches a cloud that its host no longer named when oned asked for it.
        """
        return self.open(
            self._settings.get(
                (host_id, host_name),
                not_before,
                lambda: self._local.read_settings(host_id, host_name),
            )
        )

    def open(self, settings: Settings) -> Remote:
        """Return the remote that *settings*, just read from its host, name."""
        with self._lock:
            known = self._remotes.get(settings.host_id)
            if known is not None and _same_cloud(known.settings, settings):
                remote = replace(known, settings=settings)
            else:
                remote = self._open_new(settings)
            self._remotes[settings.host_id] = remote
        return remote

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            remotes = list(self._remotes.values())
            self._remotes.clear()
        for remote in remotes:
            remote.cloud.close()

    def _open_new(self, settings: Settings) -> Remote:
        """Open a remote. Hosts and accounts with the same server and proxy share its breaker."""
        breakers = [
            self._breakers.setdefault((url, settings.proxy), Breaker())
            for url in settings.endpoints
        ]
        cloud = Cloud(build_endpoints(settings), settings.session, breakers)
        owner_cache = OwnerCache()

        def on_call(method: str, seconds: float, error: OneError | None) -> None:
            if isinstance(error, Unreachable | NotFound):
                owner_cache.forget()
            else:
                owner_cache.record_answer()
            self._emit(CallEnded(settings.host_id, method, seconds, error))

        cloud.client.on_call = on_call
        self._emit(RemoteOpened(settings.host_id, breakers))
        return Remote(
            settings,
            cloud,
            vm_index=VmIndex(cloud),
            templates=SingleFlight(),
            watch=Watch(cloud),
            owner_cache=owner_cache,
            identities=Identities(cloud),
            emit=self._emit,
        )


def build_endpoints(settings: Settings) -> list[Endpoint]:
    """Return how the settings say to reach the remote's servers."""
    return [_build_endpoint(settings, url) for url in settings.endpoints]


def _build_endpoint(settings: Settings, url: str) -> Endpoint:
    return Endpoint(
        url=url,
        ca_file=settings.ca_file,
        verify_tls=settings.verify_tls,
        proxy=settings.proxy,
        connect_timeout=min(10.0, settings.timeout),
        read_timeout=settings.timeout,
        total_timeout=4 * settings.timeout,
        max_connections=settings.max_connections,
    )


def _same_cloud(one: Settings, other: Settings) -> bool:
    return build_endpoints(one) == build_endpoints(other) and one.session == other.session
