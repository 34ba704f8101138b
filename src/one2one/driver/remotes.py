"""The remote clouds that hosts stand for, each opened once."""

import threading
from dataclasses import dataclass, replace

from one2one.driver.events import Called, Opened, Tell, nobody
from one2one.driver.local import LocalCloud
from one2one.driver.roster import Roster
from one2one.driver.shared import Shared
from one2one.driver.watch import Watch
from one2one.hybrid.settings import Settings
from one2one.opennebula.breaker import Breaker
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.connection import Server
from one2one.opennebula.errors import OneError
from one2one.opennebula.records import VmTemplate

_FRESH_S = 1.0
"""For how long a reading of a host serves the operations that were asked for before it."""


@dataclass(frozen=True)
class Remote:
    """A remote cloud behind a host, and what its operations share."""

    settings: Settings
    cloud: Cloud
    roster: Roster
    templates: Shared[int, VmTemplate]
    watch: Watch
    tell: Tell
    """Hears of what is done with it."""


class Remotes:
    """Every remote in use, by host. Thread-safe."""

    def __init__(self, local: LocalCloud, tell: Tell = nobody) -> None:
        self._tell = tell
        self._local = local
        self._lock = threading.Lock()
        self._settings: Shared[tuple[int, str], Settings] = Shared(_FRESH_S)
        self._remotes: dict[int, Remote] = {}
        self._breakers: dict[tuple[str, str | None], Breaker] = {}

    def remote(self, host_id: int, host_name: str, asked: float = float("inf")) -> Remote:
        """Return the remote that the host names now, or named at *asked* or later.

        The host is read anew, which costs one local call, unless another has just done so since
        *asked*, by ``time.monotonic()``: new credentials count at once, and no operation reaches
        a cloud that its host no longer named when it was asked for.
        """
        return self.opened(
            self._settings.get(
                (host_id, host_name), asked, lambda: self._local.settings(host_id, host_name)
            )
        )

    def opened(self, settings: Settings) -> Remote:
        """Return the remote that *settings*, just read from its host, name."""
        with self._lock:
            known = self._remotes.get(settings.host_id)
            if known is not None and _same_cloud(known.settings, settings):
                remote = replace(known, settings=settings)
            else:
                remote = self._open(settings)
            self._remotes[settings.host_id] = remote
        return remote

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            remotes = list(self._remotes.values())
            self._remotes.clear()
        for remote in remotes:
            remote.cloud.client.close()

    def _open(self, settings: Settings) -> Remote:
        """Open a remote; hosts and accounts that reach it the same way find it dead together."""
        breaker = self._breakers.setdefault((settings.endpoint, settings.proxy), Breaker())
        cloud = Cloud(server(settings), settings.session, breaker)

        def on_call(method: str, seconds: float, error: OneError | None) -> None:
            self._tell(Called(settings.host_id, method, seconds, error))

        cloud.client.on_call = on_call
        self._tell(Opened(settings.host_id, breaker))
        return Remote(settings, cloud, Roster(cloud), Shared(), Watch(cloud), self._tell)


def server(settings: Settings) -> Server:
    """Return how the settings say to reach the remote."""
    return Server(
        endpoint=settings.endpoint,
        ca_file=settings.ca_file,
        verify_tls=settings.verify_tls,
        proxy=settings.proxy,
        connect_timeout=min(10.0, settings.timeout),
        read_timeout=settings.timeout,
        total_timeout=4 * settings.timeout,
        max_connections=settings.max_connections,
    )


def _same_cloud(one: Settings, other: Settings) -> bool:
    return server(one) == server(other) and one.session == other.session
