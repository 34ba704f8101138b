"""Writes VMs as XML: the full body, and the short row in pools."""

from collections.abc import Iterable

from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.cloud.objects import HistoryRecord, Vm
from opennebula_sandbox.cloud.profile import Profile
from opennebula_sandbox.cloud.wire.render import (
    render_attribute,
    render_attributes,
    render_owner,
    render_permissions,
)

_ROW_DISK = (
    *("DISK_ID", "DATASTORE", "DATASTORE_ID", "IMAGE", "IMAGE_ID", "SIZE", "TYPE", "CLONE"),
    *("CLONE_TARGET", "LN_TARGET", "DISK_SNAPSHOT_TOTAL_SIZE"),
)
_ROW_NIC = ("IP", "MAC", "NETWORK", "NETWORK_ID", "NIC_ID", "SECURITY_GROUPS")
_ROW_ATTRIBUTES = frozenset(
    (
        *("LABELS", "SCHED_RANK", "SCHED_DS_RANK", "USER_PRIORITY"),
        *("SCHED_REQUIREMENTS", "SCHED_DS_REQUIREMENTS"),
    )
)
_NEWER_ROW_ATTRIBUTES = frozenset({"ERROR", "SCHED_MESSAGE"})


def render_vm_body(
    vm: Vm, profile: Profile, *, history: Iterable[tuple[int, HistoryRecord]], monitoring: bool
) -> str:
    """Return the full body of *vm*, with *history* records by their sequence number."""
    records = "".join(render_history(vm.id, seq, record, profile) for seq, record in history)
    history_xml = (
        f"<HISTORY_RECORDS>{records}</HISTORY_RECORDS>" if records else "<HISTORY_RECORDS/>"
    )
    values = render_attributes(vm.monitoring) if monitoring else ""
    newer = profile.newer_body
    return "".join(
        (
            f"<VM>{render_owner(vm)}{render_permissions(vm.permissions)}",
            f"<LAST_POLL>{vm.last_poll if monitoring else 0}</LAST_POLL>",
            f"<STATE>{vm.state.state}</STATE><LCM_STATE>{vm.state.lcm_state}</LCM_STATE>",
            f"<PREV_STATE>{vm.state.state}</PREV_STATE>",
            f"<PREV_LCM_STATE>{vm.state.lcm_state}</PREV_LCM_STATE>",
            _render_life(vm),
            f"<MONITORING>{values}</MONITORING>",
            "<SCHED_ACTIONS></SCHED_ACTIONS>" if newer else "",
            f"<TEMPLATE>{render_attributes(vm.template)}</TEMPLATE>",
            f"<USER_TEMPLATE>{render_attributes(vm.user_template)}</USER_TEMPLATE>",
            history_xml,
            "<BACKUPS><BACKUP_CONFIG/><BACKUP_IDS></BACKUP_IDS></BACKUPS>" if newer else "",
            "</VM>",
        )
    )


def render_vm_row(vm: Vm, profile: Profile) -> str:
    """Return the short body of *vm* in one.vmpool.info."""
    template = vm.template
    newer = profile.newer_body
    vcpu = f"<VCPU>{template.text('VCPU')}</VCPU>" if newer else ""
    devices = "".join(
        f"<{kind}>{_render_members(device, keys)}</{kind}>"
        for kind, keys in (("DISK", _ROW_DISK), ("NIC", _ROW_NIC))
        for device in template.vectors(kind)
    )
    shown = _ROW_ATTRIBUTES | ({"PUBLIC_CLOUD"} if profile.public_clouds else set())
    if newer:
        shown |= _NEWER_ROW_ATTRIBUTES
    user_template = render_attributes(
        item for item in vm.user_template if item[0] in shown and item[1]
    )
    history_xml = "<HISTORY_RECORDS/>"
    if vm.history:
        record = _render_row_history(vm.id, len(vm.history) - 1, vm.history[-1], newer)
        history_xml = f"<HISTORY_RECORDS>{record}</HISTORY_RECORDS>"
    last_poll = 0 if profile.monitoring_apart else vm.last_poll
    return "".join(
        (
            f"<VM>{render_owner(vm)}<LAST_POLL>{last_poll}</LAST_POLL>",
            f"<STATE>{vm.state.state}</STATE><LCM_STATE>{vm.state.lcm_state}</LCM_STATE>",
            _render_life(vm),
            f"<TEMPLATE><CPU>{template.text('CPU')}</CPU>",
            f"<MEMORY>{template.text('MEMORY')}</MEMORY>{vcpu}{devices}",
            "".join(render_attribute("GRAPHICS", g) for g in template.vectors("GRAPHICS")),
            f"</TEMPLATE>{_render_row_monitoring(vm.monitoring, profile)}",
            f"<USER_TEMPLATE>{user_template}</USER_TEMPLATE>{history_xml}</VM>",
        )
    )


def _render_life(vm: Vm) -> str:
    return (
        f"<RESCHED>{vm.resched}</RESCHED><STIME>{vm.stime}</STIME><ETIME>{vm.etime}</ETIME>"
        f"<DEPLOY_ID>{vm.deploy_id}</DEPLOY_ID>"
    )


def render_history(
    vm_id: int, seq: int, record: HistoryRecord, profile: Profile, *, more: str = ""
) -> str:
    """Return a HISTORY record, with *more* at its end."""
    plan = "<PLAN_ID>-1</PLAN_ID><ACTION_ID>0</ACTION_ID>" if profile.plans else ""
    return (
        f"<HISTORY><OID>{vm_id}</OID><SEQ>{seq}</SEQ><HOSTNAME>{record.host_name}</HOSTNAME>"
        f"<HID>{record.host_id}</HID><CID>{record.cluster_id}</CID>"
        f"<STIME>{record.stime}</STIME><ETIME>{record.etime}</ETIME>"
        f"{render_attribute('VM_MAD', record.vm_mad)}{render_attribute('TM_MAD', record.tm_mad)}"
        f"<DS_ID>{record.datastore_id}</DS_ID>{plan}"
        f"<PSTIME>{record.pstime}</PSTIME><PETIME>{record.petime}</PETIME>"
        f"<RSTIME>{record.rstime}</RSTIME><RETIME>{record.retime}</RETIME>"
        f"<ESTIME>{record.estime}</ESTIME><EETIME>{record.eetime}</EETIME>"
        f"<ACTION>{record.action}</ACTION><UID>{record.uid}</UID><GID>{record.gid}</GID>"
        f"<REQUEST_ID>{record.request_id}</REQUEST_ID>{more}</HISTORY>"
    )


def _render_members(device: Vector, names: Iterable[str]) -> str:
    return "".join(render_attribute(name, device[name]) for name in names if name in device)


def _render_row_history(vm_id: int, seq: int, record: HistoryRecord, newer: bool) -> str:
    drivers = render_attribute("VM_MAD", record.vm_mad) + render_attribute("TM_MAD", record.tm_mad)
    return (
        f"<HISTORY><OID>{vm_id}</OID><SEQ>{seq}</SEQ>"
        f"{render_attribute('HOSTNAME', record.host_name)}<HID>{record.host_id}</HID>"
        f"<CID>{record.cluster_id}</CID>"
        f"<DS_ID>{record.datastore_id}</DS_ID>{drivers if newer else ''}"
        f"{render_attribute('ACTION', str(record.action))}</HISTORY>"
    )


def _render_row_monitoring(monitoring: Template, profile: Profile) -> str:
    if profile.monitoring_apart or not len(monitoring):
        return "<MONITORING/>"
    values = "".join(
        render_attribute(key, monitoring.text(key)) for key in ("CPU", "MEMORY", "STATE")
    )
    return f"<MONITORING>{values}</MONITORING>"
