"""How an answer is sent: at once, broken off, twice, slowly, for ever, or another instead."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import chain, cycle, repeat

from tests.hostile.chance import Chance
from tests.hostile.http import odd_message, right_message

_GREETINGS = (
    b"J\0\0\0\n5.5.5-10.11.6-MariaDB\0\x0f\0\0\0\x1b[31m\0mysql_native_password\0",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"220 mail ESMTP\r\n",
    b"-ERR wrong number of arguments\r\n",
    b"\x15\x03\x01\x00\x02\x02\x16",
)


_PARTS = (
    *(b"x", b"X: y\r\n", b"1\r\na\r\n", b"<a>", b"<a/>", b"HTTP/1.1 100 Continue\r\n\r\n"),
    *(b"&lt;a/&gt;", b"&lt;VM&gt;&lt;ID&gt;7&lt;/ID&gt;&lt;/VM&gt;", b"&amp;", "中".encode()),
)
_MANY_TIMES = (10**9, 10_000, 2_000)
"""Twenty kilobytes; many of them end within what the longest answer may have, or do not."""


class End(Enum):
    """What becomes of the connection when all has been sent."""

    KEEP = 0
    CLOSE = 1
    RESET = 2


@dataclass(frozen=True)
class Delivery:
    """What is sent: bytes, and seconds to wait in between."""

    pieces: Iterable[bytes | float]
    end: End = End.KEEP
    odd: bool = True


Carrier = Callable[[Chance, bytes], Delivery]
"""Returns how a body, or a whole message, is sent."""


def deliver(body: bytes) -> Delivery:
    """Return what carries *body* as it should."""
    return Delivery([right_message(body)], odd=False)


def odd_delivery(chance: Chance, body: bytes) -> Delivery:
    """Return another one, which ends at once."""
    return chance.choice(_DELIVERIES)(chance, odd_message(chance, body))


def slow_delivery(chance: Chance, body: bytes) -> Delivery:
    """Return another one, which takes the patience of its reader."""
    return chance.choice((_stall, _drip))(chance, odd_message(chance, body))


def endless_delivery(chance: Chance, body: bytes) -> Delivery:
    """Return another one, which goes on until its reader does not, or for long."""
    data, part = odd_message(chance, body), chance.choice(_PARTS)
    opened = b"HTTP/1.1 200 OK\r\n\r\n" + body[: max(0, body.rfind(b"&lt;/"))]
    start = chance.choice((data, data[: data.find(b"\r\n") + 2], b"", opened, opened))
    parts = repeat(part * (20_000 // len(part)), chance.choice(_MANY_TIMES))
    return Delivery(chain([start], parts), End.CLOSE)


def _send_whole(chance: Chance, data: bytes) -> Delivery:
    return Delivery([data], chance.choice((End.KEEP, End.CLOSE)))


def _break_off(chance: Chance, data: bytes) -> Delivery:
    return Delivery([data[: chance.randrange(len(data))]], chance.choice((End.CLOSE, End.RESET)))


def _send_mutant(chance: Chance, data: bytes) -> Delivery:
    return Delivery([chance.mutate(data)], End.CLOSE)


def _send_several(chance: Chance, data: bytes) -> Delivery:
    extra = chance.choice(
        (data, data[:99], b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", chance.noise())
    )
    return Delivery(
        [chance.choice((data + extra, extra + data))], chance.choice((End.KEEP, End.CLOSE))
    )


def _greet(chance: Chance, _data: bytes) -> Delivery:
    return Delivery([chance.choice((*_GREETINGS, chance.noise(3000)))], End.CLOSE)


def _stall(chance: Chance, data: bytes) -> Delivery:
    return Delivery([data[: chance.randrange(len(data))], 3600.0], End.CLOSE)


def _drip(_chance: Chance, data: bytes) -> Delivery:
    return Delivery(chain([data[:100]], cycle((0.05, b"x"))), End.CLOSE)


_DELIVERIES: tuple[Carrier, ...] = (
    *(_send_whole, _send_whole, _send_whole, _send_whole),
    *(_break_off, _send_mutant, _send_several, _greet),
)
