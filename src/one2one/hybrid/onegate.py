"""The token with which a guest proves to OneGate which local VM it is.

Source: ``src/vm/VirtualMachineContext.cc``, ``src/cloud/common/CloudAuth/OneGateCloudAuth.rb``
(identical in 5.10, 6.10 and 7.4).
"""

from base64 import b64encode


def onegate_token(vm_id: int, stime: int, token_password: str) -> str:
    """Return CONTEXT/ONEGATE_TOKEN of a local VM.

    *stime* is the VM's STIME, *token_password* the TOKEN_PASSWORD of the user who created it:
    its first 32 characters are the AES-256 key, the initialisation vector is zero. Raises
    ValueError for a shorter one.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    key = token_password.encode()[:32]
    if len(key) != 32:
        raise ValueError("TOKEN_PASSWORD has fewer than 32 characters")
    padder = PKCS7(algorithms.AES.block_size).padder()
    plain = padder.update(f"{vm_id}:{stime}".encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return b64encode(encryptor.update(plain) + encryptor.finalize()).decode()
