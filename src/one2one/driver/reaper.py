"""Destroying remote VMs that no local VM owns any more.

oned ends a VM that is POWEROFF, SUSPENDED, STOPPED or UNDEPLOYED without a word to its driver, and
takes no notice when a CLEANUP fails. What is left of such VMs is found here by its marks, judged
by ``hybrid.orphans``, and destroyed after one more look at both sides. Everything that is done,
or deliberately not done, is logged with its reason.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable

from one2one import runtime
from one2one.driver.events import OrphanReaped
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remote
from one2one.hybrid import goals
from one2one.hybrid.goals import Step
from one2one.hybrid.marked_vms import MarkedVm, UnmarkedVm, find_marked, find_unmarked
from one2one.hybrid.orphans import (
    GRACE_S,
    Decision,
    Grace,
    Instant,
    Kind,
    Orphan,
    decide,
    find_orphan,
    may_name_another,
)
from one2one.hybrid.ownership import Identity
from one2one.hybrid.verdicts import has_unsaved_disks
from one2one.opennebula.errors import NotFound, OneError, ProtocolError, Unreachable
from one2one.opennebula.pools import VISIBLE
from one2one.opennebula.records import VmRow, VmSummary


class Reaper:
    """The orphans of one host, from one look to the next. For one thread."""

    def __init__(
        self,
        host_id: int,
        local: LocalCloud,
        log: Callable[[str], None],
        *,
        grace: Grace = GRACE_S,
        allow_many: bool = False,
        one_shot: bool = False,
    ) -> None:
        """Take the local cloud, whose every VM must be visible, and where to write what is done.

        *allow_many* is for an administrator who has seen how many they are. *one_shot* tells that
        there will be no second look: what needs one is never destroyed then.
        """
        self._host_id = host_id
        self._local = local
        self._log = log
        self._grace = grace
        self._allow_many = allow_many
        self._one_shot = one_shot
        self._identities: list[Identity] = []
        self._marked_vms: list[MarkedVm] = []
        self._last = Decision()
        self._unread: set[str] = set()

    def judge(self, remote: Remote, rows: Iterable[VmRow]) -> Decision:
        """Return what to do about the orphans among *rows*: all of the account's VMs, just read.

        The marks of a VM are read once. A VM that cannot be read, on either side, is not judged.
        Raises the errors of a call; nothing is decided then.
        """
        self._marked_vms = marked = self._read_marked(remote, rows)
        local = self._read_local_vms({one.marks.vm_id for one in marked})
        self._read_histories(marked, local)
        orphans = [
            find_orphan(one, local[one.marks.vm_id], self._host_id, marked)
            for one in marked
            if one.marks.vm_id in local
        ]
        self._report_unread(remote)
        decision = decide(
            [one for one in orphans if one],
            self._count_named(),
            self._last,
            Instant(runtime.monotonic(), runtime.time()),
            grace=self._grace,
            allow_many=self._allow_many,
        )
        self._log_decision(remote, decision)
        self._last = decision
        return decision

    def reap(self, remote: Remote, rows: Iterable[VmRow]) -> None:
        """Look, and destroy those orphans whose time has come; raises the errors of a call."""
        self.destroy(remote, self.judge(remote, rows).destroy)

    def destroy(self, remote: Remote, orphans: Iterable[Orphan]) -> dict[int, str]:
        """Destroy those that are orphans still; return what became of each remote VM.

        A refusal is logged, and met again at the next look; raises Unreachable.
        """
        outcomes = {}
        for one in orphans:
            try:
                spared = self._find_reason_to_spare(one, remote)
                if not spared:
                    remote.cloud.vm_action("terminate-hard", one.remote_id)
                    remote.emit(OrphanReaped(self._host_id))
                outcome = f"is left alone: {spared}" if spared else "is destroyed"
            except Unreachable:
                raise
            except OneError as error:
                outcome = f"could not be destroyed: {error}"
            outcomes[one.remote_id] = outcome
            self._log_orphan(remote, one, outcome)
        return outcomes

    def count_by_hybrid_id(self) -> Counter[str]:
        """Return how many VMs of the last look carry each hybrid id."""
        return Counter(one.marks.hybrid_id for one in self._identities if one.marks)

    def find_unmarked(self) -> list[UnmarkedVm]:
        """Return the VMs of the last look that have lost their marks."""
        return find_unmarked(self._identities)

    def _read_marked(self, remote: Remote, rows: Iterable[VmRow]) -> list[MarkedVm]:
        by_id = {row.id: row for row in rows}
        remote.identities.keep(by_id.keys())
        identities = remote.identities.read(by_id.values())
        self._identities = [identities[id_].rename(by_id[id_].name) for id_ in sorted(identities)]
        return find_marked(self._identities, remote.settings.hybrid_id)

    def _count_named(self) -> int:
        return sum(one.is_named for one in self._marked_vms)

    def _read_local_vms(self, vm_ids: Collection[int]) -> dict[int, VmSummary | None]:
        """Return each local VM; None only for what oned, asked for it alone, does not know.

        One that cannot be read is left out.
        """
        rows = self._local.cloud.list_summaries_by_id(vm_ids, VISIBLE)
        vms: dict[int, VmSummary | None] = {row.id: row for row in rows}
        for vm_id in set(vm_ids) - vms.keys():
            with contextlib.suppress(ProtocolError):
                vms[vm_id] = self._local.cloud.find_summary(vm_id)
        return vms

    def _read_histories(
        self, marked: Iterable[MarkedVm], local: dict[int, VmSummary | None]
    ) -> None:
        """Read those local VMs alone of which only the whole history tells what they name."""
        for one in marked:
            vm_id = one.marks.vm_id
            if may_name_another(one, local.get(vm_id), self._host_id):
                with contextlib.suppress(ProtocolError):
                    local[vm_id] = self._local.cloud.find_summary(vm_id)

    def _find_reason_to_spare(self, one: Orphan, remote: Remote) -> str:
        """Look once more at both sides of an orphan; return why to leave it, else nothing."""
        try:
            vm = remote.cloud.get_vm(one.remote_id)
        except NotFound:
            return "it is gone"
        marked = next(iter(find_marked([Identity.read(vm)], remote.settings.hybrid_id)), None)
        if marked is None or not marked.is_named or marked not in self._marked_vms:
            remote.identities.forget([vm.id])
            return "its marks have changed"
        if goals.DONE.step(vm.state) is not Step.ACT:
            return f"it is {vm.state}"
        if has_unsaved_disks(vm):
            return f"it is {vm.state}, and its persistent disks are not saved yet"
        local = self._local.cloud.find_summary(marked.marks.vm_id)
        if find_orphan(marked, local, self._host_id, self._marked_vms) is None:
            return f"local VM {marked.marks.vm_id} may need it again"
        return ""

    def _log_decision(self, remote: Remote, decision: Decision) -> None:
        """Log what is new."""
        for one in decision.wait:
            if one.remote_id in self._last.first_seen:
                continue
            if self._one_shot and one.kind is not Kind.ABANDONED:
                self._log_orphan(remote, one, "is left to: one2one reap")
            else:
                grace = self._grace[one.kind]
                self._log_orphan(remote, one, f"will be destroyed when that was so for {grace:g} s")
        if decision.refused and decision.refused != self._last.refused:
            names = ", ".join(str(one.remote_id) for one in decision.refused)
            name = remote.settings.host_name
            share = f"{len(decision.refused)} of {self._count_named()}"
            self._log(
                f"Host {name}: {share} remote VMs have lost "
                f"their local VM at once ({names}), as after a restored database. None is "
                f"destroyed. See them with: one2one reap --host {name} --dry-run"
            )

    def _report_unread(self, remote: Remote) -> None:
        """Log each VM that could not be read, once."""
        for side in (remote.cloud, self._local.cloud):
            for name, cause in side.unread.items():
                unread = f"{name} at {side.url}"
                if unread not in self._unread:
                    self._unread.add(unread)
                    host = remote.settings.host_name
                    self._log(f"Host {host}: {unread} cannot be read, and is left alone: {cause}")

    def _log_orphan(self, remote: Remote, one: Orphan, what: str) -> None:
        self._log(
            f"Host {remote.settings.host_name}: remote VM {one.remote_id} at "
            f"{remote.cloud.url} {what} ({one.kind.value}: {one.reason})"
        )
