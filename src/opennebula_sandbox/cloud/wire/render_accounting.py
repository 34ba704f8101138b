"""Writes accounting records: HISTORY records with the VM in them.

oned keeps the VM in a record as it was when the record was written last. Here it is as it is now.
Source: ``VirtualMachinePool::dump_acct``, ``History::to_xml``.
"""

from collections.abc import Iterable

from opennebula_sandbox.cloud.objects import HistoryRecord, Vm
from opennebula_sandbox.cloud.profile import Profile
from opennebula_sandbox.cloud.wire.render_vm import render_history, render_vm_body

ANY_TIME = -1


def render_accounting(vms: Iterable[Vm], profile: Profile, start: int, end: int) -> str:
    """Return the records that overlap the time from *start* to *end*, oldest VM first."""
    records = (
        _render_record(vm, sequence, record, profile)
        for vm in sorted(vms, key=lambda vm: vm.id)
        for sequence, record in enumerate(vm.history)
        if _overlaps(record, start, end)
    )
    return f"<HISTORY_RECORDS>{''.join(records)}</HISTORY_RECORDS>"


def _overlaps(record: HistoryRecord, start: int, end: int) -> bool:
    begins_late = end != ANY_TIME and record.stime >= end
    ended_before = start != ANY_TIME and 0 < record.etime <= start
    return not (begins_late or ended_before)


def _render_record(vm: Vm, sequence: int, record: HistoryRecord, profile: Profile) -> str:
    body = render_vm_body(vm, profile, history=(), monitoring=False)
    return render_history(vm.id, sequence, record, profile, more=body)
