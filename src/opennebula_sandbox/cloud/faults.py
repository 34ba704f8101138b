"""What can go wrong between a client and a cloud, on demand.

A rule says for which calls, and an effect what happens to them: an effect is a ``Delivery``, so
a test may bring its own. The first rule that applies to a call decides; without one, the call
is answered as it should be.
"""

import random
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from opennebula_sandbox.cloud.refusal import Code
from opennebula_sandbox.cloud.wire.server import Delivery, Drop, Request, deliver
from opennebula_sandbox.cloud.wire.xmlrpc import http_answer, write_answer

Arguments = tuple[object, ...]

ELECTION = "Cannot process request, oned cluster in election mode"
REPLICATING = "Cannot process request, oned cluster is replicating log"
NO_LEADER = "Cannot process request, no leader found"
FORWARD_REFUSED = (
    "libcurl failed to execute the HTTP POST transaction, explaining:  Failed to connect to "
    "192.0.2.7 port 2633 after 0 ms: Couldn't connect to server"
)
FORWARD_TIMED_OUT = "RPC call timed out and aborted"
"""What an oned of an HA zone answers while there is no leader (``src/rm/Request.cc``)."""

_READS = re.compile(r"one\.(\w+pool\.\w+|(?!system\b|\w+quota\b)\w+\.info)")
"""What every oned of an HA zone answers by itself: ``leader_only`` is false."""
_CHUNK = 1 << 16


@dataclass
class Rule:
    """For which calls an effect takes place."""

    effect: Delivery
    method: str
    """A pattern, such as ``one.vm.*``."""
    when: Callable[[Arguments], bool]
    """Asked with the arguments after the session."""
    nth: int
    """The first matching call that is affected, counted from 1."""
    times: int | None
    """How many calls are affected at most; None means all."""
    probability: float
    matched: int = 0
    """Calls that this rule was for, affected or not."""
    hits: int = 0
    """Calls that were affected."""


@dataclass
class Faults:
    """The rules of a cloud; thread-safe."""

    seed: int = 0
    rules: list[Rule] = field(default_factory=list)
    refused_connections: int = 0
    """How many of the next connections are to be reset as soon as they are made."""

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
        """Let *effect* happen to calls of *method*: to the next one, unless told otherwise."""
        rule = Rule(effect, method, when, nth, times, probability)
        with self._lock:
            self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Let everything work again."""
        with self._lock:
            self.rules.clear()
            self.refused_connections = 0

    def accept(self) -> bool:
        """Tell whether the next connection is to be served."""
        with self._lock:
            if self.refused_connections:
                self.refused_connections -= 1
                return False
            return True

    def deliver(self, request: Request) -> Iterator[bytes]:
        """Answer *request*, or do to it what the first rule for it says."""
        return self._effect(request)(request)

    def _effect(self, request: Request) -> Delivery:
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


def drop_before(_request: Request) -> Iterator[bytes]:
    """Close the connection; the call has no effect."""
    raise Drop


def drop_after(request: Request) -> Iterator[bytes]:
    """Do the call, and close the connection without a word."""
    request.execute()
    raise Drop


def reset(request: Request) -> Iterator[bytes]:
    """Do the call, and reset the connection."""
    request.execute()
    raise Drop(reset=True)


def truncate(request: Request) -> Iterator[bytes]:
    """Do the call, send half of the answer, and close the connection."""
    answer = http_answer(request.execute())
    yield answer[: len(answer) // 2]
    raise Drop


def cut_xml(request: Request) -> Iterator[bytes]:
    """Do the call, and answer with XML that ends in the middle, as if that were all."""
    body = request.execute()
    yield http_answer(body[: len(body) // 2], keep=request.keep)


def duplicate(request: Request) -> Iterator[bytes]:
    """Do the call twice, as a proxy does that repeats it, and send the second answer."""
    request.execute()
    yield from deliver(request)


def endless(request: Request) -> Iterator[bytes]:
    """Answer without an end, until the client or the server gives up."""
    yield http_answer(b"").replace(b"Content-Length: 0\r\n", b"")
    while True:
        yield b"<value>" * (_CHUNK // 7)
        request.wait(0)


def garbage(body: bytes = b"<html>It works!</html>") -> Delivery:
    """Return the effect that answers *body*; the call has no effect."""
    return lambda request: iter([http_answer(body, keep=request.keep)])


def http_error(status: str = "500 Internal Server Error") -> Delivery:
    """Return the effect that answers an error page; the call has no effect."""
    return lambda _request: iter([http_answer(b"<h1>Sorry</h1>", status, keep=False)])


def refuse(text: str, code: Code = Code.INTERNAL) -> Delivery:
    """Return the effect that says no, as oned does; the call has no effect."""

    def effect(request: Request) -> Iterator[bytes]:
        body = write_answer([False, f"[{request.method}] {text}", int(code), -1, -1])
        yield http_answer(body, keep=request.keep)

    return effect


def no_leader(text: str = ELECTION) -> Delivery:
    """Return the effect that an HA zone has without a leader: it answers what only reads."""

    def effect(request: Request) -> Iterator[bytes]:
        reads = _READS.fullmatch(request.method)
        yield from deliver(request) if reads else refuse(text)(request)

    return effect


def lost_leader(request: Request) -> Iterator[bytes]:
    """Do the call, and say that the leader, to whom it was sent on, did not answer in time."""
    request.execute()
    yield from refuse(FORWARD_TIMED_OUT)(request)


def redirect(url: str) -> Delivery:
    """Return the effect that redirects to *url*; the call has no effect."""
    header = f"Location: {url}\r\n"
    return lambda _request: iter([http_answer(b"", "302 Found", keep=False, header=header)])


def delay(seconds: float, then: Delivery = deliver) -> Delivery:
    """Return the effect that waits before the call is done."""

    def effect(request: Request) -> Iterator[bytes]:
        request.wait(seconds)
        yield from then(request)

    return effect


def delay_answer(seconds: float) -> Delivery:
    """Return the effect that does the call, and keeps the client waiting for the answer."""

    def effect(request: Request) -> Iterator[bytes]:
        body = request.execute()
        request.wait(seconds)
        yield http_answer(body, keep=request.keep)

    return effect


def drip(seconds: float) -> Delivery:
    """Return the effect that sends the answer byte by byte, *seconds* apart."""

    def effect(request: Request) -> Iterator[bytes]:
        for byte in http_answer(request.execute(), keep=request.keep):
            yield bytes([byte])
            request.wait(seconds)

    return effect


def run(action: Callable[[], object], then: Delivery = deliver) -> Delivery:
    """Return the effect that runs *action*, such as a restart, before the call is done."""

    def effect(request: Request) -> Iterator[bytes]:
        action()
        yield from then(request)

    return effect
