"""Which remote VMs can be adopted as which local VMs, and how they are given back.

    the remote VM …                                             it can be adopted
    ─────────────────────────────────────────────────────────   ─────────────────
    belongs to another user than the account                    no
    is in no state that a local VM can have, or is on its way   no
    has no marks, and no name of a hybrid driver                yes
    has marks of this host, whose local VM has ended            yes
    has any other marks, or a name of a hybrid driver alone     no

The local VM waits on hold, and names the remote VM in PUBLIC_CLOUD/VM_ID instead of a remote
template, until it has it. So whatever interrupts an adoption, no other remote VM is ever made for
the local one, and a repetition knows where to go on. An adopted VM keeps its name. So it is never
destroyed as an orphan (``hybrid.orphans``).
"""

from one2one.hybrid.naming import MARKS, Marks, parse_remote_name
from one2one.hybrid.origin import ORIGIN
from one2one.hybrid.ownership import Identity
from one2one.hybrid.sizes import FOLLOWED
from one2one.hybrid.wild import describe_remote_vm
from one2one.opennebula.errors import Refused
from one2one.opennebula.records import Vm, VmSummary
from one2one.opennebula.states import FAILURES, VmState
from one2one.opennebula.template import Template, Vector

_ADOPTABLE = frozenset({"RUNNING", "POWEROFF", "SUSPENDED", "STOPPED", "UNDEPLOYED"})
_SETTLED = (
    _ADOPTABLE | {"UNKNOWN", "HOLD", "PENDING", "DONE"} | frozenset(lcm.name for lcm in FAILURES)
)
_OURS = (*sorted(MARKS), *ORIGIN, FOLLOWED)
_NOT_TAKEN = (
    "NAME TEMPLATE_ID CPU VCPU MEMORY DISK NIC NIC_ALIAS CONTEXT GRAPHICS PUBLIC_CLOUD "
    "SCHED_REQUIREMENTS USER_INPUTS INPUTS_ORDER ONE2ONE_SYNC "
    "DEPLOY_ID IMPORT_VM_ID IMPORT_STATE"
)
"""Attributes of a local template that are not those of a VM which is there already."""


def check_adoptable(remote: Vm, account: str) -> None:
    """Raise Refused where *remote* cannot be adopted, whatever the local cloud says.

    *account* is the name of the host's user in the remote cloud.
    """
    if remote.owner != account:
        raise not_owned_error(remote.id, remote.owner, account)
    if remote.state.state == VmState.DONE:
        raise Refused(f"remote VM {remote.id} is DONE", remedy="See: onevm list, there")
    if str(remote.state) not in _ADOPTABLE:
        raise Refused(
            f"remote VM {remote.id} is {remote.state}",
            remedy="Only a VM that is RUNNING, POWEROFF, SUSPENDED, STOPPED or UNDEPLOYED can be "
            "adopted",
        )


def not_owned_error(remote_id: int, owner: str, account: str) -> Refused:
    """Return the error for a remote VM that does not belong to the account."""
    return Refused(
        f"remote VM {remote_id} is {owner}'s there, not {account}'s",
        remedy=f"Have the remote's administrator run: onevm chown {remote_id} {account}",
    )


def check_free(identity: Identity, hybrid_id: str) -> Marks | None:
    """Return the marks of a remote VM that name a local VM of this host, None without marks.

    Raises Refused for a VM of another host, cloud or driver.
    """
    marks, remote_id = identity.marks, identity.remote_id
    if identity.is_wild or (marks and marks.hybrid_id == hybrid_id):
        return marks
    if marks:
        whose = f"carries the marks of VM {marks.vm_id} of another host or cloud"
    elif identity.is_of_ruby_driver:
        whose = f"carries the marks of VM {identity.marked_vm_id}, by the Ruby driver"
    elif identity.has_marks:
        whose = "carries damaged marks"
    else:
        whose = f"is called after VM {identity.named_vm_id}, and has lost its marks"
    raise Refused(
        f"remote VM {remote_id} is a hybrid VM already: it {whose}",
        remedy="Have it released by that cloud, or see docs/ownership.md",
    )


def is_alive(marks: Marks, local: VmSummary | None) -> bool:
    """Tell whether the local VM that *marks* name is there still.

    *local* is the local VM with its id, None if there is none.
    """
    if local is None or local.state.state == VmState.DONE:
        return False
    return local.stime == marks.stime


def build_local_template(
    remote: Vm, name: str, host_name: str, base: Template | None = None
) -> Template:
    """Return the template of the local VM called *name* that is to adopt *remote*.

    *base* is a local template whose other attributes it gets.
    """
    described = describe_remote_vm(remote, name, host_name)
    public_cloud: Vector = {"TYPE": "opennebula", "HOST": host_name, "VM_ID": str(remote.id)}
    template = Template(
        (key, public_cloud if key == "PUBLIC_CLOUD" else value) for key, value in described
    )
    taken = {key for key, _ in template} | set(_NOT_TAKEN.split())
    for key, value in base or ():
        if key not in taken:
            template.add(key, value)
    return template


def build_public_cloud(remote: Vm, host_name: str, base: Template | None = None) -> Template:
    """Return the PUBLIC_CLOUD of the local VM that has adopted *remote*.

    It names the remote template for ``onevm recover --recreate``: that of the remote VM, or the
    one that *base* names.
    """
    sections = [
        {key: value for key, value in section.items() if key != "VM_ID"}
        for section in (base.vectors("PUBLIC_CLOUD") if base else [])
    ]
    described = describe_remote_vm(remote, remote.name, host_name).vectors("PUBLIC_CLOUD")
    return Template(("PUBLIC_CLOUD", section) for section in sections or described)


def check_releasable(local: Vm) -> None:
    """Raise Refused where an operation of the local VM is under way."""
    if str(local.state) not in _SETTLED:
        raise Refused(
            f"VM {local.id} is {local.state}: an operation is under way",
            remedy="Wait until it has ended, and repeat the command",
        )


def format_release(remote: Vm) -> Template:
    """Return what takes everything off *remote* that makes it a hybrid VM, for a merging update."""
    present = {name for name, _ in remote.user_template}
    return Template((name, {}) for name in _OURS if name in present)


def give_released_name(remote: Vm, local: Vm) -> str:
    """Return the name of a VM that is given back: its local VM's, where a driver has named it."""
    if parse_remote_name(remote.name) is None:
        return remote.name
    return local.name if parse_remote_name(local.name) is None else f"released-{remote.id}"
