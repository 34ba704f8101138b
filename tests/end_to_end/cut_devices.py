"""The operations that change the disks and NICs of a VM, for the cut points."""

from collections.abc import Callable

from opennebula_sandbox.frontend.handles import LocalVm
from tests.end_to_end.cut_calls import Lane, Operation


def attach_disk(lane: Lane) -> None:
    lane.vm.attach_disk(TYPE="fs", SIZE="100")


def attach_nic(lane: Lane) -> None:
    lane.vm.attach_nic(NETWORK_ID=str(lane.network))


def resize_disk(lane: Lane) -> None:
    lane.vm.resize_disk(read_number(lane, "DISK"), 250)


def detach_disk(lane: Lane) -> None:
    lane.vm.detach_disk(read_number(lane, "DISK"))


def detach_nic(lane: Lane) -> None:
    lane.vm.detach_nic(read_number(lane, "NIC"))


def read_number(lane: Lane, kind: str) -> int:
    return int(lane.vm.template.vector(kind)[f"{kind}_ID"])


def has(kind: str, number: int) -> Callable[[LocalVm], bool]:
    return lambda vm: len(vm.template.vectors(kind)) == number


def has_new_size(vm: LocalVm) -> bool:
    return vm.template.vector("DISK").get("SIZE") == "250"


DEVICES = {
    "disk-attach": Operation(
        attach_disk, "ATTACHDISK", "RUNNING", "deploy", kind="DISK", has_effect=has("DISK", 1)
    ),
    "disk-resize": Operation(
        resize_disk, "RESIZEDISK", "RUNNING", "disk-attach", kind="DISK", has_effect=has_new_size
    ),
    "disk-detach": Operation(
        detach_disk, "DETACHDISK", "RUNNING", "disk-attach", kind="DISK", has_effect=has("DISK", 0)
    ),
    "nic-attach": Operation(
        attach_nic, "ATTACHNIC", "RUNNING", "deploy", kind="NIC", has_effect=has("NIC", 1)
    ),
    "nic-detach": Operation(
        detach_nic, "DETACHNIC", "RUNNING", "nic-attach", kind="NIC", has_effect=has("NIC", 0)
    ),
}
"""Those that change a VM's disks and NICs."""


def check_devices(lane: Lane, what: str, *, may_lack: bool) -> None:
    """Each local disk and NIC has one remote one, once another one has been attached.

    Until then a remote one may be left whose number no local one has. A VM that was created again
    lacks there what had been attached, as one does whose success was only pretended.
    """
    kind = lane.operation.kind
    attach, message = (attach_disk, "ATTACHDISK") if kind == "DISK" else (attach_nic, "ATTACHNIC")
    lane.mark = len(lane.frontend.log)
    attach(lane)
    assert lane.wait_answered(message), what
    lane.vm.wait("RUNNING")
    (remote_id,) = lane.list_alive()
    devices = lane.cloud.vms[remote_id].template.vectors(kind)
    remote = sorted(d[f"ONE_LOCAL_{kind}"].split(".")[2] for d in devices[1:])
    local = sorted(d[f"{kind}_ID"] for d in lane.vm.template.vectors(kind))
    story = f"{what}: local {kind} {local}, remote {remote}"
    assert local, story
    assert (
        (len(set(remote)) == len(remote) and set(remote) <= set(local))
        if may_lack
        else (remote == local)
    ), story
