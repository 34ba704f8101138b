"""Which remote VM each local VM is: its deploy id names it, the marks confirm it.

If the marks do not confirm it, neither the state nor the addresses of the remote VM are shown. An
imported VM gets its marks when it is seen first. Where oned has no deploy id, the marks give it.
"""

from collections.abc import Iterable, Mapping

from one2one.driver.host_vms import HostVms
from one2one.driver.local import LocalCloud
from one2one.driver.ownership import give_marks
from one2one.driver.remotes import Remote
from one2one.hybrid.mirror import Report, map_state
from one2one.hybrid.naming import Marks, format_deploy_id, read_marks
from one2one.hybrid.ownership import Identity, Ownership, is_imported, judge, not_ours_error
from one2one.hybrid.public_cloud import find_named_vm
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import Vm, VmRow, VmSummary


class Links:
    """The links of one host's VMs, from one reading to the next. For one thread."""

    def __init__(self, local: LocalCloud, vms: HostVms) -> None:
        self._local = local
        self._vms = vms
        self._denied: dict[int, Refused] = {}
        self._untold: list[Refused] = []
        self._confirmed: dict[int, tuple[VmSummary, Identity, str]] = {}

    @property
    def denied(self) -> Mapping[int, Refused]:
        """Why each of the local VMs whose link the marks deny is not shown its remote VM."""
        return self._denied

    def confirm(
        self, remote: Remote, links: Mapping[int, int], rows: Iterable[VmRow]
    ) -> dict[int, int]:
        """Return *links*, local ids to remote ids, without those that the marks deny.

        *rows* are the remote VMs that could be read; links to others are kept. Raises the errors
        of a call.
        """
        rows = list(rows)
        identities, listed = remote.identities.read(rows), {row.id for row in rows}
        self._denied = {vm_id: why for vm_id, why in self._denied.items() if vm_id in links}
        before, self._confirmed = self._confirmed, {}
        confirmed = {}
        for vm_id, remote_id in links.items():
            if remote_id in identities:
                identity = identities[remote_id]
                facts = self._vms.rows[vm_id], identity, remote.settings.hybrid_id
                known = before.get(vm_id)
                # Of the same facts, and of marks that were not read again, the same would follow.
                is_known = known == facts and known[1] is identity and vm_id not in self._denied
                if not (is_known or self._confirms(remote, vm_id, identity)):
                    continue
                self._confirmed[vm_id] = facts
            elif remote_id in listed:
                continue
            confirmed[vm_id] = remote_id
        return confirmed

    def confirms(self, remote: Remote, vm_id: int, vm: Vm) -> bool:
        """Tell whether the marks of the remote VM *vm* are those of a local VM."""
        return self._confirms(remote, vm_id, Identity.read(vm))

    def find_deploy_id(self, remote: Remote, row: VmSummary, not_before: float) -> str:
        """Return the deploy id of a local VM that has none in oned; empty if there is none.

        It is that of the running remote VM with this start's marks. The remote VMs are listed at
        *not_before* or later. Raises the errors of a call.
        """
        marks, linked = _build_marks(remote, row), self._vms.map_remote_ids()
        others = {linked[other] for other in linked if other != row.id}
        if not marks.hybrid_id:
            return ""
        found = remote.vm_index.find_marked(marks, not_before)
        for vm in found or self._find_adopted(remote, row):
            is_running = map_state(vm.state) is Report.RUNNING
            if is_running and read_marks(vm) == marks and vm.id not in others:
                return format_deploy_id(vm.id)
        return ""

    def _find_adopted(self, remote: Remote, row: VmSummary) -> list[Vm]:
        """Return the remote VM that a local VM is adopting, if it does."""
        template = self._vms.read_whole(row.id).user_template
        try:
            named = find_named_vm(template, remote.settings.host_name)
        except Refused:  # its user wrote it: other VMs are looked for still
            return []
        return [] if named is None else remote.cloud.list_whole_vms_by_id([named])

    def forget_denied(self, remote: Remote) -> None:
        """Have the marks that do not confirm a link read once more."""
        linked = self._vms.map_remote_ids()
        remote.identities.forget(linked[vm_id] for vm_id in self._denied if vm_id in linked)

    def take_news(self) -> list[Refused]:
        """Return why links are not confirmed, each reason once."""
        news, self._untold = self._untold, []
        return news

    def _confirms(self, remote: Remote, vm_id: int, identity: Identity) -> bool:
        marks = _build_marks(remote, self._vms.rows[vm_id])
        try:
            ownership = judge(identity, marks)
            if ownership is not Ownership.OURS and vm_id not in self._denied:
                # What was read before the VM was adopted does not count.
                identity = remote.identities.renew(identity)
                ownership = judge(identity, marks)
            if ownership is Ownership.UNMARKED:
                self._take_over(remote, identity, marks)
            elif ownership is not Ownership.OURS:
                raise not_ours_error(identity, marks)
        except Refused as refusal:
            if str(refusal) != str(self._denied.get(vm_id)):
                self._untold.append(refusal)
            self._denied[vm_id] = refusal
            return False
        self._denied.pop(vm_id, None)
        return True

    def _take_over(self, remote: Remote, identity: Identity, marks: Marks) -> None:
        """Mark an imported VM as the local VM's; raises Refused for any other."""
        local = self._vms.read_whole(marks.vm_id)
        if not is_imported(local, identity.remote_id, remote.settings.host_name):
            raise not_ours_error(identity, marks)
        give_marks(remote, self._local, identity.remote_id, marks)
        remote.identities.forget([identity.remote_id])


def _build_marks(remote: Remote, row: VmSummary) -> Marks:
    return Marks(remote.settings.hybrid_id, row.id, row.stime, row.sequence)
