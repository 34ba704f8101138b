"""Starting a host's monitoring when its process has ended: a reboot, a failover, a crash.

monitord asks for it only when oned has not changed the host for a while, so it never asks while
VMs come and go (``mad.self_start``). But then oned runs our scripts, and they start it.
"""

import contextlib
import os

from one2one.driver.locations import etc_location, var_location
from one2one.hybrid.naming import DRIVER
from one2one.mad.scripts.daemon import get_monitoring_daemon
from one2one.opennebula.errors import OneError

_CONTROL = f"remotes/im/{DRIVER}.d/one2one_control.sh"


def ensure_monitored(host_id: int, host_name: str) -> None:
    """Start the host's monitoring where scripts do it, and no process does; never fails."""
    control = var_location() / _CONTROL
    if not (control.exists() and (etc_location() / "monitord.conf").exists()):
        return
    argv = [str(control), "start", DRIVER, str(host_id), host_name]

    def begin() -> None:
        from one2one.mad.monitord_conf import read_monitord_conf  # rarely needed

        conf = read_monitord_conf()
        if conf and conf.runs_scripts(DRIVER):
            os.execv(control, argv)  # noqa: S606 - a script of ours

    with contextlib.suppress(OneError, OSError):
        get_monitoring_daemon(host_id).start(begin, replace=False)
