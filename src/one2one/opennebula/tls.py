"""TLS to a cloud: its authorities, the handshake and what a failed one means.

``connection.build_tls`` imports this, for https:// only: ``ssl`` takes as long as a third of a
script's other imports.
"""

import socket
import ssl
from typing import TYPE_CHECKING

from one2one import runtime
from one2one.opennebula.errors import ConfigurationError, OneError, Unreachable
from one2one.opennebula.shortage import explain_os_error, is_shortage, shortage_error

if TYPE_CHECKING:
    from one2one.opennebula.endpoint import Endpoint

_PLAIN = "no TLS on this port", "Use http:// for a plain port, or put a TLS proxy before it"
_OLD = (
    "it only speaks a TLS version that is too old to be safe",
    "Let the remote, or the TLS proxy before it, speak TLS 1.2 or later",
)
_STRANGERS = (
    "it accepts no TLS cipher of this machine, or no client without a certificate",
    "Compare the TLS settings of the remote, or of the proxy before it, with this machine's",
)
_HANDSHAKES = {
    "WRONG_VERSION_NUMBER": _PLAIN,
    "HTTP_REQUEST": _PLAIN,
    "PACKET_LENGTH_TOO_LONG": _PLAIN,
    "RECORD_LAYER_FAILURE": _PLAIN,
    "UNSUPPORTED_PROTOCOL": _OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD,
    "WRONG_SSL_VERSION": _OLD,
    "HANDSHAKE_FAILURE": _STRANGERS,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _STRANGERS,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _STRANGERS,
    "DH_KEY_TOO_SMALL": _STRANGERS,
}
"""The meaning of a failed handshake and its remedy, by OpenSSL's reason."""


class Tls:
    """How TLS to one cloud is made. Thread-safe."""

    def __init__(self, server: "Endpoint") -> None:
        """Read the authorities; raises ConfigurationError if they cannot be read."""
        try:
            self._context = ssl.create_default_context(cafile=server.ca_file)
        except OSError as error:
            raise authorities_error(server, server.ca_file, error) from None
        if not server.verify_tls:
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE

    def secure(self, sock: socket.socket, host: str, deadline: float) -> socket.socket:
        """Return the connection in TLS, after the handshake, which ends before *deadline*.

        Raises Unreachable, and ConfigurationError if the handshake can never succeed.
        """
        limit = max(0.001, deadline - runtime.monotonic())
        try:
            sock.settimeout(limit)  # of the whole handshake
            return self._context.wrap_socket(sock, server_hostname=host)
        except TimeoutError:
            cause = f"no TLS answer within {limit:.3g} s"
            raise Unreachable(cause, remedy="Check that the port speaks TLS") from None
        except ssl.SSLCertVerificationError as error:
            raise ConfigurationError(
                f"its certificate is not trusted: {error.verify_message}",
                remedy="Put the cloud's authority into ONE_CA_FILE, or correct the certificate",
            ) from None
        except (ssl.SSLEOFError, ConnectionError):
            raise Unreachable(
                "closed instead of answering in TLS",
                remedy="Use http:// if the port is a plain one, else check that the cloud runs",
            ) from None
        except ssl.SSLError as error:
            if problem := _HANDSHAKES.get(error.reason or ""):
                cause, remedy = problem
                raise ConfigurationError(cause, remedy=remedy) from None
            raise Unreachable(f"the TLS handshake failed ({explain_os_error(error)})") from None
        except OSError as error:
            raise Unreachable(f"the TLS handshake broke off ({explain_os_error(error)})") from None

    @staticmethod
    def read_expiry(sock: socket.socket) -> float | None:
        """Return when the certificate expires, in seconds since 1970; None if unverified."""
        certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
        try:
            return ssl.cert_time_to_seconds(str(certificate["notAfter"])) if certificate else None
        except (KeyError, ValueError):
            return None


def authorities_error(server: "Endpoint", path: str | None, error: OSError) -> OneError:
    """Return the error for certificate authorities that cannot be read from *path*."""
    if is_shortage(error):
        return shortage_error("cannot read the certificate authorities", error)
    return ConfigurationError(
        f"cannot read the certificate authorities in {path} ({explain_os_error(error)})",
        endpoint=server.url,
        remedy="Set ONE_CA_FILE to a readable PEM file",
    )
