"""Checks that a lost call, a lost answer or a killed driver makes no second VM and leaves none."""

import os
import signal
from collections.abc import Iterator

from one2one.admin.verify.remote.relay import Loss
from one2one.admin.verify.remote.trial import Trial
from one2one.admin.verify.result import Result, failure, success
from one2one.driver.local import LocalCloud
from one2one.driver.reaper import Reaper
from one2one.driver.remotes import Remotes
from one2one.hybrid.naming import parse_deploy_id
from one2one.hybrid.orphans import NO_GRACE
from opennebula_sandbox.frontend.handles import LocalVm
from opennebula_sandbox.frontend.mad import Mad

_DOUBLED = "A VM may be there twice, or not at all, after a failure on the way"
_FORGOTTEN = "VMs that were terminated while they were off live on there"


def lose_answers(trial: Trial) -> Iterator[Result]:
    """Lose the call that makes a VM, in three ways, and try again as oned or users do."""
    for loss in (Loss.CALL, Loss.ANSWER):
        with trial.vm() as vm:
            trial.relay.lose(loss)
            problem = trial.perform(vm, "deploy", "RUNNING")
            if problem and vm.state == "BOOT_FAILURE":
                problem = trial.perform(vm, "recover-retry", "RUNNING")
            yield _judge(trial, loss.value, vm, problem)
    with trial.vm() as vm:
        yield _judge(trial, "the driver is killed", vm, _kill(trial, vm))


def try_reaper(trial: Trial) -> Iterator[Result]:
    """End a VM that is off: oned does not tell the driver of it."""
    check = "terminated while off"
    frontend = trial.sides.frontend
    with trial.vm() as vm:
        problem = trial.perform(vm, "deploy", "RUNNING")
        problem = problem or trial.perform(vm, "poweroff-hard", "POWEROFF")
        if problem:
            yield failure(check, problem, _FORGOTTEN)
            return
        gone = parse_deploy_id(vm.deploy_id)
    local = LocalCloud(frontend.home.environment(frontend.endpoint))
    remotes = Remotes(local)
    try:
        remote = remotes.open_for_host(trial.sides.host.id, trial.sides.host.name)
        reaper = Reaper(trial.sides.host.id, local, lambda _: None, grace=NO_GRACE)
        reaper.reap(remote, remote.cloud.list_summaries())
    finally:
        remotes.close()
        local.cloud.close()
    problem = trial.wait_remote(gone, "DONE")
    if problem:
        yield failure(check, problem, _FORGOTTEN)
    else:
        yield success(check, "it is found by its marks, and ended")


def _kill(trial: Trial, vm: LocalVm) -> str:
    """Kill the driver after the remote has made the VM, before the answer; deploy again."""
    frontend = trial.sides.frontend
    trial.relay.lose(Loss.HELD)
    vm.deploy(trial.sides.host)
    if not trial.relay.lost.wait(trial.patience):
        return vm.error or "the call that makes a VM was not seen"
    if isinstance(frontend.driver, Mad):
        os.kill(frontend.driver.pid, signal.SIGKILL)
    frontend.wait_for_log("Driver restarted")
    problem = trial.perform(vm, "recover-failure", "BOOT_FAILURE")
    return problem or trial.perform(vm, "recover-retry", "RUNNING")


def _judge(trial: Trial, check: str, vm: LocalVm, problem: str) -> Result:
    made = trial.list_made_for(vm)
    if not problem and not trial.relay.lost.is_set():
        problem = "nothing was lost: the call that makes a VM was not seen"
    if not problem and made != [parse_deploy_id(vm.deploy_id)]:
        problem = f"there are the remote VMs {made}, and {parse_deploy_id(vm.deploy_id)} is known"
    if problem:
        return failure(check, problem, _DOUBLED)
    return success(check, f"one VM, {made[0]}, after another attempt")
