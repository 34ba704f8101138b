"""What the messages of a host's client do after monitord has accepted them.

Source: ``MonitorDriverProtocol.cc``.
"""

from base64 import b64decode

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.merging import merge
from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.cloud.refusal import Refusal
from opennebula_sandbox.cloud.wire.grammar import parse
from opennebula_sandbox.frontend.im.host_reports import HostReports
from opennebula_sandbox.frontend.im.monitor_line import MonitorLine
from opennebula_sandbox.frontend.im.vm_states import VmStates
from opennebula_sandbox.frontend.oned.pools import Pools

_BLAMES_HOST = ("MONITOR_HOST", "MONITOR_VM")
"""Messages that put the host into ERROR when their text has wrong syntax."""


class ClientMessages:
    """Updates hosts and VMs from the messages of their clients."""

    def __init__(self, pools: Pools, hosts: HostReports, vm_states: VmStates) -> None:
        self._pools = pools
        self._hosts = hosts
        self._vm_states = vm_states

    def take(self, host: Host, line: MonitorLine) -> str | None:
        """Take a message; return the reason if it puts the host into ERROR, else None."""
        try:
            report = parse(line.text)
        except Refusal as refusal:
            words = f"Error parsing {line.type} from host {host.id}: {refusal.text}"
            self._pools.write_log("MDP", "E", words)
            return "Error parsing monitor information" if line.type in _BLAMES_HOST else None
        match line.type:
            case "MONITOR_HOST":
                self._hosts.take_usage(host, report)
            case "SYSTEM_HOST":
                self._hosts.take_system(host, report)
            case "STATE_VM":
                self._vm_states.take(host, report)
            case "MONITOR_VM":
                self._set_vm_usage(report)
        return None

    def _set_vm_usage(self, report: Template) -> None:
        now = str(self._pools.now())
        for record in report.vectors("VM"):
            number = record.get("ID", "")
            vm = self._pools.vms.get(int(number)) if number.isdecimal() else None
            try:
                values = parse(b64decode(record.get("MONITOR", "")).decode(errors="replace"))
            except (Refusal, ValueError):
                self._pools.write_log("MDP", "E", "Error parsing VM monitor attribute")
                continue
            if vm is not None:
                stamped = merge(values, Template([("ID", number), ("TIMESTAMP", now)]))
                vm.monitoring = merge(vm.monitoring, stamped)
        self._pools.clock.lock.notify_all()
