"""A port like monitord's, which keeps the messages that arrive there."""

import threading
from collections.abc import Callable
from typing import Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.frontend.im import monitor_config, monitor_line
from opennebula_sandbox.frontend.im.listener import Listener
from opennebula_sandbox.frontend.im.monitor_line import MonitorLine
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from opennebula_sandbox.frontend.release import RELEASES

OFTEN = MonitoringSettings(
    beacon_host=0.3, system_host=0.3, monitor_host=0.3, state_vm=0.3, monitor_vm=0.3
)


class MonitordPort:
    """Listens while its context lasts, or until it is stopped."""

    def __init__(
        self, key: RSAPrivateKey | None = None, settings: MonitoringSettings = OFTEN, port: int = 0
    ) -> None:
        self._key = key
        self._settings = settings
        self._listener = Listener(self._take, port)
        self._heard = threading.Condition()
        self._listening = False
        self.raw: list[str] = []
        self.lines: list[MonitorLine] = []

    def __enter__(self) -> Self:
        self._listener.start()
        self._listening = True
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop to listen, as when monitord ends."""
        if self._listening:
            self._listening = False
            self._listener.stop()

    @property
    def port(self) -> int:
        return self._listener.port

    def configuration(self, **network: str) -> str:
        """Return the MONITOR_CONFIGURATION that leads here."""
        pem = ""
        if self._key:
            public = self._key.public_key()
            pem = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
        return monitor_config.format_configuration(
            RELEASES["6.10"],
            self._settings,
            datastores="/var/lib/one/datastores",
            port=self.port,
            public_key=network.get("public_key", pem),
        )

    def start_monitor(self, host: Host, **network: str) -> str:
        """Return the line that asks for the monitoring of *host*."""
        document = monitor_config.format_driver_action(host, self.configuration(**network))
        return monitor_line.write("START_MONITOR", host.id, document)

    def stop_monitor(self, host: Host) -> str:
        """Return the line that asks for no more of it."""
        document = monitor_config.format_driver_action(host, self.configuration())
        return monitor_line.write("STOP_MONITOR", host.id, document)

    def wait_next(
        self,
        kind: str,
        host_id: int = 0,
        status: str = "SUCCESS",
        when: Callable[[str], bool] = lambda _: True,
    ) -> MonitorLine:
        """Return the next such message that arrives."""
        with self._heard:
            return self._first(kind, host_id, status, when, len(self.lines))

    def wait_first(
        self,
        kind: str,
        host_id: int = 0,
        status: str = "SUCCESS",
        when: Callable[[str], bool] = lambda _: True,
    ) -> MonitorLine:
        """Return the first such message, once it has arrived."""
        with self._heard:
            return self._first(kind, host_id, status, when, 0)

    def list_kinds(self, host_id: int) -> set[str]:
        """Return which messages of a host there were."""
        return {line.type for line in self.lines if line.host_id == host_id}

    def forget(self) -> None:
        """Forget all messages."""
        with self._heard:
            self.lines.clear()

    def _first(
        self, kind: str, host_id: int, status: str, when: Callable[[str], bool], since: int
    ) -> MonitorLine:
        found: list[MonitorLine] = []

        def find_line() -> bool:
            found[:] = [
                line
                for line in self.lines[since:]
                if line[:3] == (kind, status, host_id) and when(line.text)
            ]
            return bool(found)

        assert self._heard.wait_for(find_line, 30), f"no {kind} {status} of host {host_id}"
        return found[0]

    def _take(self, data: bytes) -> None:
        with self._heard:
            self.raw.append(data.decode())
            self.lines.append(monitor_line.read(data.decode(), self._key))
            self._heard.notify_all()
