"""Checks what the IM drivers report of hosts and VMs, message by message."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from one2one.driver.events import CapacityRead, Event, StatesRead
from one2one.hybrid import naming
from one2one.hybrid.mirror import Report, map_state
from opennebula_sandbox.cloud.wire.grammar import parse
from opennebula_sandbox.frontend.im import monitor_line
from tests.simulation.invariants import HOST, SEEN, Violation, check_sound
from tests.simulation.memory import DONE, Memory, marks_of
from tests.simulation.process import Process
from tests.simulation.side import Side


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
        self._hosts: dict[Process, dict[int, _Host]] = {}

    def see_reading(self, process: Process, event: Event, now: float) -> None:
        """See what the IM driver has read."""
        hosts = self._hosts.setdefault(process, defaultdict(_Host))
        if isinstance(event, StatesRead):
            hosts[event.host_id].states_read = now
        elif isinstance(event, CapacityRead):
            hosts[event.host_id].has_capacity = True

    def hear_driver(self, line: str) -> None:
        """See a line of the IM driver's."""
        check_sound(line)

    def hear_message(self, side: Side, process: Process, data: bytes, now: float) -> None:
        """See a message at monitord's port."""
        line = monitor_line.read(data.decode(errors="replace"))
        check_sound(line.text)
        host = self._hosts.get(process, {}).get(line.host_id, _Host())
        if line.type == "SYSTEM_HOST":
            age = now - host.states_read
            if line.status != "SUCCESS" and host.has_capacity and age < side.grace:
                story = (
                    f"host {line.host_id} is in ERROR, and was read {age:.0f} s ago: {line.text}"
                )
                raise Violation(HOST, story)
            if line.status == "SUCCESS" and age > side.patience:
                raise Violation(HOST, f"host {line.host_id} is on, and was read {age:.0f} s ago")
        elif line.type == "STATE_VM" and line.status == "SUCCESS":
            for told in parse(line.text).vectors("VM"):
                report = Report(told["STATE"])
                self._check_seen(
                    side, now, line.host_id, int(told["ID"]), told["DEPLOY_ID"], report
                )

    def _check_seen(
        self,
        side: Side,
        now: float,
        host_id: int,
        vm_id: int,
        deploy_id: str,
        report: Report,
    ) -> None:
        remote = side.remotes[host_id]
        remote_id = naming.parse_deploy_id(deploy_id)
        life = self._memories[remote.name].by_id.get(remote_id)
        if life is None:
            been = [DONE]
        else:
            been = [moment.state for moment in life.since(now - side.patience)]
        if report not in map(map_state, been):
            story = (
                f"VM {vm_id} is reported {report.name} as {deploy_id}, which was "
                f"{', '.join(map(str, been))}"
            )
            raise Violation(SEEN, story)
        marks = marks_of(life.vm) if life else None
        local = side.site.oned.pools.vms.get(vm_id)
        if life and local and (marks is None or (marks.vm_id, marks.stime) != (vm_id, local.stime)):
            raise Violation(SEEN, f"VM {vm_id} is reported as {deploy_id}, which is of {marks}")
