"""Checks of whether local and remote VMs fit together."""

import contextlib

from one2one.admin.doctor.facts import HybridHost
from one2one.admin.doctor.finding import (
    Finding,
    failure,
    join_some,
    ok,
    report_unread,
    skip,
    warning,
)
from one2one.hybrid.marked_vms import find_marked
from one2one.hybrid.mirror import is_started
from one2one.hybrid.naming import find_remote_id
from one2one.hybrid.orphans import Kind, Orphan, find_orphan
from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.records import VmSummary
from one2one.opennebula.states import VmState


def check_readable_vms(host: HybridHost) -> Finding:
    """Check that each VM of the account can be read: others are not monitored or reaped."""
    host.cloud.list_summaries()
    return report_unread(len(host.vms), host.cloud.unread)


def check_deploy_ids(host: HybridHost) -> Finding:
    """Check that each local VM's deploy id names a remote VM of the account."""
    known = {vm.id for vm in host.vms}
    wrong = []
    for vm in host.local_vms:
        if not vm.deploy_id or vm.state.state == VmState.DONE:
            continue
        number = find_remote_id(vm.deploy_id)
        if number is None or (number not in known and not host.cloud.is_unread(number)):
            wrong.append(f"{vm.id} ({vm.deploy_id})")
    if wrong:
        return failure(
            f"the account has no such VM: local VM {join_some(wrong)}",
            "It is gone at the remote: onevm recover --recreate or --delete",
        )
    return ok(f"{len(host.local_vms)} VMs, each with its remote VM")


def check_started(host: HybridHost) -> Finding:
    """Check that no VM runs at the remote that is stopped or undeployed here."""
    states = {vm.id: vm.state for vm in host.vms}
    running = []
    for vm in host.local_vms:
        number = find_remote_id(vm.deploy_id)
        if number in states and is_started(vm.state, states[number]):
            running.append(f"{vm.id} ({vm.state})")
    if running:
        return warning(
            "started at the remote, and oned up to 5.10 does not follow: local VM "
            f"{join_some(running)}",
            "onevm resume: the remote VM is taken as it is",
        )
    return ok("none that is stopped or undeployed here")


def check_shared_deploy_ids(host: HybridHost) -> Finding:
    """Check that no two local VMs have the same remote VM."""
    by_id: dict[str, list[str]] = {}
    for vm in host.local_vms:
        if vm.deploy_id:
            by_id.setdefault(vm.deploy_id, []).append(str(vm.id))
    shared = [f"{key}: {join_some(ids)}" for key, ids in by_id.items() if len(ids) > 1]
    if shared:
        return failure(
            f"local VMs with the same remote VM: {join_some(shared)}",
            "Keep one of them; free the other with: onevm recover --delete-db",
        )
    return ok("each VM has its own")


def check_doubles(host: HybridHost) -> Finding:
    """Check that no local VM has two remote VMs."""
    return _check_orphans(host, Kind.DOUBLE, "made twice")


def check_lost(host: HybridHost) -> Finding:
    """Check that no remote VM has lost its local VM."""
    return _check_orphans(host, Kind.LOST, "without a local VM")


def check_abandoned(host: HybridHost) -> Finding:
    """Check that no remote VM outlived its local VM."""
    return _check_orphans(host, Kind.ABANDONED, "whose local VM has ended")


def check_left_behind(host: HybridHost) -> Finding:
    """Check that no remote VM was left when its local VM went to another host."""
    return _check_orphans(host, Kind.LEFT_BEHIND, "left behind on this host")


def _check_orphans(host: HybridHost, kind: Kind, what: str) -> Finding:
    if not host.settings.hybrid_id:
        return skip("the host has no ONE_HYBRID_ID yet: nothing was deployed")
    orphans = [one for one in all_orphans(host) if one.kind is kind and one.is_named]
    if orphans:
        shown = [f"{one.remote_id} ({one.reason})" for one in orphans]
        return warning(
            f"remote VMs {what}: {join_some(shown)}",
            "The IM driver destroys them after a while; to see or do it now: one2one reap",
        )
    return ok("none")


def all_orphans(host: HybridHost) -> list[Orphan]:
    """Return the remote VMs with this host's marks that have no local VM."""
    all_marked = find_marked(host.identities, host.settings.hybrid_id)
    judged = []
    for marked in all_marked:
        with contextlib.suppress(ProtocolError):  # a VM that cannot be read is not judged
            local = _get_local_vm(host, marked.marks.vm_id)
            judged.append(find_orphan(marked, local, host.host.id, all_marked))
    return [one for one in judged if one]


def _get_local_vm(host: HybridHost, vm_id: int) -> VmSummary | None:
    """Return a local VM, DONE or not; None only for one that oned does not know."""
    if vm_id in host.front_end.vms:
        return host.front_end.vms[vm_id]
    return host.front_end.local.cloud.find_summary(vm_id)
