"""How a local VM and its remote VM name each other.

The deploy id, the remote VM's name and the first two marks are those of OpenNebula's Ruby driver
(5.6 to 6.10), so that its VMs can be taken over. The hybrid id is ours: it tells the VMs of one
local host from those of any other that uses the same remote account.
"""

import re

from one2one.opennebula.errors import Refused
from one2one.opennebula.records import Vm
from one2one.opennebula.template import Template

HYBRID_ID = "ONE_HYBRID_ID"
_DEPLOY_ID = re.compile(r"opennebula-hybrid-(\d{1,10})", re.ASCII)
_NAME = re.compile(r"remote-opennebula-(\d{1,10})", re.ASCII)


def deploy_id(remote_id: int) -> str:
    """Return the deploy id, in the local cloud, of the remote VM *remote_id*."""
    return f"opennebula-hybrid-{remote_id}"


def remote_id(deploy_id: str) -> int:
    """Return the remote VM's id; raises Refused when the deploy id is not one of ours."""
    match = _DEPLOY_ID.fullmatch(deploy_id)
    if match is None:
        raise Refused(
            f"deploy id {deploy_id!r} is not of the form opennebula-hybrid-<remote VM id>",
            remedy="Free the VM with: onevm recover --delete",
        )
    return int(match[1])


def remote_name(vm_id: int) -> str:
    """Return the name of the remote VM of the local VM *vm_id*."""
    return f"remote-opennebula-{vm_id}"


def local_id(remote_name: str) -> int | None:
    """Return the local VM's id that a remote VM's name tells, None for any other name."""
    match = _NAME.fullmatch(remote_name)
    return int(match[1]) if match else None


def marks(vm_id: int, hybrid_id: str) -> Template:
    """Return the attributes that say whose VM a remote VM is, from its first moment."""
    return Template(
        [
            ("REMOTE_OPENNEBULA", "YES"),
            ("REMOTE_OPENNEBULA_VM_ID", str(vm_id)),
            (HYBRID_ID, hybrid_id),
        ]
    )


def owner(remote: Vm) -> tuple[str, int] | None:
    """Return the hybrid id and local VM id that *remote*'s marks tell, None without them."""
    hybrid_id = remote.user_template.text(HYBRID_ID)
    vm_id = remote.user_template.text("REMOTE_OPENNEBULA_VM_ID")
    if not hybrid_id or not vm_id.isdecimal():
        return None
    return hybrid_id, int(vm_id)
