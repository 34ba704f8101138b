"""Reads both sides of a VM that is to be adopted, and tells whether it may be."""

from collections.abc import Collection
from dataclasses import dataclass

from one2one.admin.adopt.known import read_known
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remote
from one2one.hybrid.adoption import check_adoptable, check_free, is_alive, not_owned_error
from one2one.hybrid.naming import build_marks
from one2one.hybrid.ownership import Identity, Ownership, judge
from one2one.opennebula.errors import NotAuthorized, NotFound, Refused
from one2one.opennebula.records import Host, Vm
from one2one.opennebula.xml import read_text


@dataclass(frozen=True)
class Candidate:
    """A remote VM, and its local VM if there is one already."""

    remote_vm: Vm
    local_vm: Vm | None = None
    is_linked: bool = False
    """Whether the local VM has it. Otherwise an earlier attempt has begun to adopt it."""
    is_complete: bool = False
    """Whether nothing is left to be done."""


class Candidates:
    """The remote VMs of one command."""

    def __init__(
        self, local: LocalCloud, remote: Remote, host: Host, remote_ids: Collection[int]
    ) -> None:
        """Read what the local cloud knows of them."""
        self._local = local
        self._cloud = remote.cloud
        self._hybrid_id = remote.settings.hybrid_id
        self._account = read_text(remote.cloud.get_user(), "NAME")
        self._caller = read_text(local.cloud.get_user(), "NAME")
        self._known = read_known(local, host, remote_ids)

    def read(self, remote_id: int) -> Candidate:
        """Return one of them; raises Refused where it cannot be adopted."""
        remote_vm = self._read_remote(remote_id)
        if linked := self._find_linked(remote_vm):
            begun = {vm.id for vm in self._known.begun.get(remote_id, [])}
            is_complete = linked.id not in begun
            return Candidate(remote_vm, linked, is_linked=True, is_complete=is_complete)
        return Candidate(remote_vm, self._find_begun(remote_vm))

    def _read_remote(self, remote_id: int) -> Vm:
        try:
            vm = self._cloud.get_vm(remote_id)
        except NotFound:
            raise NotFound(
                f"remote VM {remote_id} does not exist", remedy="See: onevm list, there"
            ) from None
        except NotAuthorized:
            raise not_owned_error(remote_id, "another user", self._account) from None
        check_adoptable(vm, self._account)
        return vm

    def _find_linked(self, remote_vm: Vm) -> Vm | None:
        """Return the local VM that has the remote VM.

        Raises Refused where one names it in its deploy id, and the marks do not confirm that.
        """
        row = self._known.linked.get(remote_vm.id)
        if row is None:
            return None
        local_vm = self._local.get_vm(row.id)
        if not self._is_marked(remote_vm, local_vm):
            raise Refused(
                f"VM {row.id} names remote VM {remote_vm.id}, whose marks do not confirm that",
                remedy=f"See: one2one show {row.id}",
            )
        return local_vm

    def _find_begun(self, remote_vm: Vm) -> Vm | None:
        """Return the local VM of an earlier attempt; raises Refused where another has the VM.

        It is the command's own where the remote VM's marks name it, or the caller owns it: other
        users may have written the same into theirs.
        """
        begun = self._known.begun.get(remote_vm.id, [])
        marks = check_free(Identity.read(remote_vm), self._hybrid_id)
        for vm in begun:
            if self._is_marked(remote_vm, vm):
                return vm
        if marks and is_alive(marks, self._local.cloud.find_summary(marks.vm_id)):
            raise Refused(
                f"remote VM {remote_vm.id} carries the marks of VM {marks.vm_id}",
                remedy=f"See: one2one show {marks.vm_id}",
            )
        return next((vm for vm in begun if vm.owner == self._caller), None)

    def _is_marked(self, remote_vm: Vm, local_vm: Vm) -> bool:
        marks = build_marks(local_vm, self._hybrid_id)
        return judge(Identity.read(remote_vm), marks) is Ownership.OURS
