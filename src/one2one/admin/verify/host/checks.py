"""The groups of checks in the trial of a hybrid host."""

import platform
import time
from collections.abc import Iterator

from one2one import __version__
from one2one.admin.doctor.command import examine
from one2one.admin.doctor.facts import FrontEnd
from one2one.admin.install.entries import Mode, runs_scripts
from one2one.admin.verify import life
from one2one.admin.verify.host.changes import Surroundings, parse_release, try_changes
from one2one.admin.verify.host.trial import NAME, Trial
from one2one.admin.verify.result import (
    Result,
    Verdict,
    failure,
    judge_row,
    skip,
    success,
    tell_left,
    warning,
)
from one2one.admin.verify.steps import DEPLOY, POWEROFF_HARD, TERMINATE, Step
from one2one.hybrid.orphans import GRACE_S, Kind
from one2one.hybrid.settings import Settings
from one2one.opennebula.errors import OneError
from one2one.opennebula.states import VmState

_REAPED_S = GRACE_S[Kind.ABANDONED] + 300.0
"""How long the IM driver may take: its grace, and two of the longest periods of monitoring."""
_LOOK_S = 2.0
_FORGOTTEN = "VMs that were terminated while they were off live on there"
_TERMINATE_OFF = Step("terminate, off", "terminate", "POWEROFF", "DONE", _FORGOTTEN)


class HostChecks:
    """The checks of one trial, in their order."""

    def __init__(self, trial: Trial, network: int | None, *, quick: bool) -> None:
        self._trial = trial
        self._network = network
        self._quick = quick
        self._front_end = FrontEnd()
        self._abandoned: tuple[int, float] | None = None
        """The remote VM of the local VM that was terminated while off, and since when."""

    def examine(self) -> Iterator[Result]:
        """Tell the releases, and what ``one2one doctor`` finds."""
        trial = self._trial
        here, there = trial.local.cloud.get_version(), trial.remote.get_version()
        yield success(
            "releases",
            f"one2one {__version__}, Python {platform.python_version()}, "
            f"OpenNebula {here} here and {there} there, drivers: {self._read_mode()}",
        )
        passed = ", ".join(sorted(self._settings.pass_through)) or "nothing"
        yield success("passed through", passed)
        good = 0
        for row in examine(trial.host.name):
            result = judge_row(row)
            if result.verdict in (Verdict.PASSED.value, Verdict.SKIPPED.value):
                good += 1
            else:
                yield result
        yield success("doctor", f"{good} other checks find nothing")
        if left := trial.list_of_others():
            ids = ", ".join(str(vm.id) for vm in left)
            meaning = f"One that runs, or was killed. In that case end them: {NAME}…"
            yield warning("left by others", f"VMs of another trial: {ids}", meaning)

    def abandon(self) -> Iterator[Result]:
        """Terminate a VM that is off: oned does not tell the driver of it."""
        with self._trial.vm() as vm:
            yield from life.try_steps(vm, [DEPLOY])
            self._trial.works = vm.state == "RUNNING"
            yield from life.try_steps(vm, [POWEROFF_HARD])
            if vm.state != "POWEROFF":
                return
            remote = vm.look().remote
            vm.ask(_TERMINATE_OFF.operation)
            gone = vm.wait_for(lambda: vm.state == "DONE", self._trial.watch.patience)
        if not gone or remote is None:
            yield failure(_TERMINATE_OFF.check, "the VM does not end here", _FORGOTTEN)
            return
        self._abandoned = remote.id, time.monotonic()
        yield success(_TERMINATE_OFF.check, f"remote VM {remote.id} is to be destroyed later")

    def try_life(self) -> Iterator[Result]:
        """Do every operation with one VM, and every one that may be passed through."""
        with self._trial.vm() as vm:
            yield from life.try_life(vm)
            yield from try_changes(vm, self._describe_surroundings())
            yield from life.try_steps(vm, [TERMINATE])

    def try_recovery(self) -> Iterator[Result]:
        """Replace a VM, and delete it."""
        with self._trial.vm() as vm:
            yield from life.try_recovery(vm)

    def await_reaper(self) -> Iterator[Result]:
        """Wait until the IM driver destroys the remote VM of the one that was terminated off."""
        check = "terminated while off"
        if self._abandoned is None or self._quick:
            yield skip(check, "not waited for" if self._quick else "no VM was terminated while off")
            return
        remote_id, since = self._abandoned
        while not self._is_done(remote_id):
            if time.monotonic() > since + _REAPED_S:
                yield failure(check, f"it lives on after {_REAPED_S:g} s", _FORGOTTEN)
                return
            time.sleep(_LOOK_S)
        yield success(check, f"destroyed {time.monotonic() - since:.0f} s later")

    def list_left(self) -> Iterator[Result]:
        """Tell what lives on both sides after the trial."""
        yield tell_left("nothing is left here", self._trial.left_here)
        yield tell_left("nothing is left there", self._trial.left)

    @property
    def _settings(self) -> Settings:
        return self._trial.local.read_settings_of(self._trial.local.get_host(self._trial.host.id))

    def _is_done(self, remote_id: int) -> bool:
        return self._trial.remote.get_vm(remote_id).state.state == VmState.DONE

    def _read_mode(self) -> str:
        """Return how the drivers are installed: resident, scripts, or unknown."""
        try:
            entry = self._front_end.mad("VM_MAD")
        except OneError:
            entry = None
        if entry is None:
            return "unknown"
        mode = Mode.SCRIPTS if runs_scripts(entry) else Mode.RESIDENT
        return str(mode.value)

    def _describe_surroundings(self) -> Surroundings:
        return Surroundings(
            local=self._trial.local.cloud,
            version=self._trial.local.get_version(),
            remote_version=parse_release(self._trial.remote.get_version()),
            passed=self._settings.pass_through,
            scripts=self._read_mode() == Mode.SCRIPTS.value,
            network=self._network,
        )
