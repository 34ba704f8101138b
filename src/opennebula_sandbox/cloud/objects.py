"""The objects of an OpenNebula that a sandbox needs, as data."""

from dataclasses import dataclass, field

from one2one.opennebula.states import State, VmState
from one2one.opennebula.template import Template

OWN = 0o600
"""Permissions as in chmod; USE, MANAGE and ADMIN are read, write and execute."""
SHARED = 0o664
PENDING = State(VmState.PENDING)


@dataclass
class HistoryRecord:
    """A record of HISTORY_RECORDS: one stay of a VM on a host. Times in seconds, 0 means none."""

    host_name: str
    host_id: int
    stime: int
    datastore_id: int = 100
    vm_mad: str = "dummy"
    tm_mad: str = "dummy"
    cluster_id: int = 0
    etime: int = 0
    pstime: int = 0
    petime: int = 0
    rstime: int = 0
    retime: int = 0
    estime: int = 0
    eetime: int = 0
    action: int = 0
    """The action that ended the stay (``VMActions`` of OpenNebula)."""
    uid: int = -1
    gid: int = -1
    request_id: int = -1


@dataclass
class Vm:
    """A virtual machine."""

    id: int
    uid: int
    gid: int
    uname: str
    gname: str
    name: str
    stime: int
    template: Template
    user_template: Template
    permissions: int = OWN
    state: State = PENDING
    etime: int = 0
    deploy_id: str = ""
    last_poll: int = 0
    resched: int = 0
    monitoring: Template = field(default_factory=Template)
    history: list[HistoryRecord] = field(default_factory=list)


@dataclass
class VmTemplate:
    """A VM template."""

    id: int
    uid: int
    gid: int
    uname: str
    gname: str
    name: str
    template: Template
    permissions: int = SHARED
    regtime: int = 0


@dataclass
class HostShare:
    """The capacity of a host and what its VMs take: CPU in percent, memory in KB."""

    total_cpu: int = 0
    total_memory: int = 0
    max_cpu: int = 0
    max_memory: int = 0
    cpu_usage: int = 0
    memory_usage: int = 0


@dataclass
class Host:
    """A host."""

    id: int
    name: str
    im_mad: str = "dummy"
    vm_mad: str = "dummy"
    state: int = 2
    """2 means MONITORED."""
    previous_state: int = 2
    cluster: str = "default"
    cluster_id: int = 0
    share: HostShare = field(default_factory=HostShare)
    vms: set[int] = field(default_factory=set)
    template: Template = field(default_factory=Template)
    monitoring: Template = field(default_factory=Template)
    """CAPACITY and SYSTEM of the newest monitoring record; empty without one."""
    reported_at: int = 0
    """The time of the newest monitoring record."""
    monitored_at: int = 0
