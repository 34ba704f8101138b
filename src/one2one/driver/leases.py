"""Ending VMs whose hours at the remote are over, and telling their users before: REMOTE_LEASE.

``hybrid.lease`` has the rules. Nothing is kept in the process that decides: the hours are in the
history of both clouds, and what was told is in the local VM. So a new process goes on where the
last one stopped, and tells nothing twice.

The local oned is asked to end the VM, as a user would ask it. Then it asks its driver, and both
sides are in the same state. Nothing is done while the remote cannot be read, or to a local VM whose
remote VM is gone or another's.
"""

from collections.abc import Callable

from one2one import runtime
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remote, Remotes
from one2one.hybrid.lease import ATTRIBUTE, Lease, find_lease, measure_running
from one2one.hybrid.naming import find_remote_id, parse_deploy_id
from one2one.hybrid.ownership import check_owner
from one2one.opennebula.cloud import Update
from one2one.opennebula.errors import NotAuthorized, ProtocolError, Refused
from one2one.opennebula.numbers import parse_whole
from one2one.opennebula.pools import VISIBLE
from one2one.opennebula.records import Host, Vm
from one2one.opennebula.states import RUNNING, LcmState, RaftState, State, VmState
from one2one.opennebula.template import Template, to_xml

_RUNS = (RUNNING, State(VmState.ACTIVE, LcmState.UNKNOWN))
_MOST_READ = 100
"""How many VMs are read in a round."""
_AGAIN_S = 600.0
"""After so many seconds a VM is read again: its owner may have changed its PUBLIC_CLOUD."""


class Leases:
    """The leases of the VMs of one host. For one thread."""

    def __init__(
        self, host_id: int, local: LocalCloud, remotes: Remotes, log: Callable[[int, str], object]
    ) -> None:
        """Take both clouds; *log* gets a VM's id and a line for its log."""
        self._host_id = host_id
        self._local = local
        self._remotes = remotes
        self._log = log
        self._terms: tuple[float | None, str] = (None, "")
        self._due: dict[int, float] = {}
        """When each VM is to be read again, by ``runtime.monotonic()``."""
        self._asked: dict[int, tuple[int, float]] = {}
        """For which start of a VM oned was asked to end it, and when."""

    def keep(self) -> None:
        """Tell and end what is due.

        Raises NotFound without the host, the errors of a call, and NotAuthorized after all is done
        for a VM that oned lets nobody change: one that its user has locked.
        """
        if self._local.raft_state() is RaftState.FOLLOWER:
            return
        self._local.get_version()
        host = self._local.get_host(self._host_id)
        remote = self._remotes.open(self._local.read_settings_of(host))
        terms = remote.settings.max_hours, remote.settings.max_hours_action
        if terms != self._terms:
            self._terms, self._due = terms, {}
        locked: NotAuthorized | None = None
        for vm in self._local.cloud.list_few_whole_vms(self._take_due(host)):
            pause = 0.0
            try:
                pause = self._keep_one(remote, vm)
            except NotAuthorized as error:
                locked = error
            except Refused:  # it has just changed its state, or ended
                pass
            except ProtocolError:
                pause = _AGAIN_S
            self._due[vm.id] = runtime.monotonic() + pause
        if locked:
            raise locked

    def _take_due(self, host: Host) -> list[int]:
        """Return the running VMs that are to be read, those first whose time came first.

        A process that looks once begins somewhere else each time.
        """
        rows = self._local.cloud.list_summaries_by_id([v for v in host.vm_ids if v >= 0], VISIBLE)
        running = [
            row.id
            for row in rows
            if row.host_id == self._host_id
            and row.state in _RUNS
            and find_remote_id(row.deploy_id) is not None
        ]
        never = float("-inf")
        self._due = {vm_id: self._due.get(vm_id, never) for vm_id in running}
        self._asked = {vm_id: at for vm_id, at in self._asked.items() if vm_id in host.vm_ids}
        start = int(runtime.time()) % len(running) if running else 0
        due = [v for v in running[start:] + running[:start] if self._due[v] <= runtime.monotonic()]
        return sorted(due, key=lambda vm_id: self._due[vm_id])[:_MOST_READ]

    def _keep_one(self, remote: Remote, vm: Vm) -> float:
        """Tell and end one VM; return in how many seconds it is to be read again."""
        lease = find_lease(vm.user_template, remote.settings)
        if lease is None or lease.describe(lease.seconds - (runtime.time() - vm.stime)) == "":
            self._tell(vm, "")
            return _AGAIN_S
        vm = self._local.cloud.get_vm(vm.id)  # a list has only the last record of its history
        if vm.state not in _RUNS:
            return 0.0
        here = [record for record in vm.history if record.host_id == self._host_id]
        left = lease.seconds - measure_running(here, runtime.time())
        if left <= 0 or lease.describe(left) != vm.user_template.text(ATTRIBUTE):
            try:
                left = max(left, lease.seconds - _measure_remote(remote, vm))
            except Refused:  # it is gone, or another's
                return _AGAIN_S
        self._tell(vm, lease.describe(left))
        if left <= 0:
            self._end(remote, vm, lease)
            return 0.0
        return min(_AGAIN_S, lease.measure_quiet(left))

    def _tell(self, vm: Vm, text: str) -> None:
        """Have the VM and its log tell *text*, if the VM does not already."""
        told = [value for name, value in vm.user_template if name == ATTRIBUTE]
        if told == ([text] if text else []):
            return
        change = to_xml(Template([(ATTRIBUTE, text or {})]))
        self._local.cloud.update_vm(vm.id, change, Update.MERGE)
        if text:
            self._log(vm.id, f"{ATTRIBUTE}: {text}")

    def _end(self, remote: Remote, vm: Vm, lease: Lease) -> None:
        """Ask oned to end the VM; without the guest's consent if it did not follow in its time."""
        start, now = vm.history[-1].sequence, runtime.monotonic()
        asked_for, asked_at = self._asked.get(vm.id, (-1, now))
        again = asked_for == start
        if again and now - asked_at < remote.settings.shutdown_timeout:
            return
        self._local.cloud.vm_action(f"{lease.action}-hard" if again else lease.action, vm.id)
        self._asked[vm.id] = start, now


def _measure_remote(remote: Remote, vm: Vm) -> float:
    """Return for how many seconds the remote VM ran, by the remote's own clock.

    Raises Refused where the remote VM is not the local one's, and the errors of a call.
    """
    remote_vm = remote.cloud.get_vm(parse_deploy_id(vm.deploy_id))
    check_owner(vm, remote_vm, remote.settings.hybrid_id, remote.settings.host_name)
    skew = remote.cloud.client.clock_skew
    polled = parse_whole(remote_vm.monitoring.text("TIMESTAMP"))
    if skew is None and polled:  # by gRPC it does not tell its time: that may not be ours
        return measure_running(remote_vm.history, float(polled))
    return measure_running(remote_vm.history, runtime.time() + (skew or 0.0))
