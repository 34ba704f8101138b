"""Simulated sockets: bytes that take their time, and may be late, lost, or cut off.

A connection keeps the order of its bytes, as TCP does; what is lost is sent again, and so arrives
when the link works again. Connections overtake each other. Datagrams are lost, doubled, reordered.
"""

import errno
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Self

from tests.simulation.locks import Queue
from tests.simulation.process import Process
from tests.simulation.scheduler import Scheduler

Address = tuple[str, int]
"""A site and a port."""
Serve = Callable[["Stream"], None]
Take = Callable[[Process, bytes], None]
"""Takes a datagram, and who sent it."""

_LOOPBACK = ("127.0.0.1", "localhost")
_USUAL_S = 0.002
_SLOW_S = 0.4
_SLOWLY = 0.02
"""How often something takes as long as that."""
_LOST = _DOUBLED = 0.03
"""How often that happens to a datagram."""


def _error(kind: type[OSError], code: int) -> OSError:
    return kind(code, os.strerror(code))


class Network:
    """All sites, and the links between them."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.cut: dict[tuple[str, str], float] = {}
        """Until when nothing passes from a site to another."""
        self.unknown: dict[str, float] = {}
        """Until when a site's name cannot be resolved."""
        self.is_lossy = True
        """Whether datagrams are lost, and doubled."""
        self._services: dict[Address, tuple[Process, Serve]] = {}
        self._datagrams: dict[Address, tuple[Process, Take]] = {}

    def listen(self, address: Address, process: Process, serve: Serve) -> None:
        """Have *process* run *serve* for each connection to *address*, until it ends."""
        self._services[address] = process, serve

    def listen_for_datagrams(self, address: Address, process: Process, take: Take) -> None:
        """Have *take* called with each datagram to *address* while *process* lives."""
        self._datagrams[address] = process, take

    def getaddrinfo(self, host: str, port: int, _family: int, kind: int) -> list[Any]:
        """``socket.getaddrinfo``."""
        if self.unknown.get(host, 0.0) > self.scheduler.now:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, kind, 0, "", (host, port))]

    def open_socket(self, process: Process, _family: int, kind: int, _protocol: int = 0) -> Any:
        """``socket.socket``, for a task of *process*."""
        return Datagrams(self, process) if kind == socket.SOCK_DGRAM else Stream(self, process)

    def has_input(self, stream: "Stream") -> bool:
        """Tell whether a read would not wait."""
        return stream.has_input()

    def arrival(self, origin: str, to: str) -> float:
        """Return when what *origin* sends now will arrive."""
        random = self.scheduler.random
        slow = random() < _SLOWLY and origin != to
        start = max(self.scheduler.now, self.cut.get((origin, to), 0.0))
        return start + random() * (_SLOW_S if slow else _USUAL_S)

    def connect(self, stream: "Stream", address: Address) -> "Stream | None":
        """Return the other end of a new connection, None where no process listens."""
        process, serve = self._services.get(address, (None, None))
        if process is None or serve is None or process.is_down:
            return None
        other = Stream(self, process)
        other.peer, stream.peer = stream, other
        process.start("serve", partial(serve, other))
        return other

    def send_datagram(self, sender: "Datagrams", data: bytes, to: Address) -> None:
        """Send a datagram on its way, if it gets through."""
        random = self.scheduler.random
        copies = 0 if random() < _LOST else 2 if random() < _DOUBLED else 1
        for _ in range(copies if self.is_lossy else 1):
            delay = self.arrival(sender.process.site, to[0]) - self.scheduler.now
            self.scheduler.after(delay, partial(self._deliver_datagram, sender, data, to))

    def _deliver_datagram(self, sender: "Datagrams", data: bytes, to: Address) -> None:
        process, take = self._datagrams.get(to, (None, None))
        if take is None or process is None or process.is_down:
            sender.is_refused = True
        else:
            take(sender.process, data)


class Datagrams:
    """A socket for datagrams to one peer."""

    def __init__(self, network: Network, process: Process) -> None:
        self.process = process
        self.is_refused = False
        self._network = network
        self._to: Address = ("", 0)

    def settimeout(self, _seconds: float | None) -> None:
        """Nothing here waits."""

    def connect(self, place: Address) -> None:
        self._to = _resolve(place, self.process.site)

    def send(self, data: bytes) -> int:
        if self.is_refused:
            self.is_refused = False
            raise _error(ConnectionRefusedError, errno.ECONNREFUSED)
        self._network.send_datagram(self, data, self._to)
        return len(data)

    def close(self) -> None:
        """Nothing is held."""


class Stream:
    """One end of a TCP connection."""

    def __init__(self, network: Network, process: Process) -> None:
        self.process = process
        self.peer: Stream | None = None
        self.sent_at = 0.0
        """When the present request, or answer, was begun to be sent."""
        self._network = network
        self._scheduler = network.scheduler
        self._timeout: float | None = None
        self._received = bytearray()
        self._ended = False
        self._reset = False
        self.is_closed = False
        self._last_arrival = 0.0
        self._readers = Queue(network.scheduler)
        process.at_end(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        return self._timeout

    def setsockopt(self, *_: object) -> None:
        """All options are as they should be."""

    def connect(self, place: Address) -> None:
        """Connect, after a round trip; the time-out counts."""
        to = _resolve(place, self.process.site)
        there = self._network.arrival(self.process.site, to[0])
        back = there + self._network.arrival(to[0], self.process.site) - self._scheduler.now
        taken = back - self._scheduler.now
        if self._timeout is not None and taken > self._timeout:
            self._scheduler.wait(self._timeout)
            raise TimeoutError(errno.ETIMEDOUT, "timed out")
        self._scheduler.wait(taken)
        if self._network.connect(self, to) is None:
            raise _error(ConnectionRefusedError, errno.ECONNREFUSED)

    def sendall(self, data: bytes) -> None:
        """Send *data* on its way."""
        if self._reset or self.is_closed:
            raise _error(ConnectionResetError, errno.ECONNRESET)
        self.sent_at = self._scheduler.now
        self._send(partial(_take, data=data))

    def send(self, data: bytes) -> int:
        """Send all of *data* on its way."""
        self.sendall(data)
        return len(data)

    def recv_into(self, buffer: memoryview) -> int:
        """Wait for bytes, the end, or the time-out, and fill *buffer*."""
        self._await_input()
        count = min(len(buffer), len(self._received))
        buffer[:count] = self._received[:count]
        del self._received[:count]
        return count

    def recv(self, size: int) -> bytes:
        """Wait for bytes, the end, or the time-out, and return at most *size*."""
        self._await_input()
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    def has_input(self) -> bool:
        return bool(self._received or self._ended or self._reset)

    def close(self) -> None:
        """Tell the peer that nothing more comes."""
        if not self.is_closed:
            self.is_closed = True
            if not self._reset:
                self._send(_end)

    def abort(self) -> None:
        """Tell the peer so in a way that it takes for an error."""
        self.is_closed = True
        self._send(_break)

    def _await_input(self) -> None:
        end = None if self._timeout is None else self._scheduler.now + self._timeout
        while not self._received:
            if self._reset or self.is_closed:
                raise _error(ConnectionResetError, errno.ECONNRESET)
            if self._ended:
                return
            left = None if end is None else end - self._scheduler.now
            if left is not None and left <= 0:
                raise TimeoutError("timed out")
            self._readers.wait(left)

    def _send(self, what: Callable[["Stream"], None]) -> None:
        if self.peer is None:
            return
        arrival = self._network.arrival(self.process.site, self.peer.process.site)
        self._last_arrival = arrival = max(arrival, self._last_arrival)
        self._scheduler.after(arrival - self._scheduler.now, partial(what, self.peer))


def _take(stream: Stream, data: bytes) -> None:
    if stream.is_closed and stream.peer is not None:
        stream.peer._reset = True
        stream.peer._readers.wake_all()
    stream._received += data
    stream._readers.wake_all()


def _end(stream: Stream) -> None:
    stream._ended = True
    stream._readers.wake_all()


def _break(stream: Stream) -> None:
    stream._reset = True
    stream._received.clear()
    stream._readers.wake_all()


def _resolve(place: Address, site: str) -> Address:
    """Return whom an address means that a process at *site* uses."""
    return (site if place[0] in _LOOPBACK else place[0]), place[1]
