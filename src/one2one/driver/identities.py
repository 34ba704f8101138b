"""What the VMs of a remote account say of whose they are, each read once.

Pool rows are short, and have no marks. But they tell when a VM was created, so what was read of
one VM is never taken for another's that got its id.
"""

from collections.abc import Collection, Iterable

from one2one import runtime
from one2one.hybrid.ownership import Identity
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.records import VmRow


class Identities:
    """The marks of one account's VMs. Thread-safe."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = runtime.lock()
        self._known: dict[int, Identity] = {}
        self._unread: dict[int, int] = {}
        """VMs that could not be read, and when they were created."""

    def read(self, rows: Iterable[VmRow]) -> dict[int, Identity]:
        """Return the marks of the VMs in *rows*, by id: one call for all that are not known.

        A VM that cannot be read is left out. Raises the errors of a call.
        """
        found, new = dict[int, Identity](), list[VmRow]()
        with self._lock:
            for row in rows:
                known = self._known.get(row.id)
                if known is not None and known.stime == row.stime:
                    found[row.id] = known
                elif self._unread.get(row.id) != row.stime:
                    new.append(row)
            for vm in self._cloud.list_whole_vms_by_id(row.id for row in new):
                self._known[vm.id] = Identity.read(vm)
            for row in new:
                known = self._known.get(row.id)
                if known is not None and known.stime == row.stime:
                    found[row.id] = known
                else:
                    self._unread[row.id] = row.stime
        return found

    def renew(self, identity: Identity) -> Identity:
        """Return the marks of a VM as they are now; *identity* if it cannot be read."""
        with self._lock:
            for vm in self._cloud.list_whole_vms_by_id([identity.remote_id]):
                self._known[vm.id] = identity = Identity.read(vm)
        return identity

    def forget(self, vm_ids: Iterable[int]) -> None:
        """Have the marks of these VMs read again when they are asked for."""
        with self._lock:
            for vm_id in vm_ids:
                self._known.pop(vm_id, None)

    def keep(self, vm_ids: Collection[int]) -> None:
        """Forget all VMs but these, and try those again that could not be read."""
        with self._lock:
            self._unread.clear()
            self._known = {vm_id: m for vm_id, m in self._known.items() if vm_id in vm_ids}
