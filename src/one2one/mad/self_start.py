"""Monitoring that begins by itself, because monitord may never ask for it.

monitord (5.12 and later) asks for the monitoring of a known host only after it got no message from
it for MONITORING_INTERVAL_HOST. It starts that time again whenever oned changes the host: each time
a VM comes or goes. After a restart or a failover such a host would stay unmonitored while VMs
come and go. Agents on KVM hosts do not have this problem: they outlive oned.
Source: ``HostBase::init_attributes``, ``HostPool::update``, ``HostMonitorManager::timer_action``,
the same from 5.12 to 7.4. Up to 5.10 oned asks by a clock that no change sets back.
"""

from collections.abc import Callable

from one2one import runtime
from one2one.driver.local import LocalCloud
from one2one.mad.failure_log import FailureLog
from one2one.opennebula.errors import ConfigurationError, OneError, to_one_error
from one2one.opennebula.states import HostState, RaftState

_FIRST_S = 0.25
_LONGEST_S = 30.0


def begin_hosts(
    im_mad: str,
    local: Callable[[], LocalCloud],
    begin: Callable[[int], object],
    log: Callable[[str], object],
    period: float,
) -> None:
    """Begin with every host of the IM driver *im_mad*, once this server is to monitor.

    *begin* is called with each host's id, and passes over those that it has begun with. In HA
    the HA state is read every *period* seconds, for as long as the process lives: oned tells its
    drivers of no failover. Without HA once is enough, and this returns. If oned does not
    answer yet, which is usual just after it started the driver, it is asked again.
    """
    wait = _FIRST_S
    failures = FailureLog(lambda reason: log(f"monitoring cannot begin by itself: {reason}"))
    while True:
        try:
            state = _begin_once(im_mad, local(), begin)
        except Exception as error:  # noqa: BLE001 - a bug must not end it
            reason, wait = to_one_error(error), min(2 * wait, _LONGEST_S)
            if wait == _LONGEST_S or isinstance(reason, ConfigurationError):
                failures.record_failure("hosts", reason)
        else:
            failures.record_success("hosts")
            if state is RaftState.SOLO:
                return
            wait = period
        runtime.sleep(wait)


def _begin_once(im_mad: str, local: LocalCloud, begin: Callable[[int], object]) -> RaftState:
    """Begin with the hosts that there are now; raises the last error after all were tried."""
    if local.get_version() < (5, 12):  # a monitord.conf may be left of another release
        return RaftState.SOLO
    state = local.raft_state()
    hosts = local.cloud.list_hosts() if state is not RaftState.FOLLOWER else []
    failure: OneError | None = None
    for host in hosts:
        if host.im_mad == im_mad and host.state != HostState.OFFLINE:
            try:
                begin(host.id)
            except Exception as error:  # noqa: BLE001 - one host keeps no other from its beginning
                failure = to_one_error(error)
    if failure:
        raise failure
    return state
