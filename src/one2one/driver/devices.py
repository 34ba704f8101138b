"""Attaching disks and NICs to a remote VM, and detaching them, as to and from its local VM.

Which remote device belongs to a local one is told by its tag (``hybrid.devices``). What an earlier
attempt left, whose local device oned took back, is detached before the next one is attached.
"""

from collections.abc import Callable
from functools import cache, partial

from one2one.driver.hotplug import Call, Result, change
from one2one.driver.operation import Job, Steps
from one2one.hybrid import goals
from one2one.hybrid.devices import (
    DISK,
    NIC,
    Kind,
    LocalDevice,
    RemoteDevice,
    find_left_over,
    find_remote,
)
from one2one.hybrid.mapping import find_mapped_id, not_usable_error
from one2one.opennebula import devices
from one2one.opennebula.client import Caller
from one2one.opennebula.errors import NotAuthorized, NotFound, WrongState
from one2one.opennebula.records import Vm
from one2one.opennebula.resources import Resource
from one2one.opennebula.template import Vector

Get = Callable[[Caller, int], Resource]

_ATTACH = {DISK: devices.attach_disk, NIC: devices.attach_nic}
_DETACH = {DISK: devices.detach_disk, NIC: devices.detach_nic}


def attach(job: Job, local: LocalDevice, describe: Callable[[], Vector]) -> Steps:
    """Attach to the remote VM what *describe* returns, with the tag of *local*.

    *describe* is called only if it has to be attached, and may raise Refused.
    """
    client, kind = job.remote.cloud.client, local.kind
    describe = cache(describe)

    def choose(remote: Vm, accepted: frozenset[str]) -> Call | Result | None:
        if any(device.tag == local.tag for device in find_remote(remote, local)):
            return Result()
        for left in find_left_over(remote, local):
            call = _build_detachment(job, remote, kind, left)
            if call.name not in accepted:
                return call
        wanted = describe() | {kind.tag: local.tag}
        return Call(f"{kind.name}-attach", partial(_attach, client, remote.id, kind, wanted))

    return change(job, choose, goals.CHANGEABLE_OR_OFF)


def detach(job: Job, local: LocalDevice) -> Steps:
    """Detach what belongs to *local*; a device that the remote VM lacks counts as detached."""

    def choose(remote: Vm, _: frozenset[str]) -> Call | Result | None:
        found = find_remote(remote, local)
        return _build_detachment(job, remote, local.kind, found[0]) if found else Result()

    return change(job, choose, goals.CHANGEABLE_OR_OFF)


def find_mapped(job: Job, get: Get, local_id: int) -> Resource:
    """Return the remote image or network that stands for a local one.

    Raises Refused where there is none, or the account may not use it; and the errors of a call.
    """
    host_name = job.request.host_name
    local = get(job.local.cloud.client, local_id)
    by_users = job.remote.settings.user_mappings
    remote_id = find_mapped_id(local, host_name, by_users=by_users)
    try:
        return get(job.remote.cloud.client, remote_id)
    except (NotFound, NotAuthorized) as error:
        raise not_usable_error(local, remote_id, host_name, error) from None


def _attach(client: Caller, remote_id: int, kind: Kind, wanted: Vector) -> None:
    try:
        _ATTACH[kind](client, remote_id, wanted)
    except WrongState as error:
        if address := wanted.get("IP"):
            error.remedy = f"Free {address} there if it is in use: the NIC has it here"
        raise


def _build_detachment(job: Job, remote: Vm, kind: Kind, device: RemoteDevice) -> Call:
    call = partial(_DETACH[kind], job.remote.cloud.client, remote.id, device.number)
    return Call(f"{kind.name}-detach {device.number}", call)
