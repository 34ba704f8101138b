"""The way of a call to a server: what a client asks of XML-RPC and of gRPC alike."""

from typing import Protocol

from one2one.opennebula.document import Document
from one2one.opennebula.rpc import Argument


class Answer(Protocol):
    """What a server answered to a call."""

    def decode_result(self) -> str | int:
        """Return the result, a text or a number; raises the typed error in the answer."""

    def decode_document(self) -> Document:
        """Return the resulting text, not decoded yet; raises the same."""


class Transport(Protocol):
    """A way to one server. Thread-safe."""

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the server's clock is ahead of ours; None if it is not known."""

    def encode(self, method: str, session: str, arguments: tuple[Argument, ...]) -> bytes:
        """Return the request of a call; raises ProtocolError for what it cannot carry."""

    def send(self, method: str, body: bytes, deadline: float, /, *, repeatable: bool) -> Answer:
        """Return the answer to a request, complete before *deadline* by ``runtime.monotonic()``.

        A *repeatable* call may be sent once more. Raises the errors of ``opennebula.errors``.
        """

    def close(self) -> None:
        """Close the idle connections."""
