"""The client of a cloud with several servers: those of an HA zone, one of which leads.

A server that does not lead answers calls that read from its own database, and passes all others to
the leader. Without a leader its answers only get older. An account needs rights on the zone to ask
who leads. But every server passes ``one.system.version`` to the leader, or refuses it without one
(``Request.h``, ``RequestManagerSystem.h`` in 5.10 and 6.10, ``SystemAPI.h`` in 7.2 and 7.4). So a
server that answers it has a leader behind it.
"""

from collections.abc import Callable, Sequence
from copy import copy
from itertools import zip_longest

from one2one import runtime
from one2one.opennebula import rpc
from one2one.opennebula.breaker import Breaker
from one2one.opennebula.client import READING, Caller, Client, OnCall, Parsed
from one2one.opennebula.document import Document
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import (
    Busy,
    ConfigurationError,
    OneError,
    Unreachable,
)

CHECK_S = 10.0
"""For how many seconds a server that had a leader behind it counts as one that has."""

_CANNOT_SERVE = (Unreachable, Busy, ConfigurationError)
"""The errors of a server in whose place another may answer.

Among them is AuthenticationError: a server whose database is away refuses every user.
"""


def make_client(
    servers: Sequence[Endpoint], session: str, breakers: Sequence[Breaker] = ()
) -> Caller:
    """Return the client of a cloud with these servers; each may have a breaker of its own."""
    pairs = zip_longest(servers, breakers[: len(servers)])
    clients = [Client(server, session, breaker) for server, breaker in pairs]
    return clients[0] if len(clients) == 1 else ZoneClient(clients)


class ZoneClient:
    """Several servers of one cloud, of which one is in use. Thread-safe.

    The first that has a leader behind it is used until it fails; then the next is looked for.
    """

    def __init__(self, clients: Sequence[Client]) -> None:
        self._clients = clients
        self._lock = runtime.lock()
        self._place = 0
        """The place of the server in use."""
        self._good_until = float("-inf")

    @property
    def url(self) -> str:
        """The URL of the server in use."""
        return self._clients[self._place].url

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the clock of the server in use is ahead of ours."""
        return self._clients[self._place].clock_skew

    @property
    def on_call(self) -> OnCall:
        """Called after each call to a server."""
        return self._clients[0].on_call

    @on_call.setter
    def on_call(self, on_call: OnCall) -> None:
        for client in self._clients:
            client.on_call = on_call

    def call(self, method: str, *arguments: rpc.Argument) -> str | int:
        """Return the result of *method*, as ``Client.call`` does."""
        return self._ask(method, lambda client: client.call(method, *arguments))

    def read(
        self,
        parse: Callable[[Document], Parsed],
        method: str,
        *arguments: rpc.Argument,
    ) -> Parsed:
        """Return what *parse* makes of the resulting text, as ``Client.read`` does."""
        return self._ask(method, lambda client: client.read(parse, method, *arguments))

    def hide_password(self, error: OneError) -> None:
        """Hide the password in an error, as ``Client.hide_password`` does."""
        self._clients[0].hide_password(error)

    def close(self) -> None:
        """Close the idle connections."""
        for client in self._clients:
            client.close()

    def _ask(self, method: str, ask: Callable[[Client], Parsed]) -> Parsed:
        """Do a call; after a failure once more, at a server that shows that it has a leader.

        A call that may have had its effect is not repeated, unless it only reads.
        """
        client = self._choose()
        try:
            return ask(client)
        except _CANNOT_SERVE as error:
            self._leave(client)
            if error.sent and not method.endswith(READING):
                raise
        return ask(self._choose())

    def _choose(self) -> Client:
        """Return a server that has a leader behind it; raises the error of one if none has."""
        with self._lock:
            if runtime.monotonic() < self._good_until:
                return self._clients[self._place]
            failures: list[OneError] = []
            for _ in self._clients:
                client = self._clients[self._place]
                try:
                    client.call("one.system.version")
                except OneError as error:
                    failures.append(error)
                    self._place = (self._place + 1) % len(self._clients)
                else:
                    self._good_until = runtime.monotonic() + CHECK_S
                    return client
        raise _sum_up(failures)

    def _leave(self, client: Client) -> None:
        """Have the next call look for a server, beginning with the one after *client*."""
        with self._lock:
            if self._clients[self._place] is client:
                self._place = (self._place + 1) % len(self._clients)
                self._good_until = float("-inf")


def _sum_up(failures: Sequence[OneError]) -> OneError:
    """Return the error of a cloud without a leader: while one is elected, another try helps."""
    busy = [error for error in failures if isinstance(error, Busy)]
    error = copy((busy or failures)[0])
    error.cause = f"{error.cause} (none of {len(failures)} servers can serve)"
    return error
