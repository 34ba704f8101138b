"""Checks of whose remote VM is whose, by the marks."""

from one2one.admin.doctor.facts import HybridHost
from one2one.admin.doctor.finding import Finding, failure, join_some, ok, warning
from one2one.admin.doctor.vms import all_orphans
from one2one.driver.imports import Imports
from one2one.hybrid.marked_vms import find_unmarked
from one2one.hybrid.naming import HYBRID_ID, Marks, format_marks, parse_deploy_id
from one2one.hybrid.ownership import Identity, Ownership, is_imported, judge, not_ours_error
from one2one.hybrid.wild import find_wild
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import VmSummary


def check_owners(host: HybridHost) -> Finding:
    """Check that each local VM's remote VM carries its marks."""
    marked = {one.remote_id: one for one in host.identities}
    wrong = []
    for vm in host.local_vms:
        found, ours = marked.get(_list_named(vm)), _owner(host, vm)
        if found and not _may_act(host, found, ours):
            wrong.append(not_ours_error(found, ours).cause)
    if wrong:
        return failure(
            f"nothing is done to VMs of others: {join_some(wrong)}",
            f"Correct {HYBRID_ID} of the host, or the marks at the remote; or end the local VM "
            "alone: onevm recover --delete-db",
        )
    return ok("each VM's own")


def check_lost_marks(host: HybridHost) -> Finding:
    """Check that no remote VM has the name that a driver gives and no marks."""
    found = find_unmarked(host.identities)
    if not found:
        return ok("none")
    here = {vm.id: _owner(host, vm) for vm in host.local_vms}
    lost = join_some([f"{one.remote_id} ({one.reason})" for one in found])
    theirs = [
        " ".join([f"{one.remote_id}:", *(f'{k}="{v}"' for k, v in format_marks(here[one.vm_id]))])
        for one in found
        if one.vm_id in here
    ]
    back = f", or write their marks with onevm update: {join_some(theirs)}" if theirs else ""
    return warning(
        f"remote VMs that have lost their marks: {lost}",
        f"Nothing is done to them. Terminate them at the remote{back}",
    )


def check_imported(host: HybridHost) -> Finding:
    """Check that no remote VM that was imported or renamed has lost its local VM."""
    found = [f"{one.remote_id} ({one.reason})" for one in all_orphans(host) if not one.is_named]
    if found:
        return warning(
            f"remote VMs that were imported or renamed, without a local VM: {join_some(found)}",
            "Nothing ends them. Terminate them at the remote, or remove their marks there, so that "
            "they may be imported again",
        )
    return ok("none")


def check_imports(host: HybridHost) -> Finding:
    """Check that no VM is kept from being imported by another remote's VM with the same id."""
    version, known = host.front_end.local.get_version(), {_list_named(vm) for vm in host.local_vms}
    wilds = find_wild(host.vms, known, host.host.name, version)
    imports = Imports(host.host.id, host.front_end.local)
    found = imports.find_taken({wild.deploy_id for wild in wilds})
    if found:
        taken = [
            f"{parse_deploy_id(key)} (as VM {vm.id} of {vm.host_name})" for key, vm in found.items()
        ]
        return warning(
            f"remote VMs that cannot be imported, as their id is taken: {join_some(taken)}",
            "oned tells imports apart by the id alone: end the other VM first",
        )
    return ok(f"{len(wilds)} VMs can be imported" if version < (7,) else "7.x imports no VMs")


def _owner(host: HybridHost, vm: VmSummary) -> Marks:
    return Marks(host.settings.hybrid_id, vm.id, vm.stime, vm.sequence)


def _may_act(host: HybridHost, found: Identity, ours: Marks) -> bool:
    verdict = judge(found, ours)
    if verdict is Ownership.UNMARKED:
        local = host.front_end.local.get_vm(ours.vm_id)
        return is_imported(local, found.remote_id, host.host.name)
    return verdict is Ownership.OURS


def _list_named(vm: VmSummary) -> int:
    """Return the remote VM's id in a local VM's deploy id, −1 for none."""
    try:
        return parse_deploy_id(vm.deploy_id)
    except Refused:
        return -1
