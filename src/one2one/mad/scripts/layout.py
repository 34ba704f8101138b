"""Which executables lie where under OpenNebula's ``remotes`` directory."""

import sys
from pathlib import Path

_LAUNCHER = """\
#!{python} -I
import gc
import os
import sys

gc.disable()
from {module} import main

gc.enable()
code = main()
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)
"""
"""Imports make no garbage, so a collector would only lose time. And Python's own end would take
a tenth of a script's time, to free memory that the system takes back anyway."""

_VMM_SCRIPTS = (
    "attach_disk attach_nic cancel deploy detach_disk detach_nic exec exec_cancel migrate "
    "migrate_local poll prereconfigure reboot reconfigure reset resize resize_disk restore save "
    "shutdown snapshot_create snapshot_delete snapshot_revert"
)

LAYOUT = {f"vmm/one/{name}": "one2one.mad.scripts.vmm" for name in _VMM_SCRIPTS.split()} | {
    "im/one.d/one2one_control.sh": "one2one.mad.scripts.im"
}
"""Path below ``remotes`` → module whose ``main`` it runs; the file's own name says what to do."""


def render_launcher(module: str, python: str = sys.executable) -> str:
    """Return an executable file that runs the ``main`` of *module*, apart from any PYTHONPATH."""
    return _LAUNCHER.format(python=python, module=module)


def write_scripts(remotes: Path, python: str = sys.executable) -> list[Path]:
    """Write every executable below *remotes* and return their paths."""
    written = []
    for name, module in LAYOUT.items():
        path = remotes / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render_launcher(module, python))
        path.chmod(0o755)
        written.append(path)
    return written
