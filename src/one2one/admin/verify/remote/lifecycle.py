"""Tries the whole life of a VM in the remote, and whether monitoring follows it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from one2one.admin.verify import life
from one2one.admin.verify.life import CONTEXT
from one2one.admin.verify.remote.trial import Trial
from one2one.admin.verify.result import Result, failure, success
from one2one.admin.verify.steps import TERMINATE, Step
from one2one.hybrid.naming import parse_deploy_id
from one2one.opennebula.template import Template, Vector
from opennebula_sandbox.frontend.handles import LocalVm


def try_life(trial: Trial) -> Iterator[Result]:
    """Do every operation with one VM."""
    with trial.vm(**CONTEXT) as local:
        vm = _SimulatedVm(trial, local)
        for result in life.try_life(vm):
            trial.works = trial.works or vm.state == "RUNNING"
            yield result
        if trial.works:
            yield from life.try_steps(vm, [TERMINATE])


def try_recovery(trial: Trial) -> Iterator[Result]:
    """Replace a VM, and delete it."""
    with trial.vm() as local:
        yield from life.try_recovery(_SimulatedVm(trial, local))


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


@dataclass(frozen=True)
class _SimulatedVm:
    """A VM of the simulated front-end."""

    trial: Trial
    vm: LocalVm

    @property
    def state(self) -> str:
        return self.vm.state

    @property
    def monitoring(self) -> Template:
        return self.vm.monitoring

    def perform(self, step: Step) -> str:
        if step.operation != "recover-recreate":
            return self.trial.perform(self.vm, step.operation, step.state)
        problem = self.trial.perform(self.vm, step.operation, "PENDING")
        return problem or self.trial.perform(self.vm, "deploy", step.state)

    def read_contexts(self) -> tuple[Vector, Vector]:
        remote = self.trial.sides.remote.get_vm(parse_deploy_id(self.vm.deploy_id))
        return CONTEXT, remote.template.vector("CONTEXT")

    def cut_off_there(self) -> str:
        self.trial.sides.remote.vm_action("poweroff-hard", parse_deploy_id(self.vm.deploy_id))
        if self.trial.wait_local(self.vm, "POWEROFF"):
            return ""
        return f"the VM is off there, and {self.vm.state} here"

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        seconds = min(seconds, self.trial.patience)
        return self.trial.sides.frontend.pools.wait_for(condition, seconds)

    def list_remote_vms(self) -> list[int]:
        return self.trial.list_made_for(self.vm)
