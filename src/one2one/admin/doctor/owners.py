"""Checks of whose remote VM is whose, by the marks."""

from one2one.admin.doctor.facts import HybridHost
from one2one.admin.doctor.finding import Finding, failure, join_some, ok, warning
from one2one.admin.doctor.vms import all_orphans
from one2one.driver.imports import Imports
from one2one.driver.ownership import is_own
from one2one.hybrid.marked_vms import find_unmarked
from one2one.hybrid.naming import HYBRID_ID, Marks, find_remote_id, format_marks
from one2one.hybrid.ownership import not_ours_error
from one2one.hybrid.wild import find_wild
from one2one.opennebula.records import VmSummary


def check_owners(host: HybridHost) -> Finding:
    """Check that each local VM's remote VM carries its marks."""
    marked = {one.remote_id: one for one in host.identities}
    wrong = []
    for vm in host.local_vms:
        remote_id, marks = find_remote_id(vm.deploy_id), _build_marks(host, vm)
        identity = marked.get(remote_id) if remote_id is not None else None
        if identity and not is_own(identity, marks, host.front_end.local, host.host.name):
            wrong.append(not_ours_error(identity, marks).cause)
    if wrong:
        return failure(
            f"nothing is done to VMs of others: {join_some(wrong)}",
            f"Correct {HYBRID_ID} of the host, or the marks at the remote; or end the local VM "
            "alone: onevm recover --delete-db",
        )
    return ok("each VM's own")


def check_lost_marks(host: HybridHost) -> Finding:
    """Check that no remote VM has the name that a driver gives and no marks."""
    unmarked = find_unmarked(host.identities)
    if not unmarked:
        return ok("none")
    here = {vm.id: _build_marks(host, vm) for vm in host.local_vms}
    lost = join_some([f"{one.remote_id} ({one.reason})" for one in unmarked])
    theirs = [
        " ".join([f"{one.remote_id}:", *(f'{k}="{v}"' for k, v in format_marks(here[one.vm_id]))])
        for one in unmarked
        if one.vm_id in here
    ]
    back = f", or write their marks with onevm update: {join_some(theirs)}" if theirs else ""
    return warning(
        f"remote VMs that have lost their marks: {lost}",
        f"Nothing is done to them. Terminate them at the remote{back}",
    )


def check_imported(host: HybridHost) -> Finding:
    """Check that no remote VM that was imported or renamed has lost its local VM."""
    orphans = [f"{one.remote_id} ({one.reason})" for one in all_orphans(host) if not one.is_named]
    if orphans:
        return warning(
            f"remote VMs that were imported or renamed, without a local VM: {join_some(orphans)}",
            "Nothing ends them. Terminate them at the remote, or remove their marks there, so that "
            "they may be imported again",
        )
    return ok("none")


def check_imports(host: HybridHost) -> Finding:
    """Check that no VM is kept from being imported by another remote's VM with the same id."""
    version = host.front_end.local.get_version()
    ids = (find_remote_id(vm.deploy_id) for vm in host.local_vms)
    known = {remote_id for remote_id in ids if remote_id is not None}
    wilds = find_wild(host.vms, known, host.host.name, version)
    imports = Imports(host.host.id, host.front_end.local)
    holders = imports.find_taken({wild.deploy_id for wild in wilds})
    if holders:
        taken = [
            f"{find_remote_id(key)} (as VM {vm.id} of {vm.host_name})"
            for key, vm in holders.items()
        ]
        return warning(
            f"remote VMs that cannot be imported, as their id is taken: {join_some(taken)}",
            "oned tells imports apart by the id alone: end the other VM first",
        )
    return ok(f"{len(wilds)} VMs can be imported" if version < (7,) else "7.x imports no VMs")


def _build_marks(host: HybridHost, vm: VmSummary) -> Marks:
    return Marks(host.settings.hybrid_id, vm.id, vm.stime, vm.sequence)
