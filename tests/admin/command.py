"""Running ``one2one`` as an administrator does: a process, its output, its exit status."""

import atexit
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.admin.fork_server import ForkServer

ONE2ONE = str(Path(sys.executable).with_name("one2one"))


def one2one(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, *within* another that runs it."""
    may_fork = not within and "preexec_fn" not in options
    # Python reads its own settings and the locale when it starts.
    may_fork &= not any(name.startswith(("PYTHON", "LANG", "LC_")) for name in environment or {})
    return subprocess.run(
        [*within, _find_quick_command() if may_fork else ONE2ONE, *map(str, arguments)],
        env={"PATH": "/usr/bin:/bin", **(environment or {})},
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **options,
    )


@cache
def _find_quick_command() -> str:
    """Return what does the same as ``one2one`` and starts faster, until all tests have ended."""
    directory = TemporaryDirectory(prefix="one2one-")
    server = ForkServer(Path(directory.name))
    atexit.register(directory.cleanup)
    atexit.register(server.stop)
    return str(server.command)
