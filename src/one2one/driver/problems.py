"""Telling the user of a local VM what is wrong with its remote VM: REMOTE_PROBLEM.

``hybrid.problems`` says what. It is written into the local VM's user template, where ``onevm show``
and Sunstone show it on every release, and removed when it is over. Only this attribute is merged,
so nobody's change in the meantime is lost, and ERROR stays oned's own.

A local VM is read before it is written: only a difference is. Pool rows do not show the attribute.
So a round compares the VMs with a problem, those that were seen with the attribute, and some
others, in turn: what an earlier process or an editor has left there is removed too.
"""

from collections.abc import Iterable, Mapping

from one2one import runtime
from one2one.driver.host_vms import HostVms
from one2one.driver.links import Links
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remote
from one2one.driver.round import Round
from one2one.hybrid.problems import (
    ATTRIBUTE,
    LIMIT,
    PATIENCE_S,
    explain_gone,
    explain_unreadable,
    find_problem,
    is_settled,
    may_be_problem,
)
from one2one.opennebula.clean import clean_line
from one2one.opennebula.cloud import Update
from one2one.opennebula.errors import NotAuthorized, NotFound, ProtocolError, Refused
from one2one.opennebula.records import Vm
from one2one.opennebula.states import VmState
from one2one.opennebula.template import Template, to_xml

_MOST_READ = 20
"""How many remote VMs, and local ones without a known problem, are read in a round."""
_MOST_WRITTEN = 50
"""How many local VMs are changed in a round."""


class RemoteProblems:
    """What the VMs of one host tell of their remote VMs. For one thread."""

    def __init__(self, local: LocalCloud, vms: HostVms, links: Links) -> None:
        self._cloud = local.cloud
        self._vms = vms
        self._links = links
        self._pending_since: dict[int, float] = {}
        self._told: dict[int, str] = {}
        """The VMs that were seen with the attribute, and its value."""
        self._looked_at: dict[int, float] = {}

    def tell(self, remote: Remote, last: Round) -> None:
        """Have each local VM tell its problem; *last* is the round that was just read.

        Raises the errors of a call.
        """
        settled = [vm_id for vm_id, row in last.local_rows.items() if is_settled(row.state)]
        self._looked_at = {vm_id: at for vm_id, at in self._looked_at.items() if vm_id in settled}
        rows = last.list_remote_rows()
        linked = [vm_id for vm_id in settled if vm_id in last.links]
        well = [v for v in linked if v in rows and not may_be_problem(rows[v].state)]
        suspect = sorted({*linked} - {*well})
        self._note_pending(vm_id for vm_id in suspect if vm_id in rows)
        over = [vm_id for vm_id in well if vm_id in self._told]
        problems = dict.fromkeys([*over, *self._take_turns(well)], "")
        problems |= self._find_denied(settled)
        for vm_id in self._take_turns(suspect):
            problem = self._read_problem(remote, vm_id, last.links[vm_id])
            if problem is not None:
                problems[vm_id] = problem
        self._write(problems)
        self._clean_up(self._told.keys() - last.local_rows.keys())

    def _find_denied(self, settled: Iterable[int]) -> dict[int, str]:
        denied = self._links.denied
        return {v: clean_line(denied[v].cause, LIMIT) for v in settled if v in denied}

    def _read_problem(self, remote: Remote, vm_id: int, remote_id: int) -> str | None:
        """Return the problem of a VM, None where that cannot be told."""
        try:
            vm = remote.cloud.get_vm(remote_id)
        except NotFound:
            return explain_gone(remote_id)
        except NotAuthorized:
            return explain_unreadable(remote_id)
        except (Refused, ProtocolError):
            return None
        if vm_id not in self._vms.rows or not self._links.confirms(remote, vm_id, vm):
            return None
        now = runtime.monotonic()
        lasts = now - self._pending_since.get(vm_id, now) >= PATIENCE_S
        # A scheduler clears its words for a moment each time it looks.
        is_told = vm.state.state == VmState.PENDING and "PENDING" in self._told.get(vm_id, "")
        secret = remote.settings.password
        return find_problem(vm, lasts=lasts and not is_told, secret=secret) or (
            None if is_told else ""
        )

    def _note_pending(self, vm_ids: Iterable[int]) -> None:
        now = runtime.monotonic()
        self._pending_since = {vm_id: self._pending_since.get(vm_id, now) for vm_id in vm_ids}

    def _take_turns(self, vm_ids: list[int]) -> list[int]:
        """Return some of the VMs, those first that were not looked at for the longest time.

        A process that looks once begins somewhere else each time.
        """
        start = int(runtime.time()) % len(vm_ids) if vm_ids else 0
        turned = vm_ids[start:] + vm_ids[:start]
        turned.sort(key=lambda vm_id: self._looked_at.get(vm_id, float("-inf")))
        self._looked_at |= dict.fromkeys(turned[:_MOST_READ], runtime.monotonic())
        return turned[:_MOST_READ]

    def _write(self, problems: Mapping[int, str]) -> None:
        """Change those local VMs that tell something else."""
        written = 0
        for vm in self._read_local(problems):
            text = problems[vm.id]
            if _read_told(vm) != ([text] if text else []):
                if written == _MOST_WRITTEN:
                    return
                written += 1
                self._change(vm.id, text)
            if text:
                self._told[vm.id] = text
            else:
                self._told.pop(vm.id, None)

    def _clean_up(self, vm_ids: Iterable[int]) -> None:
        """Have VMs that have left the host tell no more what they told here."""
        for vm in self._read_local(sorted(vm_ids)[:_MOST_WRITTEN]):
            if _read_told(vm) == [self._told.pop(vm.id)]:
                self._change(vm.id, "")

    def _change(self, vm_id: int, text: str) -> None:
        change = to_xml(Template([(ATTRIBUTE, text or {})]))
        try:
            self._cloud.update_vm(vm_id, change, Update.MERGE)
        except Refused:  # it has just ended
            self._told.pop(vm_id, None)

    def _read_local(self, vm_ids: Iterable[int]) -> list[Vm]:
        """Return those of the VMs that are there, whole; forget the others."""
        vms = {vm.id: vm for vm in self._cloud.list_few_whole_vms(vm_ids)}
        ended = [v for v in vm_ids if v not in vms or vms[v].state.state == VmState.DONE]
        for vm_id in ended:
            self._told.pop(vm_id, None)
        return [vm for vm_id, vm in vms.items() if vm_id not in ended]


def _read_told(vm: Vm) -> list[object]:
    return [value for name, value in vm.user_template if name == ATTRIBUTE]
