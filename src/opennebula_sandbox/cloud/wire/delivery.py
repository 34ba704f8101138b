"""A call that a client sent, and how it is answered.

A ``Delivery`` sends the answers; the sandbox's faults replace the one without faults.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from opennebula_sandbox.cloud.wire.xmlrpc import (
    Fault,
    HttpRequest,
    Value,
    format_http_answer,
    read_call,
    write_answer,
    write_fault,
)

Call = Callable[[str, tuple[object, ...]], Sequence[Value]]
"""Does a call: takes its name and arguments, returns the array of the answer or raises Fault."""


class Drop(Exception):
    """Raised by a delivery to close the connection, even in the middle of an answer."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset
        """Whether the client sees a TCP reset instead of a normal end."""


@dataclass(frozen=True)
class ApiRequest:
    """A call that a client sent, with the function that does it."""

    method: str
    arguments: tuple[object, ...] = field(repr=False)
    """The first argument is the session."""
    connection: int
    """The number of the connection: 1 is the first that the server accepted."""
    keep: bool
    """Whether the connection stays open for another call."""
    execute: Callable[[], bytes]
    """Do the call and return the body of the answer. Each execution has its effect."""
    wait: Callable[[float], object]
    """Sleep the given seconds; raises Drop when the server stops."""


Delivery = Callable[[ApiRequest], Iterator[bytes]]
"""Yields the bytes that answer a request: an HTTP answer, or what a fault sends instead."""


def deliver(request: ApiRequest) -> Iterator[bytes]:
    """Do the call and answer it, as a server without faults does."""
    yield format_http_answer(request.execute(), keep=request.keep)


def answer_http(
    http: HttpRequest,
    call: Call,
    delivery: Delivery,
    *,
    keep: bool,
    wait: Callable[[float], object],
    connection: int = 0,
) -> Iterator[bytes]:
    """Yield the bytes that answer an HTTP request; *keep* tells whether another may follow."""
    if http.method != "POST":
        return iter([format_http_answer(b"", "405 Method Not Allowed", keep=keep)])
    if http.path != "/RPC2":
        return iter([format_http_answer(b"", "404 Not Found", keep=keep)])
    try:
        method, arguments = read_call(http.body)
    except Fault as fault:
        return iter([format_http_answer(write_fault(fault), keep=keep)])

    def execute() -> bytes:
        try:
            return write_answer(call(method, arguments))
        except Fault as fault:
            return write_fault(fault)

    return delivery(ApiRequest(method, arguments, connection, keep, execute, wait))
