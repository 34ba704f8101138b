"""Finds the hybrid hosts and connects to their remote clouds."""

from one2one.driver.local import LocalCloud
from one2one.driver.remotes import build_endpoints
from one2one.hybrid.naming import DRIVER
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.errors import NotFound
from one2one.opennebula.records import Host
from one2one.opennebula.states import HostState

_SHORT = {
    HostState.MONITORED: "on",
    HostState.MONITORING_MONITORED: "on",
    HostState.ERROR: "err",
    HostState.MONITORING_ERROR: "err",
    HostState.DISABLED: "dsbl",
    HostState.MONITORING_DISABLED: "dsbl",
    HostState.OFFLINE: "off",
}


def list_hybrid_hosts(local: LocalCloud) -> list[Host]:
    """Return the hosts that our driver runs, by id."""
    hosts = [host for host in local.cloud.list_hosts() if host.vm_mad == DRIVER]
    return sorted(hosts, key=lambda host: host.id)


def find_host(local: LocalCloud, name: str) -> Host:
    """Return the hybrid host with a name or an id, read by its own call, which tells more.

    Raises NotFound when there is none.
    """
    for host in list_hybrid_hosts(local):
        if name in (host.name, str(host.id)):
            return local.cloud.get_host(host.id)
    raise NotFound(f"there is no hybrid host {name}", remedy="See: one2one host list")


def connect(local: LocalCloud, host: Host) -> Cloud:
    """Return the remote cloud of a host; nothing is connected yet."""
    settings = local.read_settings(host.id, host.name)
    return Cloud(build_endpoints(settings), settings.session)


def format_state(host: Host) -> str:
    """Return a host's state as ``onehost list`` prints it."""
    return _SHORT.get(HostState(host.state), "init")
