"""The list of hybrid hosts: each host, its remote cloud, and its last monitoring."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from one2one.admin.hosts import connect, format_state, list_hybrid_hosts
from one2one.admin.units import format_duration, format_size
from one2one.driver.local import LocalCloud
from one2one.opennebula.errors import OneError
from one2one.opennebula.quotas import Quota, VmQuotas
from one2one.opennebula.records import Host
from one2one.opennebula.urls import hide_secrets, split_endpoints

_AT_ONCE = 8


@dataclass(frozen=True)
class RemoteView:
    """A remote cloud, as its account sees it."""

    version: str
    user_quotas: VmQuotas
    group_quotas: VmQuotas

    @property
    def tightest(self) -> str:
        """The quota of which the largest part is used, ``-`` without any."""
        used = [
            (quota.used / quota.limit, f"{quota.used:g}/{quota.limit:g} {name}")
            for quotas in (self.user_quotas, self.group_quotas)
            for name, quota in (("VMs", quotas.vms), ("CPU", quotas.cpu), ("MB", quotas.memory))
            if quota.limit
        ]
        return max(used)[1] if used else "-"


@dataclass(frozen=True)
class HostView:
    """A hybrid host."""

    id: int
    name: str
    state: str
    endpoint: str
    vms: int
    cpu: int
    """Percent: 100 is one core."""
    used_cpu: int
    memory: int
    """KB."""
    used_memory: int
    contact: int | None
    """Seconds since it was monitored."""
    remote: RemoteView | None
    problem: str
    """Why the remote could not be read."""

    @property
    def version(self) -> str:
        """The remote's release."""
        return self.remote.version if self.remote else "?"

    @property
    def quota(self) -> str:
        """The remote account's tightest quota."""
        return self.remote.tightest if self.remote else "?"

    @property
    def cpu_share(self) -> str:
        """The CPU that oned has given to VMs, and all CPU."""
        return f"{self.used_cpu}/{self.cpu}"

    @property
    def memory_share(self) -> str:
        """The memory that oned has given to VMs, and all memory."""
        return f"{format_size(self.used_memory)}/{format_size(self.memory)}"

    @property
    def last_contact(self) -> str:
        """How long ago it was monitored."""
        return "never" if self.contact is None else format_duration(self.contact)


def view_hosts(local: LocalCloud) -> list[HostView]:
    """Return every hybrid host; the remotes are asked at the same time."""
    hosts = [local.cloud.get_host(host.id) for host in list_hybrid_hosts(local)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda host: view_host(local, host), hosts))


def view_host(local: LocalCloud, host: Host) -> HostView:
    """Return one host; if its remote cannot be read, ``problem`` says why."""
    remote, problem = None, ""
    try:
        remote = _view_remote(local, host)
    except OneError as error:
        problem = str(error)
    return HostView(
        id=host.id,
        name=host.name,
        state=format_state(host),
        endpoint=", ".join(
            hide_secrets(url) for url in split_endpoints(host.template.text("ONE_ENDPOINT"))
        ),
        vms=len(host.vm_ids),
        cpu=host.share.cpu,
        used_cpu=host.share.used_cpu,
        memory=host.share.memory,
        used_memory=host.share.used_memory,
        contact=max(0, int(time.time()) - host.monitored) if host.monitored else None,
        remote=remote,
        problem=problem,
    )


def _view_remote(local: LocalCloud, host: Host) -> RemoteView:
    cloud = connect(local, host)
    try:
        return RemoteView(cloud.get_version(), *cloud.get_quotas())
    finally:
        cloud.close()


def format_quota(quota: Quota) -> str:
    """Return what is used of a quota, and the limit."""
    return f"{quota.used:g} / {'unlimited' if quota.limit is None else f'{quota.limit:g}'}"
