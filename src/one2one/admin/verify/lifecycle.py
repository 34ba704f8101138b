"""Tries the whole life of a VM in the remote, and whether monitoring follows it."""

from collections.abc import Iterator

from one2one.admin.verify.result import Result, failure, success, warning
from one2one.admin.verify.trial import Step, Trial
from one2one.hybrid.naming import parse_deploy_id
from opennebula_sandbox.frontend.handles import LocalVm

CONTEXT = {
    "ONE2ONE_MONEY": "cost $5 ${HOME} $$ $NAME",
    "ONE2ONE_QUOTES": 'say "hi" & it\'s <this> , = [ ] # \\',
    "ONE2ONE_LINES": "two\nlines\tand a tab ",
    "ONE2ONE_FAR": "é 漢",
}
_USAGE_S = 90.0
"""The most seconds until a cloud monitors a VM: three times MONITOR_VM of monitord.conf."""
_SOFT = "Its guests do not follow the power button: use the hard variant, or install acpid in them"
_BACK = "A VM that was off there does not come back"

_DEPLOY = Step("deploy", "deploy", "PENDING", "RUNNING", "No VM can be made there")
_TERMINATE = Step("terminate", "terminate", "RUNNING", "DONE", _SOFT)
STEPS = (
    Step("suspend", "suspend", "RUNNING", "SUSPENDED", "Its hypervisor cannot save a VM's memory"),
    Step("resume, suspended", "resume", "SUSPENDED", "RUNNING", _BACK),
    Step("poweroff", "poweroff", "RUNNING", "POWEROFF", _SOFT),
    Step("resume, powered off", "resume", "POWEROFF", "RUNNING", _BACK),
    Step("poweroff, hard", "poweroff-hard", "RUNNING", "POWEROFF", "VMs there cannot be stopped"),
    Step("resume, cut off", "resume", "POWEROFF", "RUNNING", _BACK),
    Step("reboot", "reboot", "RUNNING", "RUNNING", _SOFT),
    Step("reboot, hard", "reboot-hard", "RUNNING", "RUNNING", "VMs there cannot be reset"),
    Step("undeploy", "undeploy", "RUNNING", "UNDEPLOYED", _SOFT),
    Step("deploy again", "redeploy", "UNDEPLOYED", "RUNNING", _BACK),
    Step("undeploy, hard", "undeploy-hard", "RUNNING", "UNDEPLOYED", "VMs stay on its hosts"),
    Step("deploy, cut off", "redeploy", "UNDEPLOYED", "RUNNING", _BACK),
    Step("stop", "stop", "RUNNING", "STOPPED", "Its hypervisor cannot save a VM's memory"),
    Step("resume, stopped", "redeploy", "STOPPED", "RUNNING", _BACK),
)
_RECOVERED = (
    Step("recreate", "recover-recreate", "RUNNING", "PENDING", "A broken VM cannot be replaced"),
    Step("deploy, recreated", "deploy", "PENDING", "RUNNING", "A broken VM cannot be replaced"),
    Step("delete", "recover-delete", "RUNNING", "DONE", "A broken VM cannot be deleted"),
)


def try_life(trial: Trial) -> Iterator[Result]:
    """Do every operation with one VM, in an order in which users might do them."""
    with trial.vm(**CONTEXT) as vm:
        yield from trial.steps(vm, [_DEPLOY])
        trial.works = vm.state == "RUNNING"
        if not trial.works:
            return
        yield _check_context(trial, vm)
        yield from trial.steps(vm, STEPS)
        yield _check_usage(trial, vm)
        yield _check_mirror(trial, vm)
        yield from trial.steps(vm, [_TERMINATE])


def try_recovery(trial: Trial) -> Iterator[Result]:
    """Replace a VM, and delete it."""
    with trial.vm() as vm:
        yield from trial.steps(vm, [_DEPLOY])
        first = trial.list_made_for(vm)
        for step in _RECOVERED:
            yield from trial.steps(vm, [step])
        left = trial.list_made_for(vm)
    if left:
        yield failure("replaced VMs", f"{first} became {left}", "Deleted VMs live on there")
    else:
        yield success("replaced VMs", "none lives on")


def check_host(trial: Trial) -> Iterator[Result]:
    """Look at what the host offers."""
    host = trial.sides.host
    try:
        host.wait("MONITORED", trial.patience)
    except TimeoutError:
        reason = host.error or f"the host is {host.state}"
        yield failure("host", reason, "The host goes into ERROR, and no VM gets there")
        return
    cpu, memory = host.capacity
    yield success("host", f"it offers {cpu / 100:g} cores and {memory >> 10} MB")


def _check_context(trial: Trial, vm: LocalVm) -> Result:
    arrived = trial.sides.remote.get_vm(parse_deploy_id(vm.deploy_id)).template.vector("CONTEXT")
    changed = [name for name, value in CONTEXT.items() if arrived.get(name, "") != value]
    if changed:
        return failure("context", f"{', '.join(changed)} changed", "Guests are set up wrongly")
    return success("context", "it arrives byte for byte")


def _check_usage(trial: Trial, vm: LocalVm) -> Result:
    def has_usage() -> bool:
        return bool(vm.monitoring.text("CPU") or vm.monitoring.text("MEMORY"))

    if not trial.sides.frontend.pools.wait_for(has_usage, min(trial.patience, _USAGE_S)):
        meaning = "What VMs use is not shown. The remote has no monitoring records of this one"
        return warning("usage", "none is told", meaning)
    used = f"CPU {vm.monitoring.text('CPU')} %, MEMORY {vm.monitoring.text('MEMORY')} KB"
    return success("usage", used)


def _check_mirror(trial: Trial, vm: LocalVm) -> Result:
    trial.sides.remote.vm_action("poweroff-hard", parse_deploy_id(vm.deploy_id))
    if not trial.wait_local(vm, "POWEROFF"):
        return failure(
            "followed", f"the VM is off there, and {vm.state} here", "States there are not followed"
        )
    problem = trial.perform(vm, "resume", "RUNNING")
    if problem:
        return failure("followed", problem, _BACK)
    return success("followed", "what happens to a VM there is seen here")
