"""A port of another service: a database, which greets each client."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

GREETING = b"J\x00\x00\x00\n5.7.33-log\x00\x0e\x00\x00\x00\x1b[31m\x07\xff\xfe\xc2\x9b]]>\x00\r\n"


class _Greeter(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(GREETING)
        self.request.recv(1 << 16)


@contextmanager
def binary_service() -> Iterator[str]:
    """Give the URL that an administrator might have written for it."""
    with socketserver.TCPServer(("127.0.0.1", 0), _Greeter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/RPC2"
        server.shutdown()
