"""The operations that change a VM's snapshots, size and context, for the cut points."""

from collections.abc import Callable

from tests.end_to_end.cut_calls import Lane, Operation

SIZE = "0.5"
GREETING = "bye"


def create_snapshot(lane: Lane) -> None:
    lane.vm.snapshot("before")


def revert_snapshot(lane: Lane) -> None:
    lane.vm.revert_snapshot(0)


def delete_snapshot(lane: Lane) -> None:
    lane.vm.delete_snapshot(0)


def resize(lane: Lane) -> None:
    lane.vm.resize(CPU=SIZE)


def resize_and_start(lane: Lane) -> None:
    lane.vm.resize(CPU=SIZE)
    lane.vm.act("resume")


def update_context(lane: Lane) -> None:
    lane.vm.update_context(GREETING=GREETING, COST="5 $")


def update_context_and_start(lane: Lane) -> None:
    update_context(lane)
    lane.vm.act("resume")


CHANGES = {
    "snapshot-create": Operation(
        create_snapshot,
        "SNAPSHOTCREATE",
        "RUNNING",
        "deploy",
        kind="SNAPSHOT",
        has_effect=lambda vm: len(vm.template.vectors("SNAPSHOT")) == 1,
    ),
    "snapshot-revert": Operation(
        revert_snapshot, "SNAPSHOTREVERT", "RUNNING", "snapshot-create", kind="SNAPSHOT"
    ),
    "snapshot-delete": Operation(
        delete_snapshot,
        "SNAPSHOTDELETE",
        "RUNNING",
        "snapshot-create",
        kind="SNAPSHOT",
        has_effect=lambda vm: not vm.template.vectors("SNAPSHOT"),
    ),
    "resize": Operation(
        resize,
        "RESIZE",
        "RUNNING",
        "deploy",
        kind="RESIZE",
        has_effect=lambda vm: vm.template.text("CPU") == SIZE,
    ),
    "power on after a resize": Operation(
        resize_and_start, "DEPLOY", "RUNNING", "poweroff", kind="RESIZE"
    ),
    "updateconf": Operation(update_context, "UPDATECONF", "RUNNING", "deploy", kind="UPDATECONF"),
    "power on after an updateconf": Operation(
        update_context_and_start, "DEPLOY", "RUNNING", "poweroff", kind="UPDATECONF"
    ),
}
"""Those that change a VM's snapshots, size and context."""


def check_snapshots(lane: Lane, what: str, *, may_lack: bool) -> None:
    """Each local snapshot has one remote one, once another one has been made."""
    ask(lane, create_snapshot, "SNAPSHOTCREATE", what)
    (remote_id,) = lane.list_alive()
    names = [s["NAME"] for s in lane.cloud.vms[remote_id].template.vectors("SNAPSHOT")]
    remote = sorted(name.split(".")[1] for name in names)
    local = sorted(s["SNAPSHOT_ID"] for s in lane.vm.template.vectors("SNAPSHOT"))
    story = f"{what}: local snapshots {local}, remote {remote}"
    assert local, story
    assert len(set(remote)) == len(remote), story
    assert (set(remote) <= set(local)) if may_lack else (remote == local), story


def check_followed(lane: Lane, what: str, *, may_lack: bool) -> None:
    """A remote VM has the size and the context of its local VM, once that was started again.

    One that was created again may have the size of its template.
    """
    ask(lane, lambda lane: lane.vm.act("poweroff-hard"), "CANCEL", what)
    lane.vm.wait("POWEROFF")
    ask(lane, lambda lane: lane.vm.act("resume"), "DEPLOY", what)
    (remote_id,) = lane.list_alive()
    remote, local = lane.cloud.vms[remote_id].template, lane.vm.template
    sizes = local.text("CPU"), remote.text("CPU")
    contexts = [template.vector("CONTEXT").get("GREETING") for template in (local, remote)]
    story = f"{what}: sizes {sizes}, contexts {contexts}"
    assert sizes[0] == sizes[1] or may_lack, story
    assert contexts[0] == contexts[1], story


def ask(lane: Lane, begin: Callable[[Lane], None], message: str, what: str) -> None:
    """Have something done to the VM, and wait until the driver has answered."""
    lane.mark = len(lane.frontend.log)
    begin(lane)
    assert lane.wait_answered(message), what
