"""The clock and the certificate of a cloud, from its first answer."""

import time
from dataclasses import dataclass

from one2one.opennebula import rpc
from one2one.opennebula.client import Client
from one2one.opennebula.connection import Connection, build_tls, compute_skew
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import AuthenticationError
from one2one.opennebula.urls import parse_endpoint


@dataclass(frozen=True)
class FirstAnswer:
    """The facts in the first answer of a cloud."""

    skew: float | None
    """Seconds by which its clock is ahead of ours; None if the answer has no date."""
    certificate_expires: float | None
    """Seconds since 1970; None without a verified certificate. gRPC shows neither."""


def ask_first(server: Endpoint, session: str) -> FirstAnswer:
    """Connect and call once; raises as a call does, but not for a wrong user or password."""
    if parse_endpoint(server.url).is_grpc:
        return _ask_by_grpc(server, session)
    connection = Connection(server, build_tls(server), server.connect_timeout)
    try:
        sent = time.time()
        body = rpc.encode_call("one.system.version", session, ())
        connection.exchange(body, time.monotonic() + server.total_timeout)
        skew = compute_skew(connection.date, (sent + time.time()) / 2)
        return FirstAnswer(skew, connection.certificate_expires)
    finally:
        connection.close()


def _ask_by_grpc(server: Endpoint, session: str) -> FirstAnswer:
    client = Client(server, session)
    try:
        client.call("one.system.version")
    except AuthenticationError:
        pass
    finally:
        client.close()
    return FirstAnswer(None, None)
