"""The stock shell, ``one_vmm_sh``: it runs action scripts, and answers oned for them.

It stands in for the driver process: what it would write is received as a driver's lines are.
Source: ``one_vmm_exec.rb``, ``VirtualMachineDriver.rb`` and ``ActionManager.rb``.
"""

import threading
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from getopt import getopt
from pathlib import Path

from one2one.opennebula.xml import parse, read_text
from opennebula_sandbox.frontend.generation import Generation
from opennebula_sandbox.frontend.script import Outcome, Runner, encode_stdin
from opennebula_sandbox.frontend.vmm.steps import DRIVERS, Composition, Step, compose

_THREADS = 15


@dataclass(frozen=True)
class Options:
    """What the ARGUMENTS of ``one_vmm_sh`` say."""

    directory: str
    """Which scripts: those in ``remotes/vmm/<directory>``."""
    threads: int = _THREADS
    parallel: bool = False
    """Whether actions on one host may overlap."""
    timeout: float | None = None
    """Seconds after which a script is ended."""


def read_arguments(arguments: str) -> Options:
    """Return the options in *arguments*, which the shell splits at spaces."""
    found, words = getopt(arguments.split(), "r:t:l:ps:w:d:c")
    flags = dict(found)
    return Options(
        directory=words[-1],
        threads=int(flags.get("-t", _THREADS)),
        parallel="-p" in flags,
        timeout=float(flags["-w"]) if "-w" in flags else None,
    )


@dataclass(eq=False)
class _Job:
    action: str
    vm_id: str
    encoded: str
    host: str
    cancelled: bool = False
    thread: threading.Thread | None = None


class Shell:
    """Answers a driver's messages by running scripts."""

    def __init__(
        self,
        remotes: Path,
        arguments: str,
        environment: Mapping[str, str],
        generation: Generation,
        receive: Callable[[str], None],
    ) -> None:
        self._options = read_arguments(arguments)
        self._scripts = remotes / "vmm" / self._options.directory
        self._generation = generation
        self._receive = receive
        self._runner = Runner(environment, remotes.parent, generation)
        self._lock = threading.RLock()
        self._waiting: list[_Job] = []
        self._running: list[_Job] = []
        self._threads: list[threading.Thread] = []
        self._stopped = False

    def start(self) -> None:
        """Be ready: nothing needs to be started."""

    def send(self, line: str) -> None:
        """Take a line as oned writes it."""
        action, vm_id, *rest = line.split()
        if action == "DRIVER_CANCEL":
            self._cancel(vm_id)
            return
        host = read_text(parse(b64decode(rest[0])), "HOST")
        with self._lock:
            self._waiting.append(_Job(action, vm_id, rest[0], host))
            self._dispatch()

    def stop(self) -> None:
        """End the scripts under way, and wait for them."""
        with self._lock:
            self._stopped = True
            self._waiting.clear()
            threads = tuple(self._threads)
        self._runner.stop()
        for thread in threads:
            thread.join()

    def _dispatch(self) -> None:
        """Start the jobs that may run: so many at once, and one a host without ``-p``."""
        for job in tuple(self._waiting):
            busy = {other.host for other in self._running}
            if len(self._running) >= self._options.threads:
                return
            if self._options.parallel or job.host not in busy:
                self._waiting.remove(job)
                self._running.append(job)
                thread = threading.Thread(target=self._work, args=[job], daemon=True)
                self._threads = [t for t in self._threads if t.is_alive()] + [thread]
                thread.start()

    def _cancel(self, vm_id: str) -> None:
        """Forget the job about the VM; its script, if it runs, is left to itself."""
        with self._lock:
            for jobs in (self._running, self._waiting):
                if job := next((job for job in jobs if job.vm_id == vm_id), None):
                    job.cancelled = True
                    jobs.remove(job)
                    break
            self._dispatch()
        self._receive(f"LOG I {vm_id} Driver command for {vm_id} cancelled")

    def _work(self, job: _Job) -> None:
        try:
            self._perform(job)
        finally:
            with self._lock:
                if job in self._running:
                    self._running.remove(job)
                if not self._stopped:
                    self._dispatch()

    def _perform(self, job: _Job) -> None:
        message = b64decode(job.encoded).decode()
        root = parse(message)
        composition = compose(job.action, root, job.encoded, self._generation)
        if composition is None:
            return
        if composition.refusal:
            self._answer(job, Outcome(success=False, info=composition.refusal))
            return
        deployment_file = read_text(root, "LOCAL_DEPLOYMENT_FILE")
        stdin = {"deploy": Path(deployment_file).read_text()} if deployment_file else {}
        self._answer(job, self._execute(job, composition, partial(self._stdin, stdin, message)))

    def _execute(
        self, job: _Job, composition: Composition, stdin: Callable[[Step], bytes]
    ) -> Outcome:
        """Do the steps until one fails; return what is to be answered."""
        info = "" if not composition.answers else None
        for step in composition.steps:
            outcome = self._step(job, step, composition, stdin)
            if not outcome.success and not step.no_fail:
                return outcome
            if step.driver == "vmm" and info is None:
                info = outcome.info if composition.bare else outcome.info.strip()
        return Outcome(success=True, info=info or "")

    def _step(
        self, job: _Job, step: Step, composition: Composition, stdin: Callable[[Step], bytes]
    ) -> Outcome:
        outcome = Outcome(success=True, info="")
        if job.cancelled or self._stopped:
            return Outcome(success=False, info="-")
        if step.driver == "vmm":
            values = (composition.values[name] for name in step.arguments)
            words = values if composition.bare else (f"'{value}'" for value in values)
            script = self._scripts / (step.script or step.action)
            command = f"{script} {' '.join(words)} {job.vm_id} {job.host}"
            log = partial(self._log, job)
            outcome = self._runner.run(command, stdin(step), log, self._options.timeout)
            for severity, vm_id, line in outcome.logs:
                self._receive(f"LOG {severity} {vm_id} {line}")
        for undo in () if outcome.success else step.rollback:
            self._step(job, undo, composition, stdin)
        if not composition.bare:
            how = "Successfully execute" if outcome.success else "Failed to execute"
            self._log(job, "I", f"{how} {DRIVERS[step.driver]} operation: {step.action}.")
        return outcome

    def _stdin(self, special: dict[str, str], message: str, step: Step) -> bytes:
        return encode_stdin(special.get(step.action, message), self._generation)

    def _answer(self, job: _Job, outcome: Outcome) -> None:
        result = "SUCCESS" if outcome.success else "FAILURE"
        self._write(job, f"{job.action} {result} {job.vm_id} {outcome.info}")

    def _log(self, job: _Job, severity: str, line: str) -> None:
        self._write(job, f"LOG {severity} {job.vm_id} {line}")

    def _write(self, job: _Job, output: str) -> None:
        """Write for *job*; a newline within ends the line, as it would on the pipe."""
        if not job.cancelled and not self._stopped:
            for line in output.removesuffix("\n").split("\n"):
                self._receive(line)
