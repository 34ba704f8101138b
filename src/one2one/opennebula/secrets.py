"""OpenNebula's own cipher: AES-256-CBC with the first 32 characters of a key and a zero vector.

It encrypts host attributes (``ONE_KEY``) and OneGate tokens (a user's TOKEN_PASSWORD). Source:
``aes256cbc_encrypt`` in ``src/common/NebulaUtil.cc``, the same from 5.6 to 7.4.
"""

from base64 import b64decode, b64encode

_KEY_LENGTH = 32


def encrypt(text: str, key: str) -> str:
    """Encrypt *text*, to base64; raises ValueError for a key that is too short."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    padder = PKCS7(algorithms.AES.block_size).padder()
    plain = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(_derive_key(key)), modes.CBC(bytes(16))).encryptor()
    return b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def decrypt(text: str, key: str) -> str:
    """Decrypt the result of ``encrypt``; raises ValueError for any other text."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    decryptor = Cipher(algorithms.AES(_derive_key(key)), modes.CBC(bytes(16))).decryptor()
    padded = decryptor.update(b64decode(text, validate=True)) + decryptor.finalize()
    unpadder = PKCS7(algorithms.AES.block_size).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode()


def _derive_key(key: str) -> bytes:
    if len(key) < _KEY_LENGTH:
        raise ValueError(f"the key has fewer than {_KEY_LENGTH} characters")
    return key.encode()[:_KEY_LENGTH]
