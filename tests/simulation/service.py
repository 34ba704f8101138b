"""A simulated XML-RPC service: what a cloud's server does, on simulated connections."""

from collections.abc import Callable

from opennebula_sandbox.cloud.wire.delivery import Delivery, Drop, answer_http
from opennebula_sandbox.cloud.wire.xmlrpc import read_http
from tests.simulation.network import Stream
from tests.simulation.scheduler import Scheduler

PORT = 2633
"""Where oned listens."""
_MOST_CALLS = 30
_IDLE_S = 15.0
_CHUNK = 1 << 16


class Service:
    """Answers the calls of one cloud."""

    def __init__(
        self,
        scheduler: Scheduler,
        call: Callable[[Stream, str, tuple[object, ...]], object],
        delivery: Delivery,
        accept: Callable[[], bool],
    ) -> None:
        """*call* is told on which connection a call came; the rest is as ``Server`` takes it."""
        self._scheduler = scheduler
        self._call = call
        self._delivery = delivery
        self._accept = accept

    def serve(self, stream: Stream) -> None:
        """Serve a connection until its end."""
        try:
            if not self._accept():
                raise Drop(reset=True)
            self._serve(stream)
        except Drop as drop:
            if drop.reset:
                stream.abort()
        except (OSError, EOFError):
            pass
        finally:
            stream.close()

    def _serve(self, stream: Stream) -> None:
        reader = _Reader(stream)
        for count in range(1, _MOST_CALLS + 1):
            stream.settimeout(_IDLE_S)
            http = read_http(reader.read_line, reader.read)
            keep = http.keep and count < _MOST_CALLS
            answer = answer_http(
                http,
                lambda method, arguments: self._call(stream, method, arguments),  # type: ignore[arg-type,return-value]
                self._delivery,
                keep=keep,
                wait=self._scheduler.wait,
            )
            for data in answer:
                stream.sendall(data)
            if not keep:
                return


class _Reader:
    """Reads lines and bodies."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._buffer = bytearray()

    def read_line(self, _limit: int) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if not self._fill():
                return self._take(len(self._buffer))
        return self._take(end + 1)

    def read(self, size: int) -> bytes:
        while len(self._buffer) < size and self._fill():
            pass
        return self._take(size)

    def _fill(self) -> bool:
        data = self._stream.recv(_CHUNK)
        self._buffer += data
        return bool(data)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken
