"""The monitoring of a host goes on after a bug, and monitord is told of it."""

from one2one.driver.monitor import HostMonitor
from one2one.mad.host_loop import HostLoop
from one2one.mad.im_messages import Configuration, Periods
from one2one.mad.monitord import MonitordClient
from one2one.opennebula.errors import NotFound
from tests.end_to_end.monitord_port import MonitordPort


class Monitor(HostMonitor):
    """The monitoring of a host that ends in bugs, until the host is gone."""

    def __init__(self, *bugs: Exception) -> None:
        self._bugs = list(bugs)
        self._remote = None

    def is_ours(self) -> bool:
        return True

    def refresh(self) -> None:
        if self._bugs:
            raise self._bugs.pop(0)
        raise NotFound("no such host")


def test_a_bug_does_not_end_the_monitoring_of_a_host() -> None:
    with MonitordPort() as listener:
        periods = Periods(beacon_host=0.05)
        monitord = MonitordClient(0, Configuration("127.0.0.1", listener.port, "", periods))
        HostLoop(Monitor(KeyError("one"), RecursionError("two")), monitord, periods).run()
        for bug in ("KeyError: 'one'", "RecursionError: two"):
            line = f"internal error ({bug}). Report it"
            listener.wait_first("STATE_VM", status="FAILURE", when=line.__eq__)
