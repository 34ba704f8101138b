"""Monitoring by processes of its own, as the stock ``one_im_sh`` runs them.

    run_probes (5.6 to 5.10)      <mad> <datastores> <port> <period> <host id> <host name>
    run_monitord_client (5.12 …)  <mad> <host id> <host name>, the configuration on stdin
    stop_monitord_client          stop <mad> <host id> <host name>

The stock scripts run every executable in the driver's directory to start it, and whatever is
called ``*_control.sh`` to stop it: this one is both. The first prints and ends; the second leaves
a process that reports to monitord.
"""

import binascii
import sys
from base64 import b64decode

from one2one.driver.local import LocalCloud, var_location
from one2one.driver.monitor import HostMonitor
from one2one.driver.reaper import Reaper
from one2one.driver.remotes import Remotes
from one2one.mad.host_loop import HostLoop
from one2one.mad.im_messages import read_configuration
from one2one.mad.monitord import Monitord
from one2one.mad.process import report_bugs
from one2one.mad.pull import pull
from one2one.mad.scripts.daemon import Daemon
from one2one.mad.scripts.log import write
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import ConfigurationError, ProtocolError, typed
from one2one.opennebula.ids import read_id
from one2one.opennebula.xml import Element, parse

_STARTED_BY = "OpenNebula runs this: see IM_MAD in oned.conf or monitord.conf"
_DELIMITED = "ERROR MESSAGE --8<------\n{}\nERROR MESSAGE ------>8--"
"""How the shells up to 6.0 find the reason of a failure."""


def main() -> int:
    """Do what the arguments say; a failure is one line on stderr and 1."""
    probes = len(sys.argv) > len(["", "stop", "one", "0", "name"])
    try:
        _run(sys.argv[1:])
    except Exception as error:  # noqa: BLE001 - what oned shows its user is one line
        line = clean_line(str(typed(error)))
    else:
        return 0
    print(_DELIMITED.format(line) if probes else line, file=sys.stderr)
    return 1


def _run(argv: list[str]) -> None:
    match argv:
        case ["stop", _, host_id, _]:
            _daemon(host_id).stop()
        case [_, host_id, _]:
            _start(host_id, sys.stdin.buffer.read())
        case [_, _, _, _, host_id, _]:
            local = LocalCloud()
            # Nothing is remembered from one call to the next, so any operation may be stuck.
            number = _id(host_id)
            reaper = Reaper(number, local, write, forgetful=True)
            monitor = HostMonitor(
                number, local, Remotes(local), stuck_after=0, on_survey=reaper.reap
            )
            print(pull(monitor, log=lambda error: write(f"Host {host_id}: {error}")))
        case _:
            raise ConfigurationError(
                f"run with {len(argv)} arguments",
                remedy=_STARTED_BY,
            )


def _start(host_id: str, stdin: bytes) -> None:
    """Leave a process that monitors the host, in place of one that did so already."""
    configuration = read_configuration(_document(stdin))
    number = _id(host_id)
    monitord = Monitord(number, configuration)
    local = LocalCloud()
    reaper = Reaper(number, local, monitord.log)
    monitor = HostMonitor(number, local, Remotes(local), on_survey=reaper.reap)
    loop = HostLoop(monitor, monitord, configuration.periods)
    # Without monitord there is no oned either, and a new one starts its own.
    deaf_limit = 2.0 * configuration.periods.beacon_host
    report_bugs(monitord.log)
    _daemon(host_id).start(lambda: loop.run(deaf_limit))


def _daemon(host_id: str) -> Daemon:
    return Daemon(var_location() / f".one2one-monitor-{_id(host_id)}.pid")


def _id(host_id: str) -> int:
    number = read_id(host_id)
    if number is None:
        raise ConfigurationError(f"run for the host {host_id[:60]!r}", remedy=_STARTED_BY)
    return number


def _document(stdin: bytes) -> Element:
    """Return what the shell wrote: XML, in base64 where it runs the client on the front-end."""
    data = stdin.strip()
    if not data.startswith(b"<"):
        try:
            data = b64decode(b"".join(data.split()), validate=True)
        except binascii.Error as error:
            raise ProtocolError(f"stdin is neither XML nor base64 ({error})", remedy="") from None
    return parse(data)
