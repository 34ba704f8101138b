"""Writes hosts as XML."""

from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.cloud.profile import Profile
from opennebula_sandbox.cloud.wire.render import render_attribute, render_attributes

_DEVICES = "<PCI_DEVICES></PCI_DEVICES><NUMA_NODES></NUMA_NODES>"
_CAPACITY = ("FREE_CPU", "FREE_MEMORY", "USED_CPU", "USED_MEMORY")


def render_host(subject: Host, profile: Profile, *, monitoring: bool) -> str:
    """Return a HOST; pools show it without *monitoring*."""
    vms = "".join(f"<ID>{vm_id}</ID>" for vm_id in sorted(subject.vms))
    old = not profile.monitoring_apart
    return "".join(
        (
            f"<HOST><ID>{subject.id}</ID><NAME>{subject.name}</NAME>",
            f"<STATE>{subject.state}</STATE><PREV_STATE>{subject.previous_state}</PREV_STATE>",
            render_attribute("IM_MAD", subject.im_mad),
            render_attribute("VM_MAD", subject.vm_mad),
            f"<LAST_MON_TIME>{subject.monitored_at}</LAST_MON_TIME>" if old else "",
            f"<CLUSTER_ID>{subject.cluster_id}</CLUSTER_ID><CLUSTER>{subject.cluster}</CLUSTER>",
            _render_old_share(subject) if old else _render_share(subject),
            f"<VMS>{vms}</VMS><TEMPLATE>{render_attributes(subject.template)}</TEMPLATE>",
            "" if old else _render_monitoring(subject, monitoring),
            "</HOST>",
        )
    )


def _render_share(subject: Host) -> str:
    share = subject.share
    storage = render_attributes(
        (name, "0") for name in ("DISK_USAGE", "FREE_DISK", "MAX_DISK", "USED_DISK")
    )
    return (
        f"<HOST_SHARE><MEM_USAGE>{share.memory_usage}</MEM_USAGE>"
        f"<CPU_USAGE>{share.cpu_usage}</CPU_USAGE>{_render_totals(subject)}"
        f"<MAX_MEM>{share.max_memory}</MAX_MEM><MAX_CPU>{share.max_cpu}</MAX_CPU>"
        f"<RUNNING_VMS>{len(subject.vms)}</RUNNING_VMS><VMS_THREAD>1</VMS_THREAD>"
        f"<DATASTORES>{storage}</DATASTORES>{_DEVICES}</HOST_SHARE>"
    )


def _render_old_share(subject: Host) -> str:
    share = subject.share
    capacity = subject.monitoring.vector("CAPACITY")
    used = {name: capacity.get(name, "0") for name in _CAPACITY}
    return (
        f"<HOST_SHARE><DISK_USAGE>0</DISK_USAGE><MEM_USAGE>{share.memory_usage}</MEM_USAGE>"
        f"<CPU_USAGE>{share.cpu_usage}</CPU_USAGE>{_render_totals(subject)}"
        f"<MAX_DISK>0</MAX_DISK><MAX_MEM>{share.max_memory}</MAX_MEM>"
        f"<MAX_CPU>{share.max_cpu}</MAX_CPU><FREE_DISK>0</FREE_DISK>"
        f"<FREE_MEM>{used['FREE_MEMORY']}</FREE_MEM><FREE_CPU>{used['FREE_CPU']}</FREE_CPU>"
        f"<USED_DISK>0</USED_DISK><USED_MEM>{used['USED_MEMORY']}</USED_MEM>"
        f"<USED_CPU>{used['USED_CPU']}</USED_CPU><RUNNING_VMS>{len(subject.vms)}</RUNNING_VMS>"
        f"<VMS_THREAD>1</VMS_THREAD><DATASTORES></DATASTORES>{_DEVICES}</HOST_SHARE>"
    )


def _render_totals(subject: Host) -> str:
    share = subject.share
    return f"<TOTAL_MEM>{share.total_memory}</TOTAL_MEM><TOTAL_CPU>{share.total_cpu}</TOTAL_CPU>"


def _render_monitoring(subject: Host, wanted: bool) -> str:
    if not wanted or not subject.monitored_at:
        return "<MONITORING/>"
    capacity = render_attribute("CAPACITY", subject.monitoring.vector("CAPACITY"))
    system = render_attribute("SYSTEM", subject.monitoring.vector("SYSTEM"))
    return (
        f"<MONITORING><TIMESTAMP>{subject.monitored_at}</TIMESTAMP><ID>{subject.id}</ID>"
        f"{capacity}{system}</MONITORING>"
    )
