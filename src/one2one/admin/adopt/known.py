"""Which local VMs have a remote VM already, or began to adopt one."""

from collections.abc import Collection
from dataclasses import dataclass, field

from one2one.driver.local import LocalCloud
from one2one.hybrid.naming import find_remote_id
from one2one.hybrid.public_cloud import find_named_vm
from one2one.opennebula.errors import Refused
from one2one.opennebula.pools import VISIBLE
from one2one.opennebula.records import Host, Vm, VmSummary
from one2one.opennebula.states import VmState

_WAITING = (VmState.HOLD, VmState.PENDING)


@dataclass
class Known:
    """The local VMs of a host, by remote VM."""

    linked: dict[int, VmSummary] = field(default_factory=dict)
    """Those whose deploy id names it."""
    begun: dict[int, list[Vm]] = field(default_factory=dict)
    """Those that say that they are to adopt it, oldest first. Any user may say so."""


def read_known(local: LocalCloud, host: Host, remote_ids: Collection[int]) -> Known:
    """Read those of some remote VMs; raises the errors of a call."""
    known, waiting = Known(), []
    for row in sorted(local.cloud.list_summaries(VISIBLE), key=lambda row: row.id):
        remote_id = find_remote_id(row.deploy_id)
        if row.host_id == host.id and remote_id is not None and remote_id in remote_ids:
            known.linked.setdefault(remote_id, row)
            waiting.append(row.id)
        elif remote_id is None and (row.host_id == host.id or row.state.state in _WAITING):
            waiting.append(row.id)
    for vm in sorted(local.cloud.list_few_whole_vms(waiting), key=lambda vm: vm.id):
        remote_id = _find_adopted(vm, host.name)
        if remote_id is not None and vm.state.state != VmState.DONE:
            known.begun.setdefault(remote_id, []).append(vm)
    return known


def _find_adopted(vm: Vm, host_name: str) -> int | None:
    try:
        return find_named_vm(vm.user_template, host_name)
    except Refused:
        return None
