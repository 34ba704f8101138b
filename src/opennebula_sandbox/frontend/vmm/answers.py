"""Reads the lines that a VMM driver writes, as oned does.

Source: ``VirtualMachineManagerDriver::protocol`` (until 5.12), ``VirtualMachineManager::_*``
and ``Message.h`` (since 6.0).
"""

import time

from one2one.opennebula.states import LcmState
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.merging import merge
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.vm.creation import is_storable
from opennebula_sandbox.frontend.im.vm_polls import VmPolls
from opennebula_sandbox.frontend.oned.lifecycle import LifeCycle
from opennebula_sandbox.frontend.oned.pools import Pools
from opennebula_sandbox.frontend.oned.reactions import REACTIONS
from opennebula_sandbox.frontend.release import Release

_UNREGISTERED = ("REBOOT",)
"""Since 6.0 oned ignores the answer to this action."""
_ABOUT_OTHERS = ("UPDATESG", "UPDATENIC", "BACKUPCANCEL", "EXEC", "EXEC_CANCEL")
_SEVERITIES_5 = ("E", "D")
_SEVERITIES_6 = ("E", "W", "D")


class DriverAnswers:
    """Reads a driver's lines, and moves the VMs."""

    def __init__(
        self, pools: Pools, release: Release, lifecycle: LifeCycle, polls: VmPolls
    ) -> None:
        self._pools = pools
        self._release = release
        self._lifecycle = lifecycle
        self._polls = polls

    def receive(self, line: str) -> None:
        """Take *line*, which has no line end."""
        with self._pools.clock.lock:
            self._pools.write_log("VMM", "D", f"Message received: {line}")
            words = line.split(maxsplit=3)
            if len(words) < 3:
                return
            action, result, number = words[:3]
            info = words[3] if len(words) > 3 else ""
            vm_id = self._read_vm_id(number)
            if action == "LOG":
                self._write_log(result, vm_id, info or "", line)
            elif vm_id is not None and (vm := self._pools.vms.get(vm_id)):
                self._take_result(vm, action, info, line, success=result == "SUCCESS")

    def _read_vm_id(self, number: str) -> int | None:
        """Return the VM's id; since 6.0 a text that is no number means VM 0."""
        try:
            return int(number)
        except ValueError:
            return 0 if self._release.stream_driver else None

    def _write_log(self, severity: str, vm_id: int | None, text: str, line: str) -> None:
        vm = None if vm_id is None else self._pools.vms.get(vm_id)
        first = severity[:1]
        if self._release.stream_driver:
            first = first if first in _SEVERITIES_6 else "I"
            to_vm = self._release.version >= (6, 2) and vm is not None
            if to_vm or (vm_id is not None and vm_id < 0) or self._release.version < (6, 2):
                self._pools.write_log("VMM", first, text, vm if to_vm else None)
            return
        first = first if first in _SEVERITIES_5 else "I"
        if vm_id is None:
            self._pools.write_log("VMM", first, text)
        elif vm is not None and vm.state.lcm_state == LcmState.LCM_INIT:
            self._pools.write_log("VMM", "W", f"Ignored: {line}", vm)
        elif vm is not None:
            self._pools.write_log("VMM", first, text, vm)

    def _take_result(self, vm: Vm, action: str, info: str, line: str, *, success: bool) -> None:
        stream = self._release.stream_driver
        if action in _ABOUT_OTHERS or (stream and action in _UNREGISTERED):
            return
        if stream and action not in REACTIONS:
            self._pools.write_log("VMM", "W", f"Received UNDEFINED msg: {info}")
        elif vm.state.lcm_state == LcmState.LCM_INIT:
            self._pools.write_log("VMM", "W", f"Ignored: {line}", vm)
        elif action == "POLL":
            self._polls.take_answer(vm, info, success=success)
        elif action in REACTIONS:
            self._react(vm, action, info, success=success)

    def _react(self, vm: Vm, action: str, info: str, *, success: bool) -> None:
        reaction = REACTIONS[action]
        if success and action == "DEPLOY":
            success = self._note_deploy_id(vm, info)
        elif success and action == "SNAPSHOTCREATE":
            vm.template = _set_hypervisor_id(vm.template, info.split()[0] if info else "")
        elif not success:
            prefix = action if self._release.stream_driver else reaction.failed
            self._report_error(vm, prefix, info)
        if success and reaction.done:
            self._pools.write_log("VMM", "I", reaction.done, vm)
        self._lifecycle.take_answer(vm, action, success=success)

    def _note_deploy_id(self, vm: Vm, info: str) -> bool:
        if not info:
            self._report_error(vm, "Empty deploy ID for virtual machine", "")
            return False
        vm.deploy_id = info.split()[0]
        return True

    def _report_error(self, vm: Vm, prefix: str, reason: str) -> None:
        """Write a failure into the VM's log and, unless the reason is ``-``, into USER_TEMPLATE.

        oned silently stores no text that XML cannot hold (measured on 5.10, 6.10 and 7.2).
        """
        text = prefix
        if reason and not reason.startswith("-"):
            text = f"{prefix}: {reason}"
            now = time.ctime(self._pools.clock.now())
            error = Template([("ERROR", f"{now} : {text}")])
            if is_storable("", error):
                vm.user_template = merge(vm.user_template, error)
        self._pools.write_log("VMM", "E", text, vm)


def _set_hypervisor_id(template: Template, hypervisor_id: str) -> Template:
    return Template(
        (name, value | {"HYPERVISOR_ID": hypervisor_id})
        if name == "SNAPSHOT" and isinstance(value, dict) and "ACTIVE" in value
        else (name, value)
        for name, value in template
    )
