"""The sockets of a server: one thread for each connection, and a limit to their number."""

import socket
import struct
import threading
from collections.abc import Callable

from opennebula_sandbox.cloud.wire.delivery import Drop

_BACKLOG = 128


class Connections:
    """The sockets and threads of a server from its start to its stop. Thread-safe."""

    def __init__(self, address: tuple[str, int], max_connections: int) -> None:
        self._listener = socket.create_server(address, backlog=_BACKLOG)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._slots = threading.Semaphore(max_connections)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._acceptor = threading.Thread(name="sandbox-accept")

    def start(self, listen: Callable[["Connections"], None]) -> None:
        """Run *listen* in a new thread."""
        self._acceptor = threading.Thread(
            target=listen, args=[self], name="sandbox-accept", daemon=True
        )
        self._acceptor.start()

    def accept(self) -> socket.socket | None:
        """Wait until one more connection is allowed and return the next; None after the stop."""
        self._slots.acquire()
        try:
            return None if self._stopping.is_set() else self._listener.accept()[0]
        except OSError:
            return None

    def serve(
        self,
        connection: socket.socket,
        serve: Callable[["Connections", socket.socket, int], None],
        number: int,
    ) -> None:
        """Run *serve* on *connection* in a new thread, until it ends or the server stops."""

        def run() -> None:
            try:
                serve(self, connection, number)
            except Drop as drop:
                if drop.reset:
                    _reset_on_close(connection)
            except (OSError, EOFError):
                pass
            finally:
                connection.close()
                with self._lock:
                    self._connections.pop(thread, None)
                self._slots.release()

        thread = threading.Thread(target=run, name=f"sandbox-connection-{number}", daemon=True)
        with self._lock:
            if self._stopping.is_set():
                connection.close()
                return
            self._connections[thread] = connection
            thread.start()

    def discard(self, connection: socket.socket) -> None:
        """Close a connection that has no thread."""
        connection.close()
        self._slots.release()

    def wait(self, seconds: float) -> None:
        """Sleep; raise Drop when the server stops."""
        if self._stopping.wait(seconds):
            raise Drop

    def close_listener(self) -> None:
        """Close the listening socket."""
        _shutdown(self._listener)
        self._listener.close()

    def stop(self) -> None:
        """Close all sockets and wait for all threads except the current one."""
        with self._lock:
            self._stopping.set()
            connections = dict(self._connections)
        self.close_listener()
        self._slots.release()
        for connection in connections.values():
            _shutdown(connection)
        for thread in (self._acceptor, *connections):
            if thread is not threading.current_thread():
                thread.join()


def _reset_on_close(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _shutdown(connection: socket.socket) -> None:
    """Wake the thread that uses *connection*; shut down TCP below TLS, which would wait."""
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return
