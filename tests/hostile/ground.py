"""Where the attacks take place: the remote that answers, and a front-end for each case."""

import contextlib
import threading
from pathlib import Path

from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remotes
from one2one.opennebula.client import Client
from one2one.opennebula.endpoint import Endpoint
from tests.hostile import checks

LONGEST_ANSWER = Endpoint("").max_answer
"""Bytes: what the product takes where nothing else is said."""
_LONG_ANSWER = 1 << 20
_PATIENCE_S = 100.0
"""For an answer that comes: it tells nothing that a busy machine takes long."""


class Ground:
    """The ways there. Thread-safe."""

    def __init__(self, port: int, directory: Path, short: float) -> None:
        """Take the port of the remote, and a directory to write in.

        *short* is for how many seconds an answer that does not come is waited for.
        """
        self.url = f"http://127.0.0.1:{port}"
        self.short = short
        self._auth = directory / "one_auth"
        (directory / "var").mkdir()
        self._auth.write_text("oneadmin:opennebula")
        self._neighbour = Client(self.server("/well"), checks.SESSION)
        self.alone = threading.Lock()
        """Held while an answer may be as long as any: one takes much memory, several take more."""

    def close(self) -> None:
        """Leave it."""
        self._neighbour.close()

    def count_answers(self) -> int:
        """Return how many odd answers the remote gave."""
        client = Client(self.server("/tally"), checks.SESSION)
        with contextlib.closing(client):
            return int(client.call("tally"))

    def server(
        self, path: str, longest: int = _LONG_ANSWER, patience: float = _PATIENCE_S
    ) -> Endpoint:
        """Return the remote behind a path, see ``remote``; its answers are cut at *longest*."""
        return Endpoint(
            self.url + path,
            read_timeout=patience,
            total_timeout=patience,
            max_answer=longest,
        )

    def clouds(self, way: str, case: str) -> tuple[LocalCloud, Remotes]:
        """Return a front-end whose hosts stand for the remote that answers so in this *case*."""
        environment = {
            "ONE_AUTH": str(self._auth),
            "ONE_LOCATION": str(self._auth.parent),
            "ONE_XMLRPC": f"{self.url}/local/{way}/{case}",
        }
        local = LocalCloud(environment)
        return local, Remotes(local)

    def check_neighbour(self, case: str) -> None:
        """See that another remote's client is answered, whatever this case did."""
        checks.check_echo(self._neighbour, case)
