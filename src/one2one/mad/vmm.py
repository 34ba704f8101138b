"""The resident VMM driver: reads oned's lines, has the operations run, answers."""

import contextlib
import sys
from functools import partial

from one2one import runtime
from one2one.driver.attempts import carry_out
from one2one.driver.clouds import Clouds
from one2one.driver.events import Emit, OperationEnded, ignore
from one2one.driver.operation import Job, Wait, explain, resume
from one2one.driver.operations import ACTIONS, import_all
from one2one.driver.threads import start_thread
from one2one.hybrid.pass_through import unsupported_error
from one2one.mad import messages
from one2one.mad.lease_loop import LeaseLoop
from one2one.mad.messages import Dialect, VmmLine
from one2one.mad.process import (
    Arguments,
    OnedPipe,
    parse_arguments,
    report_bugs,
    start_metrics,
    take_over_stdio,
)
from one2one.mad.runner import Runner, Task
from one2one.opennebula.errors import Busy, OneError, to_one_error


class VmmDriver:
    """A VMM driver at oned's two pipes."""

    def __init__(self, output: OnedPipe, arguments: Arguments, emit: Emit = ignore) -> None:
        self._emit = emit
        self._output = output
        self._retries = arguments.retries
        self._runner = Runner(arguments.threads, self._advance)
        self._dialect = Dialect.DRIVER
        self._clouds = Clouds(emit)

    def handle(self, text: str) -> bool:
        """Act on a line of oned's; return False when it was the last one."""
        try:
            line = messages.parse_line(text)
        except Exception as error:  # noqa: BLE001 - the next line may be better
            self.log("E", None, str(to_one_error(error)))
            return True
        self._dialect = line.dialect or self._dialect
        if line.action == "FINALIZE":
            return False
        if line.action == "INIT":
            self._output.write("INIT SUCCESS\n")
            self._keep_leases()
        elif line.action == "DRIVER_CANCEL":
            # No answer may follow, neither to this nor to what it cancels.
            self._runner.cancel(line.vm_id)
            self.log("I", line.vm_id, f"Driver command for {line.vm_id} cancelled")
        elif line.action not in ACTIONS:
            self._refuse(line)
        else:
            self._queue(line)
        return True

    def log(self, severity: str, vm_id: int | None, text: str) -> None:
        """Write into the log of a VM, or into oned's own."""
        self._output.write(messages.format_log(severity, vm_id, text, self._dialect))

    def _keep_leases(self) -> None:
        leases = LeaseLoop(self._clouds, self.log)
        try:
            start_thread("leases", leases.run)
        except Busy as error:
            self.log("E", None, f"no hours of VMs are counted: {error}")

    def _refuse(self, line: VmmLine) -> None:
        info = str(unsupported_error(line.action))
        with contextlib.suppress(Exception):  # an unreadable message cannot say more
            info = f"{messages.read_subject(line.action, line.payload)} {info}".strip()
        self._answer(line.action, line.vm_id, success=False, info=info)
        with contextlib.suppress(Exception):  # nor tell its host
            host_id = messages.parse_request(line.action, line.payload).placement.host_id
            self._emit(OperationEnded(host_id, line.action, 0.0, success=False))

    def _queue(self, line: VmmLine) -> None:
        try:
            request = messages.parse_request(line.action, line.payload)
            if request.vm.id != line.vm_id:
                raise OneError(f"oned sent VM {request.vm.id} in a message for VM {line.vm_id}")
            self._runner.add(Task(request))
        except Exception as error:  # noqa: BLE001 - oned must be answered
            self._answer(line.action, line.vm_id, success=False, info=str(to_one_error(error)))

    def _advance(self, task: Task) -> Wait | None:
        """Run a task until it waits; answer oned where it ends."""
        try:
            if task.steps is None:
                return self._begin(task)
            return resume(task.steps, task.outcome)
        except StopIteration as end:
            self._end(task, success=True, info=end.value)
        except Exception as error:  # noqa: BLE001 - after a bug too, oned must be answered
            remote = task.job.opened if task.job else None
            info = explain(to_one_error(error), task.request, remote)
            self._end(task, success=False, info=info)
        return None

    def _begin(self, task: Task) -> Wait:
        vm_log, clouds = partial(self.log, "I", task.request.vm.id), self._clouds
        task.job = Job(task.request, clouds.local, clouds.remotes, vm_log, task.not_before)
        task.steps = carry_out(task.job, self._retries)
        return next(task.steps)

    def _end(self, task: Task, *, success: bool, info: str) -> None:
        with task.answering:
            if not task.cancelled:
                action, host_id = task.request.action, task.request.placement.host_id
                self._answer(action, task.request.vm.id, success=success, info=info)
                self._emit(
                    OperationEnded(host_id, action, runtime.monotonic() - task.arrived, success)
                )

    def _answer(self, action: str, vm_id: int, *, success: bool, info: str) -> None:
        self._output.write(messages.format_answer(action, vm_id, success=success, info=info))


def main() -> int:
    """Serve oned until it closes its end: the ``one_vmm_one2one`` executable."""
    output = take_over_stdio()
    problem = ""
    try:
        arguments = parse_arguments(sys.argv[1:])
    except ValueError as error:
        problem, arguments = f"{error}. Using -t 15 -r 0", Arguments()
    emit, problem_with_metrics = start_metrics(arguments.metrics)
    problem = problem or problem_with_metrics
    import_all()
    driver = VmmDriver(output, arguments, emit)
    report_bugs(partial(driver.log, "E", None))
    for line in sys.stdin.buffer:
        if not driver.handle(line.decode(errors="replace").rstrip("\r\n")):
            break
        if problem and not line.startswith(b"INIT"):
            driver.log("E", None, problem)
            problem = ""
    return 0
