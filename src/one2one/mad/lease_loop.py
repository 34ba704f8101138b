"""Keeps the leases of all hybrid hosts in the resident VMM driver, which can write into VMs' logs.

A line ``LOG I <VM id> <text>`` goes into the VM's log on every release but 6.0, where oned writes
it into its own. The scripts cannot send it (``mad.scripts.im``).
"""

from collections.abc import Callable
from functools import partial

from one2one import runtime
from one2one.driver.clouds import Clouds
from one2one.driver.leases import Leases
from one2one.hybrid.naming import DRIVER
from one2one.mad.failure_log import FailureLog
from one2one.opennebula.errors import NotFound, to_one_error
from one2one.opennebula.states import HostState

PERIOD_S = 60.0

Log = Callable[[str, int | None, str], object]
"""Called with a severity, a VM's id or None, and a line."""


class LeaseLoop:
    """The leases of all hosts of the driver. For one thread."""

    def __init__(self, clouds: Clouds, log: Log) -> None:
        self._clouds = clouds
        self._log = partial(log, "I")
        self._failures = FailureLog(partial(log, "E", None))
        self._leases: dict[int, Leases] = {}

    def run(self) -> None:
        """Keep them for ever."""
        while True:
            runtime.sleep(PERIOD_S)
            self.keep_all()

    def keep_all(self) -> None:
        """Keep those of each host once. What fails at one is logged once, and keeps no other."""
        try:
            hosts = self._clouds.local.cloud.list_hosts()
        except Exception as error:  # noqa: BLE001 - the next round may be better
            self._failures.record_failure("hosts", to_one_error(error))
            return
        self._failures.record_success("hosts")
        ours = {h.id for h in hosts if h.vm_mad == DRIVER and h.state != HostState.OFFLINE}
        self._leases = {host_id: self._get_leases(host_id) for host_id in sorted(ours)}
        for host_id, leases in self._leases.items():
            self._keep(host_id, leases)

    def _keep(self, host_id: int, leases: Leases) -> None:
        kind = f"leases of host {host_id}"
        try:
            leases.keep()
        except NotFound:  # the host has just been deleted
            pass
        except Exception as error:  # noqa: BLE001 - the next host may be better
            failure = to_one_error(error)
            failure.cause = f"{kind}: {failure.cause}"
            self._failures.record_failure(kind, failure)
        else:
            self._failures.record_success(kind)

    def _get_leases(self, host_id: int) -> Leases:
        known = self._leases.get(host_id)
        return known or Leases(host_id, self._clouds.local, self._clouds.remotes, self._log)
