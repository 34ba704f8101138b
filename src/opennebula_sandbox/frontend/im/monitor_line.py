"""Reads and writes the lines between monitord and its clients.

A line is TYPE STATUS HOST_ID TIMESTAMP PAYLOAD. The payload is base64 of zlib of the text. If
monitord has a key, the client encrypts the text first (RSA, PKCS #1 v1.5, in blocks). Source:
``include/Message.h``, ``src/common/SSLUtil.cc``.
"""

import zlib
from base64 import b64decode, b64encode
from binascii import Error
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


class MonitorLine(NamedTuple):
    """A message of a line."""

    type: str
    status: str
    host_id: int
    timestamp: int
    text: str


def write(kind: str, host_id: int, text: str) -> str:
    """Return a request of monitord to an IM driver; it has no time."""
    payload = b64encode(zlib.compress(text.encode())).decode()
    return f"{kind} - {host_id} 0 {payload}"


def read(line: str, key: RSAPrivateKey | None = None) -> MonitorLine:
    """Return the message in *line*; raises ValueError for other text."""
    kind, status, host_id, timestamp, payload = [*line.split(maxsplit=4), "", "", ""][:5]
    try:
        data = zlib.decompress(b64decode(payload)) if payload.strip() else b""
    except (Error, zlib.error) as error:
        raise ValueError(f"payload of {kind}: {error}") from None
    text = _decrypt(data, key) if key else data
    return MonitorLine(kind, status, int(host_id), int(timestamp), text.decode(errors="replace"))


def _decrypt(data: bytes, key: RSAPrivateKey) -> bytes:
    """Return *data* as clear text; data without encryption stays the same."""
    size = key.key_size // 8
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    try:
        return b"".join(key.decrypt(block, PKCS1v15()) for block in blocks)
    except ValueError:
        return data
