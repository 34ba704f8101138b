"""oned's encryption of attributes and of OneGate tokens.

AES-256-CBC; all bytes of the initialization vector are zero, and the key is the first 32
characters of the secret. Source: ``one_util::aes256cbc_encrypt``, the same from 5.6 to 7.4.
"""

from base64 import b64decode, b64encode
from binascii import Error

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

_BLOCK_BITS = 128
_KEY_LENGTH = 32


def encrypt(text: str, secret: str) -> str:
    """Encrypt *text* and return the cipher text as base64."""
    padder = PKCS7(_BLOCK_BITS).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = _cipher(secret).encryptor()
    return b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def decrypt(text: str, secret: str) -> str | None:
    """Return *text* as clear text; None if *secret* did not encrypt it."""
    try:
        data = b64decode(text, validate=True)
        decryptor = _cipher(secret).decryptor()
        padded = decryptor.update(data) + decryptor.finalize()
        unpadder = PKCS7(_BLOCK_BITS).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except (Error, ValueError):
        return None


def _cipher(secret: str) -> Cipher[CBC]:
    return Cipher(AES(secret.encode()[:_KEY_LENGTH]), CBC(bytes(AES.block_size // 8)))
