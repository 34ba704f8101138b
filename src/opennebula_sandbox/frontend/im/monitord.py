"""Monitoring since 5.12 with onemonitord: the clients of hosts send messages to it.

Source: ``src/monitor/src/monitor/{HostMonitorManager,MonitorDriverProtocol}.cc``.
"""

from base64 import b64decode
from collections import defaultdict
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from one2one.opennebula.errors import OneError
from one2one.opennebula.states import HostState, RaftState
from one2one.opennebula.template import Vector, to_text
from one2one.opennebula.xml import Element, parse, read_integer
from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.frontend.im import monitor_config, monitor_line
from opennebula_sandbox.frontend.im.client_messages import ClientMessages
from opennebula_sandbox.frontend.im.host_record import HostRecord
from opennebula_sandbox.frontend.im.host_reports import HostReports
from opennebula_sandbox.frontend.im.listener import Listener, Port
from opennebula_sandbox.frontend.im.monitor_line import MonitorLine
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from opennebula_sandbox.frontend.oned.pools import Pools
from opennebula_sandbox.frontend.release import Release

_IN_START = ("MONITOR_VM", "BEACON_HOST", "MONITOR_HOST", "SYSTEM_HOST", "STATE_VM")
"""The messages in START_MONITOR's answer, in the order in which monitord takes them."""
_BLAMES_HOST = ("BEACON_HOST", "MONITOR_HOST", "SYSTEM_HOST")
"""Messages that put the host into ERROR if they say FAILURE."""


class Monitord:
    """Starts the clients of hosts with the IM driver, and takes their messages."""

    def __init__(
        self,
        pools: Pools,
        release: Release,
        hosts: HostReports,
        messages: ClientMessages,
        settings: MonitoringSettings,
        datastores: str,
        send: Callable[[str], None],
        listen: Callable[[Callable[[bytes], None], int], Port] = Listener,
    ) -> None:
        """Take *send*, which reaches the IM driver, and *listen*, which opens the port."""
        self._pools = pools
        self._hosts = hosts
        self._messages = messages
        self._settings = settings
        self._send = send
        self._listen = listen
        self._listener = listen(self.take, 0)
        self._key = _create_key() if settings.encrypted else None
        self._release, self._datastores = release, datastores
        self._configuration = monitor_config.format_configuration(
            release,
            settings,
            datastores=datastores,
            port=self.port,
            public_key=self.public_key,
        )
        self._watched: dict[int, HostRecord] = defaultdict(HostRecord)
        self._stopped = False

    @property
    def port(self) -> int:
        """The port for UDP and TCP."""
        return self._listener.port

    @property
    def public_key(self) -> str:
        """The key that encrypts messages, as PEM; empty without encryption."""
        return _export_public_key(self._key) if self._key else ""

    def format_conf(self, im_mad: Vector, key_file: str) -> str:
        """Return monitord.conf with this driver; *key_file* is the path of the public key."""
        values = monitor_config.build_configuration(
            self._release,
            self._settings,
            datastores=self._datastores,
            port=self.port,
            public_key=key_file if self._key else "",
        )
        values.add("IM_MAD", im_mad)
        return to_text(values) + "\n"

    def start(self) -> None:
        """Start to listen."""
        self._listener.start()
        self._pools.clock.after(self._settings.timer, self._tick)

    def stop(self) -> None:
        """Stop listening."""
        self._stopped = True
        self._listener.stop()

    def halt(self) -> None:
        """Close the port, because oned ended."""
        self._listener.stop()

    def resume(self) -> None:
        """Start with a new oned on the same port."""
        self._listener = self._listen(self.take, self.port)
        self._listener.start()
        self.take_over()

    def take_over(self) -> None:
        """Read the list of hosts after a start or as a new leader; no host is late yet."""
        for host in self._pools.hosts.values():
            self._watched[host.id] = HostRecord(self._pools.clock.now(), state=host.state)

    def watch(self, host: Host) -> None:
        """Start the client of a host, or stop it if the host is offline."""
        watched = self._watched[host.id]
        was_offline = watched.state == HostState.OFFLINE
        watched.state, watched.newest = host.state, {}
        if host.state == HostState.OFFLINE:
            self.forget(host)
        elif host.state == HostState.INIT or was_offline:
            self.renew(host)

    def renew(self, host: Host) -> None:
        """Monitor a host now in any state; only a leader does this."""
        if not self._leads:
            return
        watched = self._watched[host.id]
        watched.heard, watched.in_progress = self._pools.clock.now(), True
        document = monitor_config.format_driver_action(host, self._configuration)
        self._send(monitor_line.write("START_MONITOR", host.id, document))

    def forget(self, host: Host) -> None:
        """Stop the client of a host; only a leader does this."""
        if not self._leads:
            return
        self._watched[host.id].in_progress = False
        document = monitor_config.format_driver_action(host, self._configuration)
        self._send(monitor_line.write("STOP_MONITOR", host.id, document))

    def receive(self, line: str) -> None:
        """Take a line of the IM driver."""
        self.take(line.encode())

    def take(self, data: bytes) -> None:
        """Take a message from the IM driver or from the port."""
        with self._pools.clock.lock:
            try:
                line = monitor_line.read(data.decode(errors="replace"), self._key)
            except ValueError as error:
                self._pools.write_log("MDP", "I", f"Received UNDEFINED msg: {error}")
                return
            if line.type == "LOG":
                severity = line.status[:1] if line.status[:1] in "EWD" else "I"
                self._pools.write_log("MDP", severity, line.text)
                return
            host = self._pools.hosts.get(line.host_id)
            if host is None:
                text = f"message ignored for unknown host {line.host_id}"
                self._pools.write_log("HMM", "W", text)
            elif host.state != HostState.OFFLINE:
                self._dispatch(host, line)

    def _dispatch(self, host: Host, line: MonitorLine) -> None:
        if line.type == "START_MONITOR":
            self._take_start_answer(host, line)
        elif line.type in _IN_START:
            self._take_client_message(host, line)

    @property
    def _leads(self) -> bool:
        return self._pools.raft in (RaftState.SOLO, RaftState.LEADER)

    def _take_client_message(self, host: Host, line: MonitorLine) -> None:
        if not self._leads:
            self._ignore(line)
            return
        watched = self._watched[host.id]
        if line.status != "SUCCESS":
            words = f"Failed {line.type} for host {host.id}: {line.text}"
            self._pools.write_log("MDP", "W", words)
            reason = line.text if line.type in _BLAMES_HOST else None
        elif not watched.is_in_order(host.state, line):
            text = f"out of order message ignored for host {host.id}"
            self._pools.write_log("HMM", "W", text)
            return
        else:
            reason = self._messages.take(host, line)
            watched.record_message(line, self._pools.clock.now())
        if reason is not None:
            watched.heard, watched.in_progress = self._pools.clock.now(), False
            self._fail(host, reason)

    def _ignore(self, line: MonitorLine) -> None:
        """Ignore a message, or give it to a follower's oned, which may not write."""
        if line.type in ("SYSTEM_HOST", "STATE_VM") and line.status == "SUCCESS":
            self._pools.write_log("DBM", "E", "Tried to modify DB being a follower")

    def _take_start_answer(self, host: Host, line: MonitorLine) -> None:
        """Take the answer to START_MONITOR and the messages in it."""
        watched = self._watched[host.id]
        try:
            root = parse(line.text) if line.text.strip() else None
            good = line.status == "SUCCESS"
        except OneError:
            root, good = None, False
        if not good:
            words = f"Start monitor failed for host {host.id}: {line.text}"
            self._pools.write_log("MDP", "W", words)
            watched.in_progress = False
            self._fail(host, "")
            return
        if root is not None:
            self._take_all(host, root)
        watched.heard, watched.in_progress = self._pools.clock.now(), False
        self._pools.write_log("HMM", "D", f"Start monitor success, host: {host.id}")

    def _take_all(self, host: Host, messages: Element) -> None:
        timestamp = read_integer(messages, "TIMESTAMP", 0)
        for kind in _IN_START:
            for element in messages.iterfind(kind):
                text = b64decode(element.text or "").decode(errors="replace")
                self._dispatch(host, MonitorLine(kind, "SUCCESS", host.id, timestamp, text))

    def _fail(self, host: Host, reason: str) -> None:
        """Put the host into ERROR; a host in ERROR keeps its first reason."""
        if host.state != HostState.ERROR:
            self._hosts.set_error(host, reason)

    def _tick(self) -> None:
        """Restart the clients of hosts that sent no message for too long."""
        if self._stopped:
            return
        for host in self._pools.hosts.values():
            watched = self._watched[host.id]
            now, updated = self._pools.clock.now(), self._pools.update_times[host.id]
            is_late = watched.is_late(now, updated, self._settings.interval)
            if host.state != HostState.OFFLINE and is_late:
                self.renew(host)
        self._pools.clock.after(self._settings.timer, self._tick)


def _create_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _export_public_key(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
