"""What a round says of the host's VMs."""

from one2one.driver.round import Round
from one2one.hybrid.capacity import HostVm
from one2one.opennebula.records import VmSummary
from tests.driver.scripted import STATES


def row(vm_id: int, state: str = "RUNNING", cpu: float = 0.0, memory: int = 0) -> VmSummary:
    return VmSummary(vm_id, "web", STATES[state], "", 0, cpu, memory, 2, "burst1", ())


ROUND = Round(
    read_at=0.0,
    local_rows={7: row(7, cpu=0.5, memory=256), 8: row(8, cpu=2.0, memory=512), 10: row(10)},
    observations={},
    remote_rows={9: row(9, "POWEROFF", cpu=8.0, memory=8192), 11: row(11)},
    links={7: 9, 8: 12},
)
"""VM 7 is remote VM 9, VM 8 was not listed at the remote, VM 10 has no remote VM."""


def test_each_local_vm_has_its_remote_vm_if_it_was_read() -> None:
    assert {vm_id: row.id for vm_id, row in ROUND.list_remote_rows().items()} == {7: 9}


def test_the_capacity_counts_local_sizes_and_remote_states() -> None:
    assert ROUND.list_members() == [HostVm(0.5, 256, STATES["POWEROFF"])]
