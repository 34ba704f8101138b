"""Monitoring by processes of its own, as the stock ``one_im_sh`` runs them.

    run_probes (5.6 to 5.10)      <mad> <datastores> <port> <period> <host id> <host name>
    run_monitord_client (5.12 …)  <mad> <host id> <host name>, the configuration on stdin
    stop_monitord_client          stop <mad> <host id> <host name>
    we ourselves                  start <mad> <host id> <host name>

The stock scripts run every executable in the driver's directory to start it, and whatever is
called ``*_control.sh`` to stop it: this one is both. The first prints and ends; the second leaves
a process that reports to monitord. It outlives oned, as the agents on KVM hosts do, because a new
oned may never ask for it (``mad.self_start``).
"""

import binascii
import os
import sys
from base64 import b64decode
from collections.abc import Callable, Sequence
from pathlib import Path

from one2one.driver.leases import Leases
from one2one.driver.local import LocalCloud
from one2one.driver.locations import var_location
from one2one.driver.monitor import HostMonitor
from one2one.driver.reaper import Reaper
from one2one.driver.remotes import Remote, Remotes
from one2one.hybrid.mirror import STUCK_S
from one2one.mad.host_loop import HostLoop
from one2one.mad.im_messages import Configuration, read_configuration
from one2one.mad.monitord import MonitordClient
from one2one.mad.monitord_conf import read_monitord_conf
from one2one.mad.process import report_bugs
from one2one.mad.pull import answer_pull
from one2one.mad.scripts.daemon import get_monitoring_daemon
from one2one.mad.scripts.log import append_line
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import ConfigurationError, ProtocolError, to_one_error
from one2one.opennebula.ids import read_id
from one2one.opennebula.records import VmSummary
from one2one.opennebula.xml import Element, parse

_STARTED_BY = "OpenNebula runs this: see IM_MAD in oned.conf or monitord.conf"
_DELIMITED = "ERROR MESSAGE --8<------\n{}\nERROR MESSAGE ------>8--"
"""How the shells up to 6.0 find the reason of a failure."""
_PATIENCE_S = 24 * 3600.0
"""How long oned may not answer before the process ends: an upgrade takes less."""


def main() -> int:
    """Do what the arguments say; a failure is one line on stderr and 1."""
    probes = len(sys.argv) > len(["", "stop", "one", "0", "name"])
    try:
        _run(sys.argv[1:])
    except Exception as error:  # noqa: BLE001 - what oned shows its user is one line
        line = clean_line(str(to_one_error(error)))
    else:
        return 0
    print(_DELIMITED.format(line) if probes else line, file=sys.stderr)
    return 1


def _run(argv: list[str]) -> None:
    match argv:
        case ["stop", _, host_id, _]:
            get_monitoring_daemon(_parse_host_id(host_id)).stop()
        case ["start", mad, host_id, name]:
            _start(_own_configuration(mad), mad, host_id, name, replace=False)
        case [mad, host_id, name]:
            configuration = read_configuration(_read_document(sys.stdin.buffer.read()))
            _start(configuration, mad, host_id, name, replace=True)
        case [_, _, _, _, host_id, _]:
            local = LocalCloud()
            # Nothing is kept from one call to the next, so any operation may be stuck.
            number = _parse_host_id(host_id)
            reaper = Reaper(number, local, append_line, one_shot=True)
            monitor = _new_monitor(number, local, reaper, append_line, stuck_after=0)
            print(
                answer_pull(
                    monitor, lambda error: append_line(f"Host {host_id}: {error}"), append_line
                )
            )
        case _:
            raise ConfigurationError(
                f"run with {len(argv)} arguments",
                remedy=_STARTED_BY,
            )


def _own_configuration(mad: str) -> Configuration:
    """Return what monitord.conf says; raises ConfigurationError where it has no such scripts."""
    conf = read_monitord_conf()
    if conf is None or not conf.runs_scripts(mad):
        raise ConfigurationError(
            f"no IM_MAD {mad} in monitord.conf runs scripts",
            remedy="Nothing to do: oned or a resident driver monitors the host",
        )
    return conf.configuration


def _start(
    configuration: Configuration, mad: str, host_id: str, name: str, *, replace: bool
) -> None:
    """Leave a process that monitors the host; *replace* one that does so already."""
    number = _parse_host_id(host_id)
    monitord = MonitordClient(number, configuration)
    local = LocalCloud()
    monitor = _new_monitor(number, local, Reaper(number, local, monitord.log), monitord.log)
    loop = HostLoop(monitor, monitord, configuration.periods)
    report_bugs(monitord.log)
    again = [str(Path(sys.argv[0]).absolute()), "start", mad, host_id, name]
    get_monitoring_daemon(number).start(lambda: _monitor(loop, again), replace=replace)


def _new_monitor(
    host_id: int,
    local: LocalCloud,
    reaper: Reaper,
    log: Callable[[str], object],
    stuck_after: float = STUCK_S,
) -> HostMonitor:
    """Return what monitors a host; each time it reads the account, it also keeps the leases.

    Scripts cannot write into the log of a VM. The resident VMM driver can, and keeps them itself.
    """
    remotes = Remotes(local)
    leases = Leases(host_id, local, remotes, lambda vm_id, line: log(f"VM {vm_id}: {line}"))

    def survey(remote: Remote, rows: Sequence[VmSummary]) -> None:
        try:
            leases.keep()
        except Exception as error:  # noqa: BLE001 - what reaps goes on
            log(f"Host {host_id}: leases: {to_one_error(error)}")
        reaper.reap(remote, rows)

    return HostMonitor(host_id, local, remotes, stuck_after=stuck_after, on_survey=survey)


def _parse_host_id(host_id: str) -> int:
    number = read_id(host_id)
    if number is None:
        raise ConfigurationError(f"run for the host {host_id[:60]!r}", remedy=_STARTED_BY)
    return number


def _monitor(loop: HostLoop, again: list[str]) -> None:
    """Monitor the host, with what is installed and configured when oned is started again."""
    began = _read_start_time()
    loop.run(lambda: _read_start_time() != began or loop.measure_silence() > _PATIENCE_S)
    if _read_start_time() != began:
        os.execv(again[0], again)  # noqa: S606 - this very script


def _read_start_time() -> int:
    """Return when oned was started last: it writes this file then, and at no other time."""
    try:
        return Path(var_location(), "config").stat().st_mtime_ns
    except OSError:
        return 0


def _read_document(stdin: bytes) -> Element:
    """Return what the shell wrote: XML, in base64 where it runs the client on the front-end."""
    data = stdin.strip()
    if not data.startswith(b"<"):
        try:
            data = b64decode(b"".join(data.split()), validate=True)
        except binascii.Error as error:
            raise ProtocolError(f"stdin is neither XML nor base64 ({error})", remedy="") from None
    return parse(data)
