"""The calls one.vmpool.…, one.host.… and one.hostpool.…."""

from opennebula_sandbox.cloud.accounts import Right, User
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal, no_such_error, not_authorized_error
from opennebula_sandbox.cloud.wire.render_host import render_host

_ALL_STATES = -2


def info(
    oned: RemoteOned, user: User, whose: int, start: int, end: int, state: int, query: str = ""
) -> bytes:
    """Answer one.vmpool.info."""
    return _render_pool(oned, _find(oned, user, whose, start, end, state, query), extended=False)


def info_extended(
    oned: RemoteOned, user: User, whose: int, start: int, end: int, state: int, query: str = ""
) -> bytes:
    """Answer one.vmpool.infoextended."""
    return _render_pool(oned, _find(oned, user, whose, start, end, state, query), extended=True)


def info_set(oned: RemoteOned, user: User, ids: str, extended: bool) -> bytes:
    """Answer one.vmpool.infoset; it ignores wrong ids and unknown ids."""
    numbers = {int(word) for word in ids.split(",") if word.strip().isdecimal()}
    vms = [vm for vm_id in sorted(numbers, reverse=True) if (vm := oned.vms.get(vm_id))]
    visible = oned.order_pool(vm for vm in vms if user.may(Right.USE, vm))
    return _render_pool(oned, visible, extended=extended)


def monitoring(oned: RemoteOned, user: User, whose: int, seconds: int = -1) -> str:
    """Answer one.vmpool.monitoring: all VMs, also those in DONE, oldest first."""
    seconds = seconds if oned.profile.monitoring_apart else -1
    vms = oned.vms.select(user, whose, -1, -1, _ALL_STATES)
    records = "".join(oned.usage.render_records(vm, seconds) for vm in reversed(vms))
    return f"<MONITORING_DATA>{records}</MONITORING_DATA>"


def host_info(oned: RemoteOned, user: User, host_id: int, *_decrypt: bool) -> str:
    """Answer one.host.info."""
    if not 0 <= host_id < len(oned.hosts):
        raise no_such_error("host", host_id)
    if not user.is_admin:
        raise not_authorized_error(user.id, f"Not authorized to perform USE HOST [{host_id}]")
    return render_host(oned.hosts[host_id], oned.profile, monitoring=True)


def host_pool(oned: RemoteOned, user: User) -> str:
    """Answer one.hostpool.info; ordinary users see no hosts."""
    hosts = oned.hosts if user.is_admin else []
    listed = "".join(render_host(host, oned.profile, monitoring=False) for host in hosts)
    return f"<HOST_POOL>{listed}</HOST_POOL>"


def _find(
    oned: RemoteOned, user: User, whose: int, start: int, end: int, state: int, query: str
) -> list[Vm]:
    if query:
        raise Refusal(ErrorCode.INTERNAL, oned.profile.search_refused)
    return oned.order_pool(oned.vms.select(user, whose, start, end, state))


def _render_pool(oned: RemoteOned, vms: list[Vm], *, extended: bool) -> bytes:
    listed = b"".join(oned.vms.render_entry(vm, extended=extended) for vm in vms)
    return b"&lt;VM_POOL&gt;%s&lt;/VM_POOL&gt;" % listed


METHODS = {
    "one.vmpool.info": Method(info, (int, int, int, int), (str,)),
    "one.vmpool.infoextended": Method(info_extended, (int, int, int, int), (str,)),
    "one.vmpool.infoset": Method(info_set, (str, bool)),
    "one.vmpool.monitoring": Method(monitoring, (int,), (int,)),
    "one.host.info": Method(host_info, (int,), (bool,)),
    "one.hostpool.info": Method(host_pool),
}
