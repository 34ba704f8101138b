"""One VMM action as a process of its own, as the stock ``one_vmm_sh`` runs it.

The last two arguments are the VM's id and the host's name. stdin is the driver message in
base64, for ``deploy`` the ``<VM>`` alone. Source: ``src/vmm_mad/exec/one_vmm_exec.rb``; argv and
stdin of each release are in the recordings.
"""

import sys
from pathlib import Path
from typing import TextIO

from one2one import runtime
from one2one.driver.attempts import carry_out
from one2one.driver.local import LocalCloud
from one2one.driver.operation import Job, Outcome, Pause, Wait, explain, resume
from one2one.driver.operations import ACTIONS
from one2one.driver.remotes import Remotes
from one2one.driver.watch import FIRST_S, INTERVAL_S, end_wait, read_states
from one2one.hybrid.pass_through import require_passed, unsupported_error
from one2one.hybrid.request import Request
from one2one.mad import messages
from one2one.mad.scripts.ensure import ensure_monitored
from one2one.opennebula.clean import clean_line
from one2one.opennebula.errors import OneError, Refused, to_one_error
from one2one.opennebula.records import Vm
from one2one.opennebula.states import LcmState, State
from one2one.opennebula.xml import parse

_ACTIONS = {
    "attach_disk": "ATTACHDISK",
    "attach_nic": "ATTACHNIC",
    "detach_disk": "DETACHDISK",
    "detach_nic": "DETACHNIC",
    "migrate_local": "MIGRATE",
    "prereconfigure": "UPDATECONF",
    "reconfigure": "UPDATECONF",
    "resize_disk": "RESIZEDISK",
    "snapshot_create": "SNAPSHOTCREATE",
    "snapshot_delete": "SNAPSHOTDELETE",
    "snapshot_revert": "SNAPSHOTREVERT",
}
"""Scripts whose name is not that of the action."""

_OF_DISKS = ("ATTACHDISK", "DETACHDISK", "RESIZEDISK")
_RECONFIGURING = ("prereconfigure", "reconfigure")
_NIC_CHANGES = (LcmState.HOTPLUG_NIC, LcmState.HOTPLUG_NIC_POWEROFF)
_DELIMITERS = ("ERROR MESSAGE --8<------", "ERROR MESSAGE ------>8--")
"""What an error stands between, for the shells of 5.4 to 6.0."""


def main() -> int:
    """Do what the file's own name says; answer on stdout, or one line on stderr and 1."""
    name = Path(sys.argv[0]).name
    payload = sys.stdin.buffer.read().decode(errors="replace")
    try:
        answer = run(name, sys.argv[1:], payload)
    except Exception as error:  # noqa: BLE001 - what oned shows its user is one line
        return _fail(str(to_one_error(error)), payload, sys.stderr)
    if answer:
        print(answer)
    return 0


def run(script: str, argv: list[str], payload: str) -> str:
    """Run one script to its end, and return what to print; raises OneError, fully explained."""
    action = _ACTIONS.get(script, script.upper())
    if action not in ACTIONS:
        raise unsupported_error(action)
    if len(argv) < 2:
        raise OneError("the VM's id and the host's name are missing", remedy="oned gives them")
    if action == "DEPLOY":
        vm = Vm.read(parse(messages.decode_payload(payload)))
        request = Request(action, vm, host_name=argv[-1], deploy_id="")
    else:
        request = messages.parse_request(action, payload)
    job: Job | None = None
    try:
        local = LocalCloud()
        job = Job(request, local, Remotes(local), lambda _: None, runtime.monotonic())
        _require_datastore(job, payload)
        return "" if _is_needless(script, job) else _run(job)
    except Exception as error:  # noqa: BLE001 - after a bug too, it tells the VM and its host
        remote = job.opened if job else None
        raise OneError(explain(to_one_error(error), request, remote), remedy="") from None
    finally:
        ensure_monitored(request.placement.host_id, request.host_name)


def _is_needless(script: str, job: Job) -> bool:
    """Tell whether a script has nothing to do; raises Unsupported where its action is not allowed.

    The shell runs ``prereconfigure`` and ``reconfigure`` for UPDATECONF, and both after the script
    that changes a NIC, for which a remote makes its VM's context itself.
    """
    changes_nic = job.request.vm.state.lcm_state in _NIC_CHANGES
    if script not in _RECONFIGURING or (script == "reconfigure" and not changes_nic):
        return False
    passed = job.open_remote(job.not_before).settings.pass_through
    if ("NIC" if changes_nic else "UPDATECONF") not in passed:
        raise unsupported_error(job.request.action)
    return True


def _require_datastore(job: Job, payload: str) -> None:
    """Raise Refused for a disk of a VM without a datastore, as on a public cloud up to 6.10.

    The stock shell runs the transfer manager against the host's name, before or after the script.
    """
    action = job.request.action
    if action not in _OF_DISKS:
        return
    if parse(messages.decode_payload(payload)).find("DATASTORE") is not None:
        return
    require_passed(action, job.open_remote(job.not_before).settings.pass_through)
    raise Refused(
        f"{action} is not possible with the scripts on a public-cloud host",
        remedy="Use the resident driver: one2one install",
    )


def _run(job: Job) -> str:
    """Carry *job* out to its end, and return what to print."""
    steps = carry_out(job)
    try:
        wait = next(steps)
        while True:
            wait = resume(steps, _wait(wait, job))
    except StopIteration as end:
        return str(end.value)


def _wait(wait: Wait, job: Job) -> Outcome:
    if isinstance(wait, Pause):
        runtime.sleep(wait.seconds)
        return None
    pause = FIRST_S
    while True:
        runtime.sleep(pause)
        pause = min(INTERVAL_S, 2 * pause)
        outcome = end_wait(wait, _read(wait.remote_id, job), runtime.monotonic())
        if outcome is not None:
            return outcome


def _read(remote_id: int, job: Job) -> State | OneError:
    try:
        return read_states(job.remote.cloud, [remote_id])[remote_id]
    except OneError as error:
        return error


def _fail(cause: str, payload: str, stderr: TextIO) -> int:
    lines = [clean_line(cause)]
    if _wants_delimiters(payload):
        lines = [_DELIMITERS[0], *lines, _DELIMITERS[1]]
    print("\n".join(lines), file=stderr)
    return 1


def _wants_delimiters(payload: str) -> bool:
    """Tell whether the shell is that of 5.4 to 6.0; before 5.12 it breaks base64 into lines."""
    if "\n" in payload.strip():
        return True
    try:
        return LocalCloud().get_version() <= (6, 0)
    except OneError:
        return False
