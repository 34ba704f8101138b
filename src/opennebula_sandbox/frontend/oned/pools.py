"""oned's objects by id, their logs, and waits for changes."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from one2one.opennebula.states import HostState, RaftState, State, VmState
from opennebula_sandbox.cloud.accounts import Accounts
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.objects import Host, Vm, VmTemplate
from opennebula_sandbox.cloud.refusal import no_such_error

_ON_HOST = (VmState.ACTIVE, VmState.POWEROFF, VmState.SUSPENDED)

Result = TypeVar("Result")
Item = TypeVar("Item", Host, Vm, VmTemplate)


@dataclass
class Pools:
    """The front-end's objects. Callers hold ``clock.lock``."""

    clock: Clock
    accounts: Accounts = field(default_factory=Accounts)
    hosts: dict[int, Host] = field(default_factory=dict)
    templates: dict[int, VmTemplate] = field(default_factory=dict)
    vms: dict[int, Vm] = field(default_factory=dict)
    restricted: list[str] = field(default_factory=list)
    """Attributes that users may not set: VM_RESTRICTED_ATTR of ``oned.conf``."""
    log: list[str] = field(default_factory=list)
    """The lines of ``/var/log/one/oned.log``."""
    vm_logs: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The lines of ``/var/log/one/<id>.log``, by VM."""
    update_times: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    """The time of oned's last change of a host, by its id: ``HostPool::update``."""
    keep_snapshots: bool = True
    """KEEP_SNAPSHOTS of the driver: whether VMs that are off have system snapshots."""
    expands_context: bool = False
    """Whether variables in CONTEXT are expanded when a VM is created, as oned does. Without that,
    drivers get all text that a template has."""
    cold_nic_attach: bool = True
    """COLD_NIC_ATTACH of the driver: whether it is asked about NICs of VMs that are off."""
    live_resize: bool = True
    """LIVE_RESIZE of the driver: whether it is asked to resize a VM that runs, since 6.0."""
    raft: RaftState = RaftState.SOLO
    """The state of this server in its zone."""
    servers: dict[str, str] = field(default_factory=dict)
    """The URLs of the zone's servers, by name: none without HA."""

    def now(self) -> int:
        """Return the time in seconds since 1970."""
        return int(self.clock.now())

    def find_host(self, host_id: int) -> Host:
        """Return a host with its current VMs; raises Refusal without it."""
        host = _find(self.hosts, "host", host_id)
        vms = [vm for vm in self.vms.values() if is_on(vm, host_id)]
        host.vms = {vm.id for vm in vms}
        host.share.cpu_usage = sum(round(100 * float(vm.template.text("CPU"))) for vm in vms)
        host.share.memory_usage = sum(1024 * int(vm.template.text("MEMORY")) for vm in vms)
        return host

    def find_vm(self, vm_id: int) -> Vm:
        """Return a VM; raises Refusal without it."""
        return _find(self.vms, "virtual machine", vm_id)

    def find_imported(self, deploy_id: str) -> Vm | None:
        """Return the VM that was imported with this deploy id, on any host, until its end."""
        for vm in self.vms.values():
            ended = vm.state.state == VmState.DONE
            if vm.template.text("IMPORTED") == "YES" and vm.deploy_id == deploy_id and not ended:
                return vm
        return None

    def find_template(self, template_id: int) -> VmTemplate:
        """Return a VM template; raises Refusal without it."""
        return _find(self.templates, "virtual machine template", template_id)

    def set_state(self, host: Host, state: HostState) -> None:
        """Put *host* into *state*."""
        host.previous_state = host.state = int(state)
        self.note_update(host.id)

    def note_update(self, host_id: int) -> None:
        """Note that a host has changed; monitord reads this time."""
        self.update_times[host_id] = self.clock.now()
        self.clock.lock.notify_all()

    def write_log(self, module: str, severity: str, text: str, vm: Vm | None = None) -> None:
        """Append a line to the log of *vm*, or of oned; a NUL ends the line."""
        written = text.partition("\0")[0]
        line = f"{time.ctime(self.clock.now())} [Z0][{module}][{severity}]: {written}"
        (self.log if vm is None else self.vm_logs[vm.id]).append(line)
        self.clock.lock.notify_all()

    def wait_for(self, predicate: Callable[[], Result], timeout: float) -> Result:
        """Wait at most *timeout* seconds until *predicate* is true; return its last result."""
        with self.clock.lock:
            return self.clock.lock.wait_for(predicate, timeout)


def is_on(vm: Vm, host_id: int) -> bool:
    """Tell whether *vm* takes capacity of this host."""
    return occupies(vm.state) and bool(vm.history) and vm.history[-1].host_id == host_id


def occupies(state: State) -> bool:
    """Tell whether a VM in *state* takes capacity of its host."""
    return state.state in _ON_HOST


def is_public_cloud(host: Host) -> bool:
    """Tell whether the host's template says PUBLIC_CLOUD=YES."""
    return host.template.text("PUBLIC_CLOUD").upper() == "YES"


def _find(pool: dict[int, Item], kind: str, object_id: int) -> Item:
    if object_id not in pool:
        raise no_such_error(kind, object_id)
    return pool[object_id]
