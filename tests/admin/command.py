"""Running ``one2one`` as an administrator does: a process, its output, its exit status."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ONE2ONE = str(Path(sys.executable).with_name("one2one"))


def one2one(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, *within* another that runs it."""
    return subprocess.run(
        [*within, ONE2ONE, *map(str, arguments)],
        env={"PATH": "/usr/bin:/bin", **(environment or {})},
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **options,
    )
