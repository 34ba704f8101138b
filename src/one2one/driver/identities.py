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
        wanted = {row.id: row.stime for row in rows}
        with self._lock:
            new = [
                vm_id
                for vm_id, stime in wanted.items()
                if not self._has(vm_id, stime) and self._unread.get(vm_id) != stime
            ]
            for vm in self._cloud.list_whole_vms_by_id(new):
                self._known[vm.id] = Identity.read(vm)
            self._unread |= {
                vm_id: wanted[vm_id] for vm_id in new if not self._has(vm_id, wanted[vm_id])
            }
            return {
                vm_id: self._known[vm_id]
                for vm_id, stime in wanted.items()
                if self._has(vm_id, stime)
            }

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

    def _has(self, vm_id: int, stime: int) -> bool:
        known = self._known.get(vm_id)
        return known is not None and known.stime == stime
