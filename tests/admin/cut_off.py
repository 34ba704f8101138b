"""Installs, or uninstalls, and is killed at one of its writes: run by test_interruption.

cut_off.py ROOT MODE COUNT    MODE is resident, scripts or none; COUNT writes are still done
"""

import os
import signal
import sys
from pathlib import Path

from one2one.admin.install.entries import Mode
from one2one.admin.install.files import apply
from one2one.admin.install.layout import find_layout
from one2one.admin.install.plan import make_plan

_WRITES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.chmod", "os.chown"}
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR
left = int(sys.argv[3])


def hook(event: str, arguments: tuple[object, ...]) -> None:
    global left
    opens = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITE_FLAGS
    if event in _WRITES or opens:
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1


mode = None if sys.argv[2] == "none" else Mode(sys.argv[2])
plan = make_plan(find_layout(Path(sys.argv[1]), {}), mode)
sys.addaudithook(hook)
apply(plan.changes, plan.directories)
