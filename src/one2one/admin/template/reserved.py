"""Names that no user input may have: oned, its scheduler or the guest's context act on them.

An input becomes an attribute of the VM and a member of its CONTEXT, with a value that the remote
template proposes. Sources: ``VirtualMachine::insert``, ``VirtualMachineParser.cc``,
``VirtualMachineContext.cc``, ``VMTemplateInstantiate``, and the scheduler's
``VirtualMachineXML.cc`` (5.6 to 7.4).
"""

import re

_RESERVED = re.compile(
    r"""
    # attributes of a VM
      AS_[GU]ID | BACKUP_CONFIG | CLONING_TEMPLATE_ID | CONTEXT | CPU | CPU_MODEL | CREATED_BY
    | DEPLOY_ID | DISK | EC2 | EMULATOR | ERROR | FEATURES | GID | GNAME | GRAPHICS | HYPERVISOR
    | HYPERV_OPTIONS | IMPORTED | IMPORT_STATE | IMPORT_VM_ID | INPUT | INPUTS_ORDER | LABELS
    | NAME | NIC | NIC_ALIAS | NIC_DEFAULT | NUMA_NODE | OS | PCI | PUBLIC_CLOUD | RANK | RAW
    | REQUIREMENTS | SECURITY_GROUP_RULE | SNAPSHOT | SPICE_OPTIONS | SUBMIT_ON_HOLD | TEMPLATE_ID
    | TEMPLATE_NAME | TM_MAD_SYSTEM | TOPOLOGY | TPM | UID | UNAME | USER | USER_INPUTS
    | USER_PRIORITY | VCPU | VCPU_MAX | VIDEO | VMGROUP | VMID
    | (CPU|MEMORY|DISK)_COST | MEMORY(_MAX|_RESIZE_MODE|_SLOTS)?
    # members of a context
    | DISK_ID | FILES | FILES_DS | IMAGE | NETWORK | TARGET | TOKEN | (ETH|PCI)\d+_.*
    # families
    | (AUTOMATIC|ONE|ONE2ONE|ONEGATE|REMOTE_OPENNEBULA|SCHED|VCENTER|VROUTER)(_.*)? | XML.*
    """,
    re.VERBOSE,
)


def is_reserved(name: str) -> bool:
    """Tell whether *name*, in upper case, means something already."""
    return bool(_RESERVED.fullmatch(name))
