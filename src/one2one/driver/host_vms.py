"""A host's VMs in the local cloud, and since when each has been in its state."""

from collections.abc import Mapping

from one2one import runtime
from one2one.driver.local import LocalCloud
from one2one.hybrid.mirror import Observation
from one2one.hybrid.naming import find_remote_id
from one2one.opennebula.errors import NotFound, OneError
from one2one.opennebula.known_rows import KnownRows
from one2one.opennebula.pools import VISIBLE
from one2one.opennebula.records import Host, Vm, VmSummary
from one2one.opennebula.states import HostState, RaftState, VmState


class FrontEndError(OneError):
    """Raised when the local cloud could not be read: that is no failure of the remote."""


class HostVms:
    """The VMs of one host, as of the last reading."""

    def __init__(self, host_id: int, local: LocalCloud, *, remember: bool = True) -> None:
        """*remember* what was read of each row, so that the same row is not read again."""
        self._host_id = host_id
        self._cloud = local
        self._ids: tuple[int, ...] = ()
        self._known = KnownRows[VmSummary]() if remember else None
        self._remote_ids: dict[int, int] = {}
        self.observations: Mapping[int, Observation] = {}
        """Since when each VM has been in its state."""
        self.rows: Mapping[int, VmSummary] = {}
        self.read_at = float("-inf")
        """When they were read, by ``runtime.monotonic()``."""

    def are_ours(self) -> bool:
        """Tell whether this server monitors hosts: in HA only the leader; raises FrontEndError."""
        try:
            return self._cloud.raft_state() is not RaftState.FOLLOWER
        except OneError as error:
            raise _front_end_error(error) from None

    def read_host(self) -> Host:
        """Return the host, and note which VMs it has.

        Raises NotFound when there is no such host, or it is off line, and FrontEndError.
        """
        try:
            self._cloud.get_version()
            host = self._cloud.get_host(self._host_id)
        except NotFound:
            raise
        except OneError as error:
            raise _front_end_error(error) from None
        if host.state == HostState.OFFLINE:
            raise NotFound(f"host {host.name} is off line")
        self._ids = tuple(vm_id for vm_id in host.vm_ids if vm_id >= 0)
        return host

    def read(self) -> None:
        """Read the VMs that the host had when it was read itself; raises FrontEndError."""
        try:
            rows = self._cloud.cloud.list_summaries_by_id(self._ids, VISIBLE, self._known)
        except OneError as error:
            raise _front_end_error(error) from None
        self.read_at = runtime.monotonic()
        here = (row for row in rows if row.host_id == self._host_id)
        last, self.rows = self.rows, {r.id: r for r in here if r.state.state != VmState.DONE}
        # A row that did not change is the same object (``KnownRows``): nothing is compared then.
        self.observations = {
            vm_id: self.observations[vm_id] if last.get(vm_id) is row else self._observe(row)
            for vm_id, row in self.rows.items()
        }
        ids = {
            vm_id: self._remote_ids.get(vm_id)
            if last.get(vm_id) is row
            else find_remote_id(row.deploy_id)
            for vm_id, row in self.rows.items()
        }
        self._remote_ids = {vm_id: there for vm_id, there in ids.items() if there is not None}

    def find_unread(self) -> list[int]:
        """Return the ids of those VMs of the host that could not be read."""
        ids = (vm_id for vm_id in self._ids if vm_id not in self.rows)
        return [vm_id for vm_id in ids if self._cloud.cloud.is_unread(vm_id)]

    def read_whole(self, vm_id: int) -> Vm:
        """Return one of the VMs, whole and just read; raises FrontEndError."""
        try:
            return self._cloud.get_vm(vm_id)
        except OneError as error:
            raise _front_end_error(error) from None

    def map_remote_ids(self) -> Mapping[int, int]:
        """Return the remote VM's id of each VM that has one."""
        return self._remote_ids

    def _observe(self, row: VmSummary) -> Observation:
        last = self.observations.get(row.id)
        if last is not None and (last.state, last.deploy_id) == (row.state, row.deploy_id):
            return last
        return Observation(row.state, row.deploy_id, since=self.read_at)


def _front_end_error(error: OneError) -> FrontEndError:
    return FrontEndError(error.cause, call=error.call, endpoint=error.endpoint, remedy=error.remedy)
