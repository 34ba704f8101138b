"""Makes local VMs of remote VMs, one call after the other.

    call                                   cut off after it
    ────────────────────────────────────   ─────────────────────────────────────────────────────
    the local VM is created, on hold       nothing but the local VM knows of it
    the remote VM is marked as its         no driver acts on it: the local VM was never started
    the local VM gets its owner            the same
    the local VM is deployed to the host   the driver finds the remote VM marked, and takes it
    PUBLIC_CLOUD names the remote template the adoption is complete

A repetition goes on where the last one ended. What is refused on the way is taken back. No call
touches the guest.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, replace

from one2one import runtime
from one2one.admin.adopt.candidates import Candidate
from one2one.admin.adopt.request import Terms
from one2one.driver.local import LocalCloud
from one2one.driver.ownership import give_marks
from one2one.driver.remotes import Remote
from one2one.hybrid.adoption import (
    build_local_template,
    build_public_cloud,
    format_release,
)
from one2one.hybrid.naming import Marks, build_marks, format_deploy_id
from one2one.hybrid.origin import format_origin
from one2one.hybrid.ownership import Identity, Ownership, judge
from one2one.hybrid.sizes import Followed, format_followed, read_size
from one2one.hybrid.wild import fit_name
from one2one.opennebula.cloud import Update
from one2one.opennebula.errors import NotFound, OneError, Refused
from one2one.opennebula.handover import (
    Recovery,
    change_owner,
    create_vm,
    deploy_vm,
    recover_vm,
)
from one2one.opennebula.records import Host, Vm
from one2one.opennebula.states import LcmState, State, VmState
from one2one.opennebula.template import to_xml

_ALREADY = "is VM {} already"
_LOOK_S = 0.2
_WAITING = (VmState.HOLD, VmState.PENDING)
_FAILED = (
    State(VmState.ACTIVE, LcmState.BOOT_FAILURE),
    State(VmState.ACTIVE, LcmState.PROLOG_FAILURE),
)


@dataclass(frozen=True)
class AdoptRow:
    """A remote VM, and what became of it here."""

    remote_id: int
    name: str
    """The local VM's name."""
    remote_state: str
    vm_id: int | None
    owner: str
    outcome: str


class Adoption:
    """The adoptions of one command."""

    def __init__(
        self, local: LocalCloud, remote: Remote, host: Host, terms: Terms, patience: float
    ) -> None:
        """Take both clouds; *patience* is how long a start may take, in seconds."""
        self._local = local
        self._remote = remote
        """Its host has no hybrid id before its first VM."""
        self._host = host
        self._terms = terms
        self._patience = patience

    def foresee(self, candidate: Candidate) -> AdoptRow:
        """Return what would be done."""
        if candidate.is_linked and candidate.local_vm:
            return self._describe(candidate.remote_vm, candidate.local_vm, _ALREADY)
        return self._describe(candidate.remote_vm, candidate.local_vm, "would be adopted")

    def adopt(self, candidate: Candidate) -> AdoptRow:
        """Adopt a remote VM, or go on with it; raises Refused, and the errors of a call."""
        remote_vm, local_vm = candidate.remote_vm, candidate.local_vm
        if local_vm and candidate.is_linked:
            if not candidate.is_complete:
                self._complete(remote_vm, local_vm)
            return self._describe(remote_vm, local_vm, _ALREADY)
        if not self._remote.settings.hybrid_id:
            hybrid_id = self._local.ensure_hybrid_id(self._host.id)
            settings = replace(self._remote.settings, hybrid_id=hybrid_id)
            self._remote = replace(self._remote, settings=settings)
        if local_vm and local_vm.state in _FAILED:
            recover_vm(self._local.cloud, local_vm.id, Recovery.DELETE_DB)
            local_vm = None
        local_vm = local_vm or self._create(remote_vm)
        self._carry_out(remote_vm, local_vm)
        return self._describe(remote_vm, self._local.get_vm(local_vm.id), "is adopted")

    def _carry_out(self, remote_vm: Vm, local_vm: Vm) -> None:
        try:
            self._mark(remote_vm, local_vm)
            self._give_to_owner(local_vm)
            self._start(local_vm)
            self._wait_for_driver(remote_vm.id, local_vm.id)
        except Refused as error:
            raise self._take_back(remote_vm.id, local_vm, error) from None
        except OneError as error:
            raise OneError(
                f"VM {local_vm.id} has not adopted it yet: {error}", remedy="Repeat the command"
            ) from None
        self._complete(remote_vm, local_vm)

    def _create(self, remote_vm: Vm) -> Vm:
        name = self._terms.name or fit_name(remote_vm)
        template = build_local_template(remote_vm, name, self._host.name, self._terms.template)
        return self._local.get_vm(create_vm(self._local.cloud, to_xml(template)))

    def _mark(self, remote_vm: Vm, local_vm: Vm) -> None:
        user, group = self._terms.user, self._terms.group
        owned = replace(
            local_vm,
            owner=user.name if user else local_vm.owner,
            group=group.name if group else local_vm.group,
        )
        more = [
            *format_origin(owned, runtime.host_name()),
            *format_followed(Followed(read_size(local_vm))),
        ]
        try:
            give_marks(self._remote, self._local, remote_vm.id, self._build_marks(local_vm), *more)
        except NotFound:
            raise NotFound(f"remote VM {remote_vm.id} is gone", remedy="") from None

    def _give_to_owner(self, local_vm: Vm) -> None:
        user, group = self._terms.user, self._terms.group
        if user or group:
            user_id, group_id = user.id if user else -1, group.id if group else -1
            change_owner(self._local.cloud, local_vm.id, user_id, group_id)

    def _start(self, local_vm: Vm) -> None:
        """Deploy the local VM, unless that was done."""
        if local_vm.state.state not in _WAITING:
            return
        try:
            deploy_vm(self._local.cloud, local_vm.id, self._host.id)
        except Refused:  # its owner may have released it in the meantime
            if self._local.get_vm(local_vm.id).state.state in _WAITING:
                raise

    def _wait_for_driver(self, remote_id: int, vm_id: int) -> None:
        """Wait until the driver has taken the remote VM; raises Refused with its reason."""
        deadline = time.monotonic() + self._patience
        while (vm := self._local.get_vm(vm_id)).deploy_id != format_deploy_id(remote_id):
            if vm.state in _FAILED or vm.state.state == VmState.DONE:
                raise Refused(f"it is {vm.state} here: {vm.user_template.text('ERROR')}", remedy="")
            if time.monotonic() > deadline:
                raise OneError(
                    f"it is still {vm.state} after {self._patience:g} s",
                    remedy="See oned.log, and whether the driver runs",
                )
            time.sleep(_LOOK_S)

    def _complete(self, remote_vm: Vm, local_vm: Vm) -> None:
        section = build_public_cloud(remote_vm, self._host.name, self._terms.template)
        self._local.cloud.update_vm(local_vm.id, to_xml(section), Update.MERGE)

    def _take_back(self, remote_id: int, local_vm: Vm, error: Refused) -> Refused:
        """Undo everything; return the error, which says so where that is not possible."""
        try:
            with suppress(NotFound):
                remote_vm = self._remote.cloud.get_vm(remote_id)
                ours = judge(Identity.read(remote_vm), self._build_marks(local_vm))
                if ours is Ownership.OURS and remote_vm.state.state != VmState.DONE:
                    release = to_xml(format_release(remote_vm))
                    self._remote.cloud.update_vm(remote_id, release, Update.MERGE)
            recover_vm(self._local.cloud, local_vm.id, Recovery.DELETE_DB)
        except OneError as failure:
            return Refused(
                f"{error.cause}. VM {local_vm.id} could not be taken back: {failure}",
                remedy="Repeat the command",
            )
        return error

    def _build_marks(self, local_vm: Vm) -> Marks:
        return build_marks(local_vm, self._remote.settings.hybrid_id)

    def _describe(self, remote_vm: Vm, local_vm: Vm | None, outcome: str) -> AdoptRow:
        return AdoptRow(
            remote_id=remote_vm.id,
            name=local_vm.name if local_vm else self._terms.name or fit_name(remote_vm),
            remote_state=str(remote_vm.state),
            vm_id=local_vm.id if local_vm else None,
            owner=local_vm.owner if local_vm else "",
            outcome=outcome.format(local_vm and local_vm.id),
        )
