"""Monitoring until 5.10: oned asks the IM driver about each host and reads the answer.

Source: ``src/im/InformationManager.cc``, ``MonitorThread.cc`` and ``Host::update_info`` of 5.10.
"""

import zlib
from base64 import b64decode
from binascii import Error
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from one2one.opennebula.states import HostState
from opennebula_sandbox.cloud.merging import remove
from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.cloud.wire.grammar import parse
from opennebula_sandbox.frontend.im.host_reports import HostReports
from opennebula_sandbox.frontend.im.monitoring import MonitoringSettings
from opennebula_sandbox.frontend.im.vm_polls import VmPolls
from opennebula_sandbox.frontend.oned.pools import Pools

_USAGE = ("TOTALCPU", "TOTALMEMORY", "FREECPU", "FREEMEMORY", "USEDCPU", "USEDMEMORY", "VM_POLL")
"""Attributes in an answer that are not stored in the host's template."""
_ASKED = {
    HostState.INIT: HostState.MONITORING_INIT,
    HostState.MONITORED: HostState.MONITORING_MONITORED,
    HostState.ERROR: HostState.MONITORING_ERROR,
    HostState.DISABLED: HostState.MONITORING_DISABLED,
}
_EXPIRES_SECONDS = 300


@dataclass
class _HostPoll:
    at: float = float("-inf")
    """The time of the last question about the host."""
    before: HostState = HostState.INIT


class Polling:
    """Asks the IM driver about hosts, and takes the answers."""

    def __init__(
        self,
        pools: Pools,
        hosts: HostReports,
        polls: VmPolls,
        settings: MonitoringSettings,
        datastores: str,
        send: Callable[[str], None],
    ) -> None:
        self._pools = pools
        self._hosts = hosts
        self._polls = polls
        self._settings = settings
        self._datastores = datastores
        self._send = send
        self._host_polls: dict[int, _HostPoll] = defaultdict(_HostPoll)
        self._stopped = False

    def start(self) -> None:
        """Start to ask."""
        self._pools.clock.after(self._settings.timer, self._tick)

    def stop(self) -> None:
        """Stop asking."""
        self._stopped = True

    def watch(self, host: Host) -> None:
        """Ask about a host now, or stop its monitoring if it is offline."""
        if host.state == HostState.OFFLINE:
            self.forget(host)
        else:
            self.renew(host)

    def renew(self, host: Host) -> None:
        """Monitor a host now in any state."""
        if host.state == HostState.OFFLINE:
            return
        poll = self._host_polls[host.id]
        poll.at = self._pools.clock.now()
        state = HostState(host.state)
        if state in _ASKED:
            poll.before = state
            self._pools.set_state(host, _ASKED[state])
        first, host.monitored_at = int(not host.monitored_at), self._pools.now()
        self._send(f"MONITOR {host.id} {host.name} {self._datastores} {first}")

    def forget(self, host: Host) -> None:
        """Stop the monitoring of a host."""
        self._send(f"STOPMONITOR {host.id} {host.name} ")

    def halt(self) -> None:
        """Do nothing: until 5.10 oned has no port for monitoring."""

    def resume(self) -> None:
        """Ask about every host."""
        for host in self._pools.hosts.values():
            self.renew(host)

    def receive(self, line: str) -> None:
        """Take a line of the IM driver."""
        action, result, number, info = [*line.split(maxsplit=3), "", "", "", ""][:4]
        with self._pools.clock.lock:
            host = self._pools.hosts.get(int(number)) if number.isdecimal() else None
            if action == "LOG":
                self._pools.write_log("InM", result[:1] if result[:1] in "ED" else "I", info)
            elif action == "STOPMONITOR" and result != "SUCCESS":
                text = f"Could not stop monitor on host {number} {info}"
                self._pools.write_log("InM", "E", text)
            elif action == "MONITOR" and info and host and host.state != HostState.OFFLINE:
                self._take_answer(host, _decode(info), success=result == "SUCCESS")

    def _tick(self) -> None:
        if self._stopped:
            return
        now = self._pools.clock.now()
        for host in self._pools.hosts.values():
            silent = now - self._host_polls[host.id].at
            waiting = host.state in _ASKED.values()
            if silent >= (_EXPIRES_SECONDS if waiting else self._settings.interval):
                self.renew(host)
        self._pools.clock.after(self._settings.timer, self._tick)

    def _take_answer(self, host: Host, text: str, *, success: bool) -> None:
        if host.state in _ASKED.values():
            self._pools.set_state(host, self._host_polls[host.id].before)
        if not success:
            self._hosts.set_error(host, text)
            return
        try:
            report = parse(text)
        except Refusal as refusal:
            self._pools.write_log("ONE", "E", f"Error parsing host {host.id}: {refusal.text}")
            more = "Check oned.log for more details."
            self._hosts.complain(host, f"Error parsing monitor information. {more}")
            return
        self._hosts.take_system(host, report)
        self._hosts.take_usage(host, report)
        host.template = remove(host.template, *_USAGE)
        if report.text("VM_POLL"):
            zombies = self._polls.take(host, report.vectors("VM"), self._hosts.find_imported)
            self._hosts.set_zombies(host, zombies)


def _decode(info: str) -> str:
    """Return the text of an answer; it is base64, of zlib or of the text."""
    try:
        data = b64decode(info)
    except Error:
        return ""
    with suppress(zlib.error):
        data = zlib.decompress(data)
    return data.decode(errors="replace")
