"""Remedies for a refusal of the remote, by the words of its oned.

The words are those of ``src/um/QuotaVirtualMachine.cc``, ``src/rm/*.cc`` and ``src/pool/*.h``; the
same from 5.10 to 7.2.
"""

_RESTRICTED = 'leave it to the remote template (SIZE="REMOTE"), or see VM_RESTRICTED_ATTR there'
_TOPOLOGY = "The remote template's TOPOLOGY and NUMA_NODE fit other sizes alone"

_BY_WORDS = (
    (
        "virtual machine template [",
        "Write the id of a template that the remote account may use into PUBLIC_CLOUD/TEMPLATE_ID",
    ),
    ("virtual machine [", "It is gone there: terminate the VM here too"),
    ("quota", "Raise the quota of the remote account or its group, or end VMs there"),
    (
        "perform CREATE TEMPLATE",
        "Instantiating with a context needs it: oneacl create '#<user id> TEMPLATE/* CREATE'",
    ),
    ("perform USE TEMPLATE", "Let the remote account use the template: onetemplate chmod, there"),
    *(
        (f"restricted attribute {name}", f"The remote lets no user choose {name}: {_RESTRICTED}")
        for name in ("CPU", "MEMORY", "VCPU")
    ),
    (
        "restricted attribute",
        "Take the attribute out of the remote template, or have its administrator allow it",
    ),
    ("needs to match VCPU", _TOPOLOGY),
    ("is not multiple of the", _TOPOLOGY),
    ("is not power of 2", _TOPOLOGY),
    ("of NUMA nodes is different", _TOPOLOGY),
    ("zone disabled", "Its administrator disabled the zone: onezone enable, there"),
    (
        "to gRPC leader",
        "Set ONE_ENDPOINT to the leader, or have the remote's zone name XML-RPC endpoints",
    ),
    ("Not authorized", "Give the remote account the right, or let it own the VM"),
)


def find_remedy(cause: str) -> str:
    """Return what to do about a refusal, nothing where its words are not known."""
    return next((helps for words, helps in _BY_WORDS if words in cause), "")
