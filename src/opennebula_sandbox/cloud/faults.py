"""Faults between a client and a cloud.

A rule selects calls and gives them an effect. An effect is a ``Delivery``; a test may write its
own. The first rule that selects a call decides. Without a rule the cloud answers normally.
"""

import random
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from opennebula_sandbox.cloud.refusal import ErrorCode
from opennebula_sandbox.cloud.wire.delivery import ApiRequest, Delivery, Drop, deliver
from opennebula_sandbox.cloud.wire.xmlrpc import format_http_answer, write_answer

Arguments = tuple[object, ...]

ELECTION = "Cannot process request, oned cluster in election mode"
REPLICATING = "Cannot process request, oned cluster is replicating log"
NO_LEADER = "Cannot process request, no leader found"
FORWARD_REFUSED = (
    "libcurl failed to execute the HTTP POST transaction, explaining:  Failed to connect to "
    "192.0.2.7 port 2633 after 0 ms: Couldn't connect to server"
)
FORWARD_TIMED_OUT = "RPC call timed out and aborted"
"""The error of an oned in an HA zone without a leader (``src/rm/Request.cc``)."""

_READS = re.compile(r"one\.(\w+pool\.\w+|(?!system\b|\w+quota\b)\w+\.info)")
"""Calls that every oned of an HA zone answers without the leader: ``leader_only`` is false."""
_CHUNK = 1 << 16


@dataclass
class Rule:
    """Selects the calls that have an effect."""

    effect: Delivery
    method: str
    """A pattern of call names, such as ``one.vm.*``."""
    when: Callable[[Arguments], bool]
    """Gets the arguments after the session; returns whether the rule selects the call."""
    nth: int
    """The number of the first matching call with the effect; the first call is 1."""
    times: int | None
    """The largest number of calls with the effect; None means all."""
    probability: float
    matched: int = 0
    """How many calls matched, with or without the effect."""
    hits: int = 0
    """How many calls had the effect."""


@dataclass
class Faults:
    """The rules of a cloud; thread-safe."""

    seed: int = 0
    rules: list[Rule] = field(default_factory=list)
    refused_connections: int = 0
    """How many of the next connections the server resets at once."""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - not a secret
        self._lock = threading.Lock()

    def on(
        self,
        effect: Delivery,
        method: str = "*",
        *,
        when: Callable[[Arguments], bool] = lambda _: True,
        nth: int = 1,
        times: int | None = 1,
        probability: float = 1.0,
    ) -> Rule:
        """Give calls of *method* this effect; by default only the next one."""
        rule = Rule(effect, method, when, nth, times, probability)
        with self._lock:
            self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Remove all rules."""
        with self._lock:
            self.rules.clear()
            self.refused_connections = 0

    def accept(self) -> bool:
        """Return whether the server serves the next connection."""
        with self._lock:
            if self.refused_connections:
                self.refused_connections -= 1
                return False
            return True

    def deliver(self, request: ApiRequest) -> Iterator[bytes]:
        """Answer *request* with the effect of the first rule that selects it, or normally."""
        return self._effect(request)(request)

    def _effect(self, request: ApiRequest) -> Delivery:
        arguments = request.arguments[1:]
        with self._lock:
            for rule in self.rules:
                if not fnmatchcase(request.method, rule.method) or not rule.when(arguments):
                    continue
                rule.matched += 1
                if (
                    rule.matched >= rule.nth
                    and (rule.times is None or rule.hits < rule.times)
                    and self._random.random() < rule.probability
                ):
                    rule.hits += 1
                    return rule.effect
        return deliver


def drop_before(_request: ApiRequest) -> Iterator[bytes]:
    """Close the connection; the call has no effect."""
    raise Drop


def drop_after(request: ApiRequest) -> Iterator[bytes]:
    """Do the call, and close the connection without an answer."""
    request.execute()
    raise Drop


def reset(request: ApiRequest) -> Iterator[bytes]:
    """Do the call, and reset the connection."""
    request.execute()
    raise Drop(reset=True)


def truncate(request: ApiRequest) -> Iterator[bytes]:
    """Do the call, send half of the answer, and close the connection."""
    answer = format_http_answer(request.execute())
    yield answer[: len(answer) // 2]
    raise Drop


def cut_xml(request: ApiRequest) -> Iterator[bytes]:
    """Do the call, and answer with XML that ends in the middle; the HTTP length is right."""
    body = request.execute()
    yield format_http_answer(body[: len(body) // 2], keep=request.keep)


def duplicate(request: ApiRequest) -> Iterator[bytes]:
    """Do the call twice, as a proxy that repeats a call, and send the second answer."""
    request.execute()
    yield from deliver(request)


def answer_endlessly(request: ApiRequest) -> Iterator[bytes]:
    """Send an answer without an end, until the client or the server closes."""
    yield format_http_answer(b"").replace(b"Content-Length: 0\r\n", b"")
    while True:
        yield b"<value>" * (_CHUNK // 7)
        request.wait(0)


def answer_garbage(body: bytes = b"<html>It works!</html>") -> Delivery:
    """Return the effect that answers *body*; the call has no effect."""
    return lambda request: iter([format_http_answer(body, keep=request.keep)])


def answer_http_error(status: str = "500 Internal Server Error") -> Delivery:
    """Return the effect that answers an error page; the call has no effect."""
    return lambda _request: iter([format_http_answer(b"<h1>Sorry</h1>", status, keep=False)])


def refuse(text: str, code: ErrorCode = ErrorCode.INTERNAL) -> Delivery:
    """Return the effect that answers an error of oned; the call has no effect."""

    def effect(request: ApiRequest) -> Iterator[bytes]:
        body = write_answer([False, f"[{request.method}] {text}", int(code), -1, -1])
        yield format_http_answer(body, keep=request.keep)

    return effect


def answer_without_leader(text: str = ELECTION) -> Delivery:
    """Return the effect of an HA zone without a leader: only calls that read get an answer."""

    def effect(request: ApiRequest) -> Iterator[bytes]:
        reads = _READS.fullmatch(request.method)
        yield from deliver(request) if reads else refuse(text)(request)

    return effect


def lose_leader(request: ApiRequest) -> Iterator[bytes]:
    """Do the call, and answer that the leader, which got the call, did not answer in time."""
    request.execute()
    yield from refuse(FORWARD_TIMED_OUT)(request)


def redirect(url: str) -> Delivery:
    """Return the effect that redirects to *url*; the call has no effect."""
    header = f"Location: {url}\r\n"
    return lambda _request: iter([format_http_answer(b"", "302 Found", keep=False, header=header)])


def delay(seconds: float, then: Delivery = deliver) -> Delivery:
    """Return the effect that waits *seconds* before it does the call."""

    def effect(request: ApiRequest) -> Iterator[bytes]:
        request.wait(seconds)
        yield from then(request)

    return effect


def delay_answer(seconds: float) -> Delivery:
    """Return the effect that does the call, and answers it *seconds* later."""

    def effect(request: ApiRequest) -> Iterator[bytes]:
        body = request.execute()
        request.wait(seconds)
        yield format_http_answer(body, keep=request.keep)

    return effect


def drip(seconds: float) -> Delivery:
    """Return the effect that sends the answer byte by byte, *seconds* apart."""

    def effect(request: ApiRequest) -> Iterator[bytes]:
        for byte in format_http_answer(request.execute(), keep=request.keep):
            yield bytes([byte])
            request.wait(seconds)

    return effect


def run(action: Callable[[], object], then: Delivery = deliver) -> Delivery:
    """Return the effect that runs *action*, such as a restart, before it does the call."""

    def effect(request: ApiRequest) -> Iterator[bytes]:
        action()
        yield from then(request)

    return effect
