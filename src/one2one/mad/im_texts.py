"""What the monitoring messages say, in OpenNebula's template text.

CPU is in percent of a core, memory in KB. Source of the attributes: ``Host::update_info``,
``InformationManager::_vm_state`` and ``MonitorDriverProtocol::_monitor_vm``.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping

from one2one.driver.round import VmReport, VmUsage
from one2one.hybrid.capacity import HostCapacity
from one2one.hybrid.mirror import Report
from one2one.hybrid.usage import Usage
from one2one.hybrid.wild import WildVm
from one2one.opennebula.template import Template, Vector, to_text

_KIND = {"HYPERVISOR": "opennebula", "PUBLIC_CLOUD": "YES", "PRIORITY": "-1"}


def format_system_host(capacity: HostCapacity, wilds: Iterable[WildVm]) -> str:
    """Return a SYSTEM_HOST: without both totals oned would set the host's capacity to 0."""
    totals = {"TOTALCPU": capacity.total_cpu, "TOTALMEMORY": capacity.total_memory}
    vms = [("VM", _format_wild(wild)) for wild in wilds]
    return to_text(Template([*_KIND.items(), *_as_texts(totals), *vms]))


def format_monitor_host(capacity: HostCapacity) -> str:
    """Return a MONITOR_HOST."""
    return to_text(Template([*_KIND.items(), *_as_texts(_list_use(capacity))]))


def format_state_vm(reports: Iterable[VmReport]) -> str:
    """Return a STATE_VM, never with SYNC_STATE: oned would judge by itself what is missing."""
    return to_text(
        Template(("VM", _identify(report, STATE=report.report.value)) for report in reports)
    )


def format_monitor_vm(usages: Iterable[VmUsage]) -> str:
    """Return a MONITOR_VM."""
    return to_text(
        Template(
            ("VM", _identify(usage, MONITOR=b64encode(to_text(usage.usage).encode()).decode()))
            for usage in usages
        )
    )


def format_monitor(
    host_name: str,
    capacity: HostCapacity,
    reports: Mapping[int, Report],
    usages: Iterable[VmUsage],
    wilds: Iterable[WildVm],
) -> str:
    """Return what 5.6 to 5.10 ask for at once.

    *reports* has every VM of the host: oned takes one that is not mentioned for lost.
    """
    used = {usage.vm_id: usage.usage for usage in usages}
    totals = {"TOTALCPU": capacity.total_cpu, "TOTALMEMORY": capacity.total_memory}
    vms: list[tuple[str, Vector]] = [
        ("VM", {"ID": str(vm_id), "POLL": _format_poll(report, used.get(vm_id, {}))})
        for vm_id, report in reports.items()
    ]
    vms += [("VM", _format_wild(wild) | {"POLL": "STATE=-"}) for wild in wilds]
    host = [*_KIND.items(), ("HOSTNAME", host_name), *_as_texts(totals | _list_use(capacity))]
    return to_text(Template([*host, ("VM_POLL", "YES"), *vms]))


def _format_poll(report: Report, usage: Usage) -> str:
    values = (f'{name}="{value}"' for name, value in usage.items())
    return " ".join([f"STATE={report.letter}", *values])


def _format_wild(wild: WildVm) -> Vector:
    return {
        "ID": "-1",
        "DEPLOY_ID": wild.deploy_id,
        "VM_NAME": wild.name,
        "IMPORT_TEMPLATE": b64encode(wild.import_template.encode()).decode(),
    }


def _identify(vm: VmReport | VmUsage, **values: str) -> Vector:
    return {"ID": str(vm.vm_id), "DEPLOY_ID": vm.deploy_id} | values


def _list_use(capacity: HostCapacity) -> dict[str, int]:
    return {
        "USEDCPU": capacity.used_cpu,
        "USEDMEMORY": capacity.used_memory,
        "FREECPU": capacity.free_cpu,
        "FREEMEMORY": capacity.free_memory,
    }


def _as_texts(numbers: Mapping[str, int]) -> Iterable[tuple[str, str]]:
    return ((name, str(number)) for name, number in numbers.items())
