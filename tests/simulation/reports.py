"""Checks what the IM drivers report of hosts and VMs, message by message."""

import zlib
from base64 import b64decode
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from one2one.driver.events import CapacityRead, Event, StatesRead
from one2one.hybrid import naming
from one2one.hybrid.mirror import Report, map_state
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.wire.grammar import parse
from opennebula_sandbox.frontend.im import monitor_line
from tests.simulation.invariants import HOST, SEEN, Violation, check_sound
from tests.simulation.memory import DONE, Memory, marks_of
from tests.simulation.process import Process
from tests.simulation.side import Side

_REPORTS = {
    "a": Report.RUNNING,
    "d": Report.POWEROFF,
    "p": Report.SUSPENDED,
    "e": Report.FAILURE,
}
"""What the letters of 5.6 to 5.10 say."""


@dataclass
class _Host:
    """What the IM driver's process heard of a host."""

    states_read: float = float("-inf")
    has_capacity: bool = False


class ReportWatcher:
    """Hears each line and message of the IM drivers, and sees what they read."""

    def __init__(self, memories: Mapping[str, Memory]) -> None:
        """Take what was so at the remotes, by name."""
        self._memories = memories
        self._hosts: dict[Process, dict[int, _Host]] = defaultdict(lambda: defaultdict(_Host))

    def see_reading(self, process: Process, event: Event, now: float) -> None:
        """See what the IM driver has read."""
        hosts = self._hosts[process]
        if isinstance(event, StatesRead):
            hosts[event.host_id].states_read = now
        elif isinstance(event, CapacityRead):
            hosts[event.host_id].has_capacity = True

    def hear_driver(self, side: Side, process: Process, line: str, now: float) -> None:
        """See a line of the IM driver's; up to 5.10 it tells all that monitoring has to tell."""
        check_sound(line)
        action, result, number, info = [*line.split(maxsplit=3), "", "", "", ""][:4]
        if action != "MONITOR":
            return
        text = zlib.decompress(b64decode(info)).decode()
        check_sound(text)
        host_id, success = int(number), result == "SUCCESS"
        self._check_host(side, process, host_id, now, "" if success else text)
        for reported in parse(text).vectors("VM") if success else ():
            letter = reported["POLL"].partition("STATE=")[2][:1]
            local = side.memory.by_id.get(int(reported["ID"]))
            if local and letter in _REPORTS:
                names = {moment.deploy_id for moment in local.since(now - side.patience)}
                if len(names) == 1 and naming.is_deploy_id(name := names.pop()):
                    self._check_seen(side, host_id, local.vm, name, _REPORTS[letter], now)

    def hear_message(self, side: Side, process: Process, data: bytes, now: float) -> None:
        """See a message at monitord's port."""
        line = monitor_line.read(data.decode(errors="replace"))
        check_sound(line.text)
        success = line.status == "SUCCESS"
        if line.type == "SYSTEM_HOST":
            self._check_host(side, process, line.host_id, now, "" if success else line.text)
        elif line.type == "STATE_VM" and success:
            for reported in parse(line.text).vectors("VM"):
                vm = side.site.oned.pools.vms.get(int(reported["ID"]))
                report = Report(reported["STATE"])
                if vm:
                    self._check_seen(side, line.host_id, vm, reported["DEPLOY_ID"], report, now)

    def _check_host(
        self, side: Side, process: Process, host_id: int, now: float, error: str
    ) -> None:
        host = self._hosts[process][host_id]
        age = now - host.states_read
        if error and host.has_capacity and age < side.grace:
            story = f"host {host_id} is in ERROR, and was read {age:.0f} s ago: {error}"
            raise Violation(HOST, story)
        if not error and age > side.patience:
            raise Violation(HOST, f"host {host_id} is on, and was read {age:.0f} s ago")

    def _check_seen(
        self, side: Side, host_id: int, local: Vm, deploy_id: str, report: Report, now: float
    ) -> None:
        remote = side.remotes[host_id]
        life = self._memories[remote.name].by_id.get(naming.parse_deploy_id(deploy_id))
        past = life.since(now - side.patience) if life else ()
        been = [moment.state for moment in past] or [DONE]
        what = f"VM {local.id} is reported {report.name} as {deploy_id}, which"
        if report not in map(map_state, been):
            raise Violation(SEEN, f"{what} was {', '.join(map(str, been))}")
        marks = marks_of(life.vm) if life else None
        right = side.hybrid_ids.get(host_id), local.id, local.stime
        if life and (marks is None or (marks.hybrid_id, marks.vm_id, marks.stime) != right):
            raise Violation(SEEN, f"{what} is of {marks}")
