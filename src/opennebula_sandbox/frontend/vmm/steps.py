"""The steps of each action in the stock shell: scripts, network and transfer steps.

Source: ``src/vmm_mad/exec/one_vmm_exec.rb``. Network and transfer steps do nothing here,
because hybrid VMs have dummy networks and datastores, or none.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from one2one.opennebula.xml import Element, read_text
from opennebula_sandbox.frontend.release import Release

DRIVERS = {
    "vmm": "virtualization driver",
    "file": "virtualization driver",
    "vnm": "network driver",
    "tm": "transfer manager driver",
}


class Step(NamedTuple):
    """A step: a script (``vmm``), or a step that only writes a log line."""

    driver: str
    action: str
    """The name in the log."""
    arguments: tuple[str, ...] = ()
    """The script's arguments before VM id and host, as names of ``Composition.values``."""
    script: str = ""
    """The file of the script; empty if it has the name of the action."""
    rollback: tuple["Step", ...] = ()
    no_fail: bool = False


@dataclass
class Composition:
    """The steps of one action, and its answer."""

    steps: list[Step]
    values: dict[str, str] = field(default_factory=dict)
    answers: bool = True
    """Whether the answer contains the output of the first script."""
    bare: bool = False
    """Whether the action is only one script: no quoted arguments, no log line on success."""
    refusal: str = ""
    """The reason if the action fails before its first step."""


def _script_step(action: str, *arguments: str, rollback: tuple[Step, ...] = ()) -> Step:
    return Step("vmm", action, arguments, rollback=rollback)


_PRE, _POST, _CLEAN = (Step("vnm", name) for name in ("pre", "post", "clean"))
_CONTEXT = Step("tm", "tm_context")
_DELETE = Step("tm", "tm_delete")
_CANCEL = _script_step("cancel", "deploy_id", "host")._replace(no_fail=True)
_BEFORE = _script_step("prereconfigure", "deploy_id", "context_target")
_RECONFIGURE = _script_step("reconfigure", "deploy_id", "context_target", "disk_target_path")
_ATTACH_NIC = _script_step("attach_nic", "deploy_id", "mac", "bridge", "model", "vn_mad", "target")
_DETACH_NIC = _script_step("detach_nic", "deploy_id", "mac")
_FIELDS = (
    *("HOST", "MIGR_HOST", "DEPLOY_ID", "LOCAL_DEPLOYMENT_FILE", "CHECKPOINT_FILE"),
    *("TM_COMMAND", "DISK_TARGET_PATH"),
)
_DISK = ("deploy_id", "disk_target_path", "disk_target", "disk_index")

_STEPS: dict[str, tuple[Step, ...]] = {
    "DEPLOY": (_CONTEXT, _PRE, _script_step("deploy", "local_deployment_file", "host"), _POST),
    "SHUTDOWN": (_script_step("shutdown", "deploy_id", "host"), _CLEAN),
    "CANCEL": (_script_step("cancel", "deploy_id", "host"), _CLEAN),
    "SAVE": (_script_step("save", "deploy_id", "checkpoint_file", "host"), _CLEAN),
    "RESTORE": (
        _CONTEXT,
        _PRE,
        _script_step("restore", "checkpoint_file", "host", "deploy_id"),
        _POST,
    ),
    "REBOOT": (_script_step("reboot", "deploy_id", "host"),),
    "RESET": (_script_step("reset", "deploy_id", "host"),),
    "MIGRATE": (
        Step("tm", "tm_premigrate"),
        _PRE,
        _script_step("migrate", "deploy_id", "migr_host", "host"),
        _CLEAN,
        _POST,
        Step("tm", "tm_postmigrate"),
    ),
    "ATTACHDISK": (
        Step("tm", "tm_attach"),
        _script_step("attach_disk", *_DISK, "message", rollback=(Step("tm", "tm_detach"),)),
    ),
    "DETACHDISK": (_script_step("detach_disk", *_DISK), Step("tm", "tm_detach")),
    "RESIZEDISK": (
        Step("tm", "tm_resize"),
        _script_step("resize_disk", "deploy_id", "disk_id", "disk_size", "message", "host"),
    ),
    "ATTACHNIC": (
        *(_PRE, _ATTACH_NIC, _POST),
        *(_BEFORE._replace(rollback=(_DETACH_NIC,)), _CONTEXT, _RECONFIGURE),
    ),
    "DETACHNIC": (_DETACH_NIC, _CLEAN, _BEFORE, _CONTEXT, _RECONFIGURE),
    "UPDATECONF": (_BEFORE, _CONTEXT, _RECONFIGURE),
    "CLEANUP": (_CANCEL, _CLEAN, _DELETE),
    "SNAPSHOTCREATE": (_script_step("snapshot_create", "deploy_id", "snapshot_id"),),
    "SNAPSHOTREVERT": (_script_step("snapshot_revert", "deploy_id", "hypervisor_id"),),
    "SNAPSHOTDELETE": (_script_step("snapshot_delete", "deploy_id", "hypervisor_id"),),
    "RESIZE": (_script_step("resize", "deploy_id"),),
    "POLL": (_script_step("poll", "deploy_id", "host"),),
}
_BARE = ("SNAPSHOTCREATE", "SNAPSHOTREVERT", "SNAPSHOTDELETE", "RESIZE", "POLL")
_EXPECTED = {
    "ATTACHDISK": ("TM_COMMAND", "VM/TEMPLATE/DISK[ATTACH='YES']/TARGET"),
    "DETACHDISK": ("TM_COMMAND", "VM/TEMPLATE/DISK[ATTACH='YES']/TARGET"),
    "RESIZEDISK": ("TM_COMMAND", "VM/TEMPLATE/DISK[RESIZE='YES']/SIZE"),
}
_WITHOUT_OUTPUT = ("CLEANUP", "UPDATECONF")


def compose(action: str, message: Element, encoded: str, release: Release) -> Composition | None:
    """Return the steps of *action*; None if the shell never answers it.

    The shell does not know other actions. ATTACHDISK without a rollback command, as for a
    public cloud, ends the shell's thread with an error, and no answer follows.
    """
    if action == "DISKSNAPSHOTCREATE":
        return Composition([], refusal=f"Cannot perform a live {action} operation")
    if action not in _STEPS:
        return None
    for path in _EXPECTED.get(action, ()):
        if not read_text(message, path):
            return Composition([], refusal=f"Cannot perform {action}, expecting {path}")
    if action == "ATTACHDISK" and not read_text(message, "TM_COMMAND_ROLLBACK"):
        return None
    values = _read_values(message) | {"message": encoded}
    if action == "ATTACHNIC" and not all(values[n] for n in ("mac", "bridge", "target", "vn_mad")):
        missing = "Missing VN_MAD, BRIDGE, TARGET or MAC in VM NIC"
        return Composition([], refusal=missing)
    steps = [step for step in _STEPS[action] if _is_needed(step, values)]
    if action == "SNAPSHOTREVERT" and release.version >= (6, 8):
        revert = steps[0]._replace(action=action, script="snapshot_revert")
        return Composition([revert, _POST], values, answers=False)
    if action == "DEPLOY" and release.version >= (6, 0):
        steps = _add_deploy_steps(steps, values["local_deployment_file"])
    return Composition(steps, values, answers=action not in _WITHOUT_OUTPUT, bare=action in _BARE)


def _add_deploy_steps(steps: list[Step], deployment_file: str) -> list[Step]:
    """Add the steps of 6.0 and later for the VM's directory."""
    directory = deployment_file.rpartition("/")[0]
    files = [
        Step("file", "/bin/mkdir -p"),
        Step("file", f"/bin/cat - >{directory}/vm.xml"),
        Step("file", f"/bin/cat - >{directory}/ds.xml"),
    ]
    at = next(index for index, step in enumerate(steps) if step.action == "deploy")
    deploy = steps[at]._replace(rollback=(_CLEAN,))
    return [*steps[:at], *files, deploy, *steps[at + 1 :]]


def _is_needed(step: Step, values: dict[str, str]) -> bool:
    if step in (_CONTEXT, _DELETE):
        return bool(values["tm_command"])
    return step is not _CANCEL or bool(values["deploy_id"])


def _read_values(message: Element) -> dict[str, str]:
    nic, disk = "VM/TEMPLATE/NIC[ATTACH='YES']", "VM/TEMPLATE/DISK"
    snapshot = "VM/TEMPLATE/SNAPSHOT[ACTIVE='YES']"
    paths = {name.lower(): name for name in _FIELDS} | {
        "mac": f"{nic}/MAC",
        "bridge": f"{nic}/BRIDGE",
        "vn_mad": f"{nic}/VN_MAD",
        "target": f"{nic}/TARGET",
        "model": f"{nic}/MODEL",
        "context_target": "VM/TEMPLATE/CONTEXT/TARGET",
        "disk_target": f"{disk}[ATTACH='YES']/TARGET",
        "disk_id": f"{disk}[RESIZE='YES']/DISK_ID",
        "disk_size": f"{disk}[RESIZE='YES']/SIZE",
        "snapshot_id": f"{snapshot}/SNAPSHOT_ID",
        "hypervisor_id": f"{snapshot}/HYPERVISOR_ID",
    }
    values = {name: read_text(message, path).strip() for name, path in paths.items()}
    values["model"] = values["model"] or "-"
    values["disk_index"] = str(ord(values["disk_target"][-1:] or "a") - ord("a"))
    return values
