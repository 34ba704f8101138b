"""The stock shell ``one_vmm_sh``: it runs action scripts and answers oned.

It replaces the driver process: oned receives its lines as those of a driver.
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
from opennebula_sandbox.frontend.release import Release
from opennebula_sandbox.frontend.script import Outcome, Runner, encode_stdin
from opennebula_sandbox.frontend.vmm.steps import DRIVERS, Composition, Step, compose

_THREADS = 15


@dataclass(frozen=True)
class Options:
    """The options in ARGUMENTS of ``one_vmm_sh``."""

    directory: str
    """The directory of the scripts in ``remotes/vmm``."""
    threads: int = _THREADS
    parallel: bool = False
    """Whether actions on one host may run in parallel."""
    timeout: float | None = None
    """Seconds after which the shell ends a script."""


def read_arguments(arguments: str) -> Options:
    """Return the options in *arguments*; the shell splits them at spaces."""
    options, words = getopt(arguments.split(), "r:t:l:ps:w:d:c")
    flags = dict(options)
    return Options(
        directory=words[-1],
        threads=int(flags.get("-t", _THREADS)),
        parallel="-p" in flags,
        timeout=float(flags["-w"]) if "-w" in flags else None,
    )


@dataclass(eq=False)
class _Action:
    name: str
    vm_id: str
    encoded: str
    host: str
    cancelled: bool = False
    thread: threading.Thread | None = None


class VmmShell:
    """Answers a driver's messages by running scripts."""

    def __init__(
        self,
        remotes: Path,
        arguments: str,
        environment: Mapping[str, str],
        release: Release,
        receive: Callable[[str], None],
    ) -> None:
        self._options = read_arguments(arguments)
        self._scripts = remotes / "vmm" / self._options.directory
        self._release = release
        self._receive = receive
        self._runner = Runner(environment, remotes.parent, release)
        self._lock = threading.RLock()
        self._waiting: list[_Action] = []
        self._running: list[_Action] = []
        self._threads: list[threading.Thread] = []
        self._stopped = False

    def start(self) -> None:
        """Do nothing: the shell is always ready."""

    def send(self, line: str) -> None:
        """Take a line of oned."""
        action, vm_id, *rest = line.split()
        if action == "DRIVER_CANCEL":
            self._cancel(vm_id)
            return
        host = read_text(parse(b64decode(rest[0])), "HOST")
        with self._lock:
            self._waiting.append(_Action(action, vm_id, rest[0], host))
            self._dispatch()

    def stop(self) -> None:
        """End the scripts that run, and wait for them."""
        self.abandon()
        self._runner.stop()
        self.join()

    def abandon(self) -> None:
        """End as when oned dies: scripts that run go on, and nobody hears of them."""
        with self._lock:
            self._stopped = True
            self._waiting.clear()

    def kill_scripts(self) -> None:
        """Kill the scripts that run; oned is told that they failed."""
        self._runner.stop()

    def join(self) -> None:
        """Wait for the scripts that run."""
        with self._lock:
            threads = tuple(self._threads)
        for thread in threads:
            thread.join()

    def _dispatch(self) -> None:
        """Start the actions that may run now; without ``-p`` only one for each host."""
        for action in tuple(self._waiting):
            busy = {other.host for other in self._running}
            if len(self._running) >= self._options.threads:
                return
            if self._options.parallel or action.host not in busy:
                self._waiting.remove(action)
                self._running.append(action)
                thread = threading.Thread(target=self._work, args=[action], daemon=True)
                self._threads = [t for t in self._threads if t.is_alive()] + [thread]
                thread.start()

    def _cancel(self, vm_id: str) -> None:
        """Drop the action about the VM; its script, if it runs, runs on."""
        with self._lock:
            for actions in (self._running, self._waiting):
                if action := next((action for action in actions if action.vm_id == vm_id), None):
                    action.cancelled = True
                    actions.remove(action)
                    break
            self._dispatch()
        self._receive(f"LOG I {vm_id} Driver command for {vm_id} cancelled")

    def _work(self, action: _Action) -> None:
        try:
            self._perform(action)
        finally:
            with self._lock:
                if action in self._running:
                    self._running.remove(action)
                if not self._stopped:
                    self._dispatch()

    def _perform(self, action: _Action) -> None:
        message = b64decode(action.encoded).decode()
        root = parse(message)
        composition = compose(action.name, root, action.encoded, self._release)
        if composition is None:
            return
        if composition.refusal:
            self._answer(action, Outcome(success=False, info=composition.refusal))
            return
        deployment_file = read_text(root, "LOCAL_DEPLOYMENT_FILE")
        stdin = {"deploy": Path(deployment_file).read_text()} if deployment_file else {}
        self._answer(
            action, self._execute(action, composition, partial(self._build_stdin, stdin, message))
        )

    def _execute(
        self, action: _Action, composition: Composition, stdin: Callable[[Step], bytes]
    ) -> Outcome:
        """Do the steps until one fails; return the outcome to answer."""
        info = "" if not composition.answers else None
        for step in composition.steps:
            outcome = self._run_step(action, step, composition, stdin)
            if not outcome.success and not step.no_fail:
                return outcome
            if step.driver == "vmm" and info is None:
                info = outcome.info if composition.bare else outcome.info.strip()
        return Outcome(success=True, info=info or "")

    def _run_step(
        self, action: _Action, step: Step, composition: Composition, stdin: Callable[[Step], bytes]
    ) -> Outcome:
        outcome = Outcome(success=True, info="")
        if action.cancelled or self._stopped:
            return Outcome(success=False, info="-")
        if step.driver == "vmm":
            values = (composition.values[name] for name in step.arguments)
            words = values if composition.bare else (f"'{value}'" for value in values)
            script = self._scripts / (step.script or step.action)
            command = f"{script} {' '.join(words)} {action.vm_id} {action.host}"
            log = partial(self._write_log, action)
            outcome = self._runner.run(command, stdin(step), log, self._options.timeout)
            for severity, vm_id, line in outcome.logs:
                self._receive(f"LOG {severity} {vm_id} {line}")
        for undo in () if outcome.success else step.rollback:
            self._run_step(action, undo, composition, stdin)
        if not composition.bare:
            how = "Successfully execute" if outcome.success else "Failed to execute"
            self._write_log(action, "I", f"{how} {DRIVERS[step.driver]} operation: {step.action}.")
        return outcome

    def _build_stdin(self, special: dict[str, str], message: str, step: Step) -> bytes:
        return encode_stdin(special.get(step.action, message), self._release)

    def _answer(self, action: _Action, outcome: Outcome) -> None:
        result = "SUCCESS" if outcome.success else "FAILURE"
        self._write(action, f"{action.name} {result} {action.vm_id} {outcome.info}")

    def _write_log(self, action: _Action, severity: str, line: str) -> None:
        self._write(action, f"LOG {severity} {action.vm_id} {line}")

    def _write(self, action: _Action, output: str) -> None:
        """Write *output*; each newline in it ends a line, as on the pipe."""
        if not action.cancelled and not self._stopped:
            for line in output.removesuffix("\n").split("\n"):
                self._receive(line)
