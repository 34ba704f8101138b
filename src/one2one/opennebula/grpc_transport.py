"""gRPC to one server, on one HTTP/2 connection. The only module that imports grpcio.

grpcio connects by itself, in threads of its own, and gives no socket away. What it cannot do, or
does otherwise, is said here:

* It does not see silence within an answer. A keepalive after the seconds of silence finds out
  whether the other end is there; one that is there and does not answer has until the deadline of
  the call.
* It cannot connect without a check of the certificate.
* It knows no system authorities. This module reads the file that OpenSSL would read.
* Old releases of it do not use a proxy that is set for one channel.
"""

import os
import ssl
from pathlib import Path
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # stderr is oned's log
os.environ.setdefault("GRPC_DNS_RESOLVER", "native")  # as for XML-RPC: /etc/hosts, nsswitch
os.environ.setdefault("no_grpc_proxy", "")  # no_proxy would count before ONE_PROXY

import grpc

from one2one import runtime
from one2one.opennebula import rpc
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import ConfigurationError, OneError, StaleConnection, Unreachable
from one2one.opennebula.grpc_calls import GrpcAnswer, find_call
from one2one.opennebula.grpc_status import to_error
from one2one.opennebula.tls import authorities_error
from one2one.opennebula.urls import parse_endpoint

_OLDEST = (1, 78)
"""1.71 does not use ``grpc.http_proxy``; none between was tried."""
if tuple(map(int, grpc.__version__.split(".")[:2])) < _OLDEST:
    raise ImportError(f"grpcio {grpc.__version__} is too old: 1.78 is needed")

_MAX_IDLE_S = 10.0
"""A firewall on the way may forget an idle connection without notice."""
_MOST_OF_HEAD = 256 << 10
_AUTHORITIES = "ca-certificates.crt"
"""The file with all authorities in the directory that Debian gives to OpenSSL."""


class GrpcTransport:
    """The connection to a server. Thread-safe."""

    def __init__(self, server: Endpoint) -> None:
        """Raise ConfigurationError for settings that gRPC cannot have."""
        self._server = server
        self._lock = runtime.lock()
        self._channel: grpc.Channel | None = None
        if parse_endpoint(server.url).is_tls:
            if not server.verify_tls:
                raise ConfigurationError(
                    "gRPC always checks the certificate, and ONE_VERIFY_TLS is NO",
                    endpoint=server.url,
                    remedy="Put the remote's authority into ONE_CA_FILE, or use https://",
                )
            _read_authorities(server)

    @property
    def clock_skew(self) -> None:
        """Nothing: oned's gRPC does not tell its time."""
        return

    def encode(self, method: str, session: str, arguments: tuple[rpc.Argument, ...]) -> bytes:
        """Return the request of a call: see ``GrpcCall.encode``."""
        return find_call(method).encode(session, arguments)

    def send(self, method: str, body: bytes, deadline: float, *, repeatable: bool) -> GrpcAnswer:
        """Return the answer. A call is repeated only if the connection was lost."""
        try:
            return self._exchange(method, body, deadline)
        except StaleConnection:
            if not repeatable:
                raise
        return self._exchange(method, body, deadline)

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        with self._lock:
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _exchange(self, method: str, body: bytes, deadline: float) -> GrpcAnswer:
        call = find_call(method)
        channel: Any = self._get_channel()  # bytes need no serializer, of which grpcio's types tell
        left = max(0.001, deadline - runtime.monotonic())
        try:
            return GrpcAnswer(call.result, channel.unary_unary(call.path)(body, timeout=left))
        except grpc.RpcError as error:
            raise self._judge(error, method, channel) from None

    def _judge(self, failure: grpc.RpcError, method: str, channel: grpc.Channel) -> OneError:
        """Return the error of a call that failed; leave a channel that could not connect.

        So the next call connects at once, while that channel would pause. It is not closed,
        because that would cancel the calls of other threads.
        """
        error = to_error(failure.code().name, method, failure.details() or "", self._server)
        if isinstance(error, Unreachable | ConfigurationError) and not error.sent:
            with self._lock:
                if self._channel is channel:
                    self._channel = None
        return error

    def _get_channel(self) -> grpc.Channel:
        with self._lock:
            if self._channel is None:
                self._channel = _open_channel(self._server)
            return self._channel


def _open_channel(server: Endpoint) -> grpc.Channel:
    """Return a channel, which connects when it has a call to send."""
    url = parse_endpoint(server.url)
    target = f"dns:///{url.address}"
    options = list(_build_options(server).items())
    if not url.is_tls:
        return grpc.insecure_channel(target, options)
    credentials = grpc.ssl_channel_credentials(_read_authorities(server))
    return grpc.secure_channel(target, credentials, options)


def _build_options(server: Endpoint) -> dict[str, Any]:
    options: dict[str, Any] = {
        "grpc.max_receive_message_length": server.max_answer,
        "grpc.max_metadata_size": _MOST_OF_HEAD,
        "grpc.absolute_max_metadata_size": _MOST_OF_HEAD,
        "grpc.compression_enabled_algorithms_bitset": 1,  # none: its limit is looked at later
        "grpc.min_reconnect_backoff_ms": round(1000 * server.connect_timeout),  # to connect
        "grpc.keepalive_time_ms": round(1000 * server.read_timeout),
        "grpc.keepalive_timeout_ms": round(1000 * server.connect_timeout),
        "grpc.client_idle_timeout_ms": round(1000 * _MAX_IDLE_S),
        # Nothing but this module repeats a call, and no DNS record changes that.
        "grpc.enable_retries": 0,
        "grpc.service_config_disable_resolution": 1,
        "grpc.use_local_subchannel_pool": 1,
        "grpc.enable_http_proxy": int(server.proxy is not None),
    }
    if server.proxy:
        options["grpc.http_proxy"] = server.proxy
    return options


def _read_authorities(server: Endpoint) -> bytes:
    """Return the certificate authorities in PEM; raises ConfigurationError."""
    paths = ssl.get_default_verify_paths()
    system = paths.cafile or str(Path(paths.capath or paths.openssl_capath) / _AUTHORITIES)
    path = server.ca_file or system
    try:
        ssl.create_default_context(cafile=path)  # is it PEM?
        return Path(path).read_bytes()
    except OSError as error:
        raise authorities_error(server, path, error) from None
