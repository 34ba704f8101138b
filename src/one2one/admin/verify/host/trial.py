"""What a trial of a hybrid host works with, and how nothing of it is left."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from one2one.admin.hosts import connect, find_host
from one2one.admin.verify.cleanup import end_all, interruptible
from one2one.admin.verify.host.vm import HybridVm, Watch, build_context
from one2one.driver.local import LocalCloud
from one2one.hybrid.naming import HYBRID_ID, read_marks
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.errors import OneError
from one2one.opennebula.handover import Recovery, recover_vm
from one2one.opennebula.objects import call_for_id
from one2one.opennebula.pools import VISIBLE
from one2one.opennebula.records import Host, VmSummary, VmTemplate
from one2one.opennebula.states import State, VmState
from one2one.opennebula.template import Template, to_xml

NAME = "one2one-verify-"
"""How the names of all trials' local VMs begin."""
_LOOK_S = 1.0
_LOOKS = 3
"""How often in a row nothing must be there at the end."""


@dataclass
class Trial:
    """A hybrid host, and the VMs that are made for its trial."""

    local: LocalCloud
    remote: Cloud
    host: Host
    template: VmTemplate
    watch: Watch
    name: str = field(default_factory=lambda: f"{NAME}{secrets.token_hex(4)}")
    made: set[int] = field(default_factory=set)
    """The local VMs."""
    works: bool = False
    """Whether a VM could be made."""
    left: list[int] | None = None
    """The remote VMs that live at the end, None if they cannot be read."""
    left_here: list[int] | None = None
    """The local VMs that live at the end, None if they cannot be read."""

    def create_vm(self) -> HybridVm:
        """Make a local VM, which waits on HOLD, and which only this host may run."""
        extra = Template(
            [
                ("CONTEXT", build_context(self.template.template)),
                ("SCHED_REQUIREMENTS", f'ID="{self.host.id}"'),
            ]
        )
        client, template = self.local.cloud.client, self.template.id
        vm_id = call_for_id(
            client, "one.template.instantiate", template, self.name, True, to_xml(extra)
        )
        self.made.add(vm_id)
        return HybridVm(self.local, self.remote, self.host.id, vm_id, self.watch)

    @contextmanager
    def vm(self) -> Iterator[HybridVm]:
        """Give a VM, and end it afterwards, unless the trial is interrupted."""
        vm = self.create_vm()
        try:
            yield vm
        except Exception:
            self._end_here(time.monotonic() + self.watch.patience)
            raise
        self._end_here(time.monotonic() + self.watch.patience)

    def list_of_others(self) -> list[VmSummary]:
        """Return the local VMs of other trials."""
        return [vm for vm in self._list_here(NAME) if vm.id not in self.made]

    def end(self) -> None:
        """End all VMs on both sides, and remember what could not be ended."""
        patience = self.watch.patience
        try:
            self.left_here = self._end_here(time.monotonic() + patience)
        except OneError:
            self.left_here = None
        self.left = end_all(self.remote, self._list_there, patience, looks=_LOOKS)

    def _list_here(self, name: str) -> list[VmSummary]:
        rows = self.local.cloud.list_summaries(VISIBLE)
        return [vm for vm in rows if vm.name.startswith(name) and vm.state.state != VmState.DONE]

    def _list_there(self) -> list[int]:
        hybrid_id = self.local.cloud.get_host(self.host.id).template.text(HYBRID_ID)
        return [
            vm.id
            for vm in self.remote.list_whole_vms()
            if (marks := read_marks(vm))
            and marks.hybrid_id == hybrid_id
            and marks.vm_id in self.made
            and vm.state.state != VmState.DONE
        ]

    def _end_here(self, deadline: float) -> list[int]:
        """End this trial's local VMs; return those that live at the *deadline*."""
        while True:
            live = self._list_here(self.name)
            self.made |= {vm.id for vm in live}
            if not live or time.monotonic() > deadline:
                return [vm.id for vm in live]
            for vm in live:
                with suppress(OneError):  # it is busy; seen again at the next look
                    self._end_vm(vm.id, vm.state)
            time.sleep(_LOOK_S)

    def _end_vm(self, vm_id: int, state: State) -> None:
        if state.state == VmState.ACTIVE:
            recover_vm(self.local.cloud, vm_id, Recovery.DELETE)
        else:
            self.local.cloud.vm_action("terminate-hard", vm_id)


@contextmanager
def open_trial(host: str, template_id: int, watch: Watch) -> Iterator[Trial]:
    """Give what the checks work with, and leave nothing behind, whatever ends them.

    Raises the errors of the first calls, before anything is made.
    """
    local = LocalCloud()
    known = find_host(local, host)
    template = local.cloud.get_template(template_id)
    remote = connect(local, known)
    trial = Trial(local, remote, local.get_host(known.id), template, watch)
    try:
        with interruptible() as deafen:
            try:
                yield trial
            finally:
                deafen()
                trial.end()
    finally:
        remote.close()
        local.cloud.close()
