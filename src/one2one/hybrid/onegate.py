"""The token with which a guest proves to OneGate which local VM it is."""

from one2one.opennebula.secrets import encrypt


def make_onegate_token(vm_id: int, stime: int, token_password: str) -> str:
    """Return CONTEXT/ONEGATE_TOKEN of a local VM.

    *stime* is the VM's STIME, *token_password* the TOKEN_PASSWORD of the user who created it.
    Raises ValueError for one of fewer than 32 characters. Source:
    ``src/vm/VirtualMachineContext.cc`` and ``CloudAuth/OneGateCloudAuth.rb`` (5.10 to 7.4).
    """
    return encrypt(f"{vm_id}:{stime}", token_password)
