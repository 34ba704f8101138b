"""The recorded differences between the OpenNebula releases that the sandbox simulates.

A release number in a comment is the first, or the last, release with this behaviour.
"""

from dataclasses import dataclass, replace

_RESTRICTED = (
    *("CONTEXT/FILES", "CPU_COST", "MEMORY_COST", "DISK_COST", "EMULATOR", "PCI", "RANK"),
    *("SCHED_RANK", "REQUIREMENTS", "SCHED_REQUIREMENTS", "USER_PRIORITY"),
    *("USER_INPUTS/CPU", "USER_INPUTS/MEMORY", "USER_INPUTS/VCPU", "NIC/MAC"),
    *("NIC/VLAN_ID", "NIC/BRIDGE", "NIC/FILTER", "NIC/INBOUND_AVG_BW"),
    *("NIC/INBOUND_PEAK_BW", "NIC/OUTBOUND_AVG_BW", "NIC/OUTBOUND_PEAK_BW"),
    *("NIC/OPENNEBULA_MANAGED", "NIC/EXTERNAL", "DISK/TOTAL_BYTES_SEC"),
    *("DISK/READ_BYTES_SEC", "DISK/WRITE_BYTES_SEC", "DISK/TOTAL_IOPS_SEC"),
    *("DISK/READ_IOPS_SEC", "DISK/WRITE_IOPS_SEC", "DISK/SIZE", "DISK/SIZE_PREV"),
    *("DISK/ORIGINAL_SIZE", "DISK/OPENNEBULA_MANAGED"),
)
_PINNING = ("DEPLOY_ID", "TOPOLOGY/PIN_POLICY", "TOPOLOGY/HUGEPAGE_SIZE")

_NETWORK_CONTEXT = (
    *("IP", "MAC", "MASK", "NETWORK", "GATEWAY", "DNS", "SEARCH_DOMAIN", "MTU", "VLAN_ID"),
    *("VROUTER_IP", "VROUTER_MANAGEMENT", "EXTERNAL", "IP6", "IP6_ULA", "IP6_PREFIX_LENGTH"),
    "VROUTER_IP6",
)
_ROUTED_CONTEXT = (
    *_NETWORK_CONTEXT,
    *("METRIC", "METHOD", "IP6_GATEWAY", "IP6_METRIC", "IP6_METHOD"),
)

_METRICS = ("VMS", "RUNNING_VMS", "CPU", "RUNNING_CPU", "MEMORY", "RUNNING_MEMORY")


@dataclass(frozen=True)
class Profile:
    """One release."""

    name: str
    """The release as administrators write it: ``6.10``."""
    version: str
    """The answer of one.system.version."""
    restricted: tuple[str, ...]
    """Attributes that only oneadmin may set, ``NAME`` or ``VECTOR/MEMBER``."""
    search_refused: str
    """The error of a pool call with a search text when the database is sqlite."""
    resize_refused: str
    """The error of one.vm.resize for a VM that is RUNNING."""
    network_context: tuple[str, ...] = _ROUTED_CONTEXT
    """The names that NETWORK=YES adds to the context, after ``ETHn_``."""
    has_infoset: bool = True
    """one.vmpool.infoset exists (5.12)."""
    monitoring_apart: bool = True
    """Monitoring is not a part of the VM (5.12): it has records, and pools do not show it."""
    newer_body: bool = True
    """VMs have SCHED_ACTIONS and BACKUPS, rows have VCPU and drivers, snapshots have a size."""
    plans: bool = False
    """History records have PLAN_ID and ACTION_ID (7.0)."""
    public_clouds: bool = True
    """oned knows public clouds: requirements exclude them, rows show the attribute (6.10)."""
    quota_metrics: tuple[str, ...] = (*_METRICS, "SYSTEM_DISK_SIZE")
    """The quota metrics in the order of oned's checks."""
    cluster_quotas: bool = False
    """An account may have several VM quotas, each with its CLUSTER_IDS (7.0)."""
    device_prefix: str = "sd"
    disk_extra: tuple[tuple[str, str], ...] = ()
    """Members of every disk, in addition to those of all releases."""
    snapshot_result: int | None = None
    """The result of snapshotrevert and snapshotdelete; None means the VM's id."""
    updateconf_append: bool = True
    """one.vm.updateconf has an argument to add instead of replace (6.2)."""
    network_context_kept: bool = True
    """one.vm.updateconf refuses ETHn_… members (6.10)."""
    trims: bool = False
    """Blanks and line breaks are taken from both ends of all attributes that are given (7.4)."""
    vlan_rules: bool = False
    """Groups have VLAN_RULES (7.4)."""
    hard_overrides: bool = True
    """A -hard action may replace the graceful one that still runs (6.0)."""


_7_2 = Profile(
    name="7.2",
    version="7.2.0",
    restricted=(*_RESTRICTED, *_PINNING, "RAW/DATA"),
    search_refused="JSON query search is not supported by the SQL backend",
    resize_refused="Hotplug resize not supported by driver dummy",
    network_context=(*_ROUTED_CONTEXT, "ROUTES"),
    plans=True,
    public_clouds=False,
    quota_metrics=(
        *_METRICS,
        *("SYSTEM_DISK_SIZE", "PCI_DEV", "RUNNING_PCI_DEV", "PCI_NIC", "RUNNING_PCI_NIC"),
    ),
    cluster_quotas=True,
    disk_extra=(
        ("DRIVER", "dummy_format"),
        ("FORMAT", "dummy_format"),
        ("PERSISTENT_SNAPSHOTS", "YES"),
    ),
)

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            name="5.10",
            version="5.10.6",
            restricted=(*_RESTRICTED, "RAW"),
            search_refused="Full text search is not supported by the SQL backend",
            resize_refused="Cannot resize a VM in state RUNNING",
            network_context=(*_NETWORK_CONTEXT, "CONTEXT_FORCE_IPV4", "GATEWAY6"),
            has_infoset=False,
            monitoring_apart=False,
            newer_body=False,
            updateconf_append=False,
            network_context_kept=False,
            hard_overrides=False,
        ),
        Profile(
            name="6.10",
            version="6.10.0.1",
            restricted=(*_RESTRICTED, *_PINNING, "RAW/DATA"),
            search_refused="JSON query search is not supported by the SQL backend",
            resize_refused="Hotplug resize not supported by driver dummy",
            device_prefix="vd",
            disk_extra=(("DRIVER", "dummy_format"), ("FORMAT", "dummy_format")),
            snapshot_result=-1,
        ),
        _7_2,
        replace(_7_2, name="7.4", version="7.4.0", trims=True, vlan_rules=True),
    )
}
"""The releases by name."""
