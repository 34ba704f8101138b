"""The messages between monitord and its clients, as lines.

A line is TYPE STATUS HOST_ID TIMESTAMP PAYLOAD; the payload is base64 of zlib of the text, which
was encrypted before that where monitord has a key (RSA, PKCS #1 v1.5, in blocks). Source:
``include/Message.h``, ``src/common/SSLUtil.cc``.
"""

import zlib
from base64 import b64decode, b64encode
from binascii import Error
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


class MonitorLine(NamedTuple):
    """A message."""

    type: str
    status: str
    host_id: int
    timestamp: int
    text: str


def write(kind: str, host_id: int, text: str) -> str:
    """Return a request of monitord to an IM driver; it tells no time."""
    payload = b64encode(zlib.compress(text.encode())).decode()
    return f"{kind} - {host_id} 0 {payload}"


def read(line: str, key: RSAPrivateKey | None = None) -> MonitorLine:
    """Return the message in *line*; raises ValueError where it is none."""
    kind, status, host_id, timestamp, payload = [*line.split(maxsplit=4), "", "", ""][:5]
    try:
        data = zlib.decompress(b64decode(payload)) if payload.strip() else b""
    except (Error, zlib.error) as error:
        raise ValueError(f"payload of {kind}: {error}") from None
    text = _decrypted(data, key) if key else data
    return MonitorLine(kind, status, int(host_id), int(timestamp), text.decode(errors="replace"))


def _decrypted(data: bytes, key: RSAPrivateKey) -> bytes:
    """Return *data* in clear text; what was not encrypted is taken as it is."""
    size = key.key_size // 8
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    try:
        return b"".join(key.decrypt(block, PKCS1v15()) for block in blocks)
    except ValueError:
        return data
