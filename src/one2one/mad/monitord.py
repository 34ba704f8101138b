"""A client of onemonitord's port.

A short message is a datagram. VM states and long messages go over TCP: one connection for each
message, whose end is the end of the message. With a public key the text is encrypted in blocks,
PKCS#1 v1.5. Source: ``src/im_mad/remotes/lib/monitord_client.rb``, ``rsa_public_encrypt`` in
``src/common/SSLUtil.cc``.
"""

import contextlib
import re
import socket
from typing import TYPE_CHECKING

from one2one import runtime
from one2one.mad.im_messages import Configuration, format_push_message
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_MAX_DATAGRAM = 32 << 10
"""Bytes; monitord reads up to 64 KB."""
_TIMEOUT_S = 10.0
_PKCS1_PADDING = 11
_PEM = re.compile(r"(-----BEGIN [^-]+-----)(.*)(-----END [^-]+-----)", re.DOTALL)


class MonitordClient:
    """A client that sends one host's messages to monitord."""

    def __init__(self, host_id: int, configuration: Configuration) -> None:
        """Raise ConfigurationError for a public key that is none; nothing is sent yet."""
        self._host_id = host_id
        self._peer = configuration.address, configuration.port
        self._key = _load_public_key(configuration.public_key) if configuration.public_key else None
        self._datagrams: socket.socket | None = None

    def send(self, kind: str, text: str, *, success: bool = True) -> None:
        """Send a message; raises OSError when it surely did not arrive."""
        data = text.encode()
        if self._key and data:
            data = _encrypt(self._key, data)
        message = format_push_message(kind, self._host_id, success=success, data=data).encode()
        if kind == "STATE_VM" or len(message) > _MAX_DATAGRAM:
            self._send_stream(message)
        else:
            self._send_datagram(message)

    def log(self, line: str) -> None:
        """Write a line into monitor.log, where a failed STATE_VM has no other effect."""
        with contextlib.suppress(OSError):
            self.send("STATE_VM", clean_line(line), success=False)

    def close(self) -> None:
        """Close the socket."""
        if self._datagrams is not None:
            self._datagrams.close()
            self._datagrams = None

    def _send_stream(self, message: bytes) -> None:
        with self._connect(socket.SOCK_STREAM) as connection:
            connection.sendall(message)

    def _send_datagram(self, message: bytes) -> None:
        """Send a datagram; if no one listens, only the next one may fail."""
        if self._datagrams is None:
            self._datagrams = self._connect(socket.SOCK_DGRAM)
        self._datagrams.send(message)

    def _connect(self, kind: socket.SocketKind) -> socket.socket:
        family, _, protocol, _, address = runtime.getaddrinfo(*self._peer, kind)[0]
        connection = runtime.open_socket(family, kind, protocol)
        try:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection


def _load_public_key(pem: str) -> "RSAPublicKey":
    """Return the key in *pem*, whose line breaks XML may have turned into spaces."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        begin, body, end = _PEM.fullmatch(pem.strip()).groups()  # type: ignore[union-attr]
        key = load_pem_public_key("\n".join([begin, *body.split(), end, ""]).encode())
    except (AttributeError, ValueError) as error:
        reason = "no PEM" if isinstance(error, AttributeError) else str(error)
        raise _key_error(reason) from None
    if not isinstance(key, RSAPublicKey):
        raise _key_error("no RSA key")
    return key


def _key_error(reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"monitord's PUBKEY cannot be used ({reason})",
        remedy="Correct NETWORK/PUBKEY in monitord.conf",
    )


def _encrypt(key: "RSAPublicKey", data: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    size = key.key_size // 8 - _PKCS1_PADDING
    blocks = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(key.encrypt(block, PKCS1v15()) for block in blocks)
