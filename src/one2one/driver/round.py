"""One reading of both clouds for one host, and what it says of the host's VMs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from one2one.hybrid.capacity import HostVm
from one2one.hybrid.mirror import Observation, Report
from one2one.hybrid.usage import Usage
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import VmSummary


class VmReport(NamedTuple):
    """What the local cloud is told of a local VM."""

    vm_id: int
    deploy_id: str
    report: Report


class VmUsage(NamedTuple):
    """What a local VM's remote VM uses."""

    vm_id: int
    deploy_id: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Round:
    """The remote VMs, read between two readings of the local ones."""

    read_at: float
    """When the remote VMs were read, by ``runtime.monotonic()``."""
    local_rows: Mapping[int, VmSummary]
    """The host's VMs, by id, read after the remote ones."""
    observations: Mapping[int, Observation]
    """Since when each of them has been in its state."""
    remote_rows: Mapping[int, VmSummary]
    """Their remote VMs, by the ids there."""
    links: Mapping[int, int]
    """The remote VM's id of each local VM whose deploy id was the same in both local readings, and
    is not denied by the marks."""
    denied: tuple[Refused, ...] = ()
    """Why VMs are not shown what their deploy ids name, each reason once in a process."""
    reports: tuple[VmReport, ...] = ()
    """One for each VM of the host; SILENCE for most."""

    def list_remote_rows(self) -> dict[int, VmSummary]:
        """Return the remote VM of each local VM, by the id of the local VM."""
        return {
            vm_id: self.remote_rows[remote_id]
            for vm_id, remote_id in self.links.items()
            if remote_id in self.remote_rows
        }

    def list_members(self) -> list[HostVm]:
        """Return what each local VM asks for, and the state of its remote VM."""
        return [
            HostVm(self.local_rows[vm_id].cpu, self.local_rows[vm_id].memory, row.state)
            for vm_id, row in self.list_remote_rows().items()
        ]
