"""Gives a remote VM back to its cloud, one call after the other.

    call                               cut off after it
    ────────────────────────────────   ─────────────────────────────────────────────────────────
    the remote VM is renamed, where    the local VM has it still; without the driver's name it
    a driver has named it              is never destroyed as an orphan
    its marks are taken off            no driver terminates it any more: an operation of the
                                       local VM is refused
    the local VM ends, in oned's       released
    database alone

A repetition goes on where the last one ended. No call touches the guest. oned asks no driver for
``recover --delete-db`` (``DispatchManager::delete_vm_db``, 5.6 to 7.4).
"""

from dataclasses import dataclass

from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remote, Remotes
from one2one.hybrid.adoption import check_releasable, format_release, give_released_name
from one2one.hybrid.naming import DRIVER, Marks, build_marks, find_remote_id
from one2one.hybrid.ownership import Identity, Ownership, judge, not_ours_error
from one2one.hybrid.public_cloud import find_named_vm
from one2one.opennebula.cloud import Update
from one2one.opennebula.errors import NotFound, Refused
from one2one.opennebula.handover import Recovery, recover_vm, rename_vm
from one2one.opennebula.records import Host, Vm
from one2one.opennebula.states import VmState
from one2one.opennebula.template import to_xml


@dataclass(frozen=True)
class ReleaseRow:
    """A local VM, and what became of its remote VM."""

    vm_id: int
    name: str
    host: str
    remote_id: int
    remote_name: str
    """What the remote VM is called from then on."""
    outcome: str


@dataclass(frozen=True)
class _Pair:
    """A local VM and its remote VM, as they were just read."""

    local: Vm
    remote_vm: Vm
    remote: Remote
    host: Host
    is_marked: bool

    @property
    def ended(self) -> bool:
        return self.local.state.state == VmState.DONE


class Release:
    """The releases of one command."""

    def __init__(self, local: LocalCloud, remotes: Remotes) -> None:
        self._local = local
        self._remotes = remotes

    def check(self, vm_id: int) -> ReleaseRow:
        """Return what would be done about a local VM; raises Refused where it cannot be."""
        pair = self._read_pair(vm_id)
        done = pair.ended and not pair.is_marked
        return _describe(pair, "is released already" if done else "would be released")

    def release(self, vm_id: int) -> ReleaseRow:
        """Release the remote VM of a local VM, or go on with it.

        Raises Refused, and the errors of a call.
        """
        pair = self._read_pair(vm_id)
        if pair.ended and not pair.is_marked:
            return _describe(pair, "is released already")
        if pair.is_marked:
            _unmark(pair)
        if not pair.ended:
            recover_vm(self._local.cloud, vm_id, Recovery.DELETE_DB)
        if pair.local.template.text("IMPORTED") == "YES":
            self._unmark_again(vm_id)
        return _describe(pair, "is released")

    def _unmark_again(self, vm_id: int) -> None:
        """Take off the marks that monitoring has given to an imported VM in the meantime."""
        pair = self._read_pair(vm_id)
        if pair.is_marked:
            _unmark(pair)

    def _read_pair(self, vm_id: int) -> _Pair:
        local = self._local.get_vm(vm_id)
        host = self._find_host(local)
        check_releasable(local)
        remote = self._remotes.open_for_host(host.id, host.name)
        marks = build_marks(local, remote.settings.hybrid_id)
        remote_vm = _read_remote(local, remote, marks)
        identity = Identity.read(remote_vm)
        ownership = judge(identity, marks)
        if ownership is Ownership.ANOTHERS:
            raise not_ours_error(identity, marks)
        return _Pair(local, remote_vm, remote, host, is_marked=ownership is Ownership.OURS)

    def _find_host(self, local: Vm) -> Host:
        if not local.history:
            raise Refused(
                f"VM {local.id} was never on a host, so it has no remote VM",
                remedy=f"End it with: onevm terminate {local.id}",
            )
        placement = local.history[-1]
        host = self._local.get_host(placement.host_id)
        if host.vm_mad != DRIVER:
            raise Refused(
                f"VM {local.id} is not hybrid: host {host.name} is a host of this cloud", remedy=""
            )
        return host


def _read_remote(local: Vm, remote: Remote, marks: Marks) -> Vm:
    """Return the remote VM, by the marks where oned has no deploy id of it."""
    remote_id = find_remote_id(local.deploy_id)
    if remote_id is None:
        remote_id = find_named_vm(local.user_template, remote.settings.host_name)
    if remote_id is None:
        found = remote.vm_index.find_marked(marks, float("inf"))
        remote_id = next((vm.id for vm in found if vm.state.state != VmState.DONE), None)
    if remote_id is None:
        raise Refused(
            f"VM {local.id} has no remote VM", remedy=f"End it with: onevm terminate {local.id}"
        )
    try:
        vm = remote.cloud.get_vm(remote_id)
    except NotFound:
        vm = None
    if vm is None or vm.state.state == VmState.DONE:
        raise NotFound(
            f"remote VM {remote_id} of VM {local.id} is gone: there is nothing to release",
            remedy=f"End the local VM with: onevm terminate {local.id}",
        )
    return vm


def _unmark(pair: _Pair) -> None:
    remote_vm, cloud = pair.remote_vm, pair.remote.cloud
    name = give_released_name(remote_vm, pair.local)
    if name != remote_vm.name:
        rename_vm(cloud, remote_vm.id, name)
    cloud.update_vm(remote_vm.id, to_xml(format_release(remote_vm)), Update.MERGE)


def _describe(pair: _Pair, outcome: str) -> ReleaseRow:
    return ReleaseRow(
        vm_id=pair.local.id,
        name=pair.local.name,
        host=pair.host.name,
        remote_id=pair.remote_vm.id,
        remote_name=give_released_name(pair.remote_vm, pair.local),
        outcome=outcome,
    )
