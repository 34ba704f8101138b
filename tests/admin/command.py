"""Running ``one2one`` as an administrator does: a process, its output, its exit status."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ONE2ONE = str(Path(sys.executable).with_name("one2one"))


def one2one(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [ONE2ONE, *map(str, arguments)],
        env={"PATH": "/usr/bin:/bin", **(environment or {})},
        stdin=options.pop("stdin", subprocess.DEVNULL),
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
