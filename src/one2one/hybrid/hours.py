"""How much VMs used in a time, by the accounting of one cloud or the other.

Hours of a VM, its CPU and its memory are those in which it ran (RSTIME to RETIME). Its disks are
there as long as it is on a host (STIME to ETIME). OpenNebula's showback can count the same way.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from one2one.hybrid.naming import Marks, read_marks
from one2one.opennebula.accounting import AccountingRecord
from one2one.opennebula.clean import clean_line
from one2one.opennebula.numbers import parse_number
from one2one.opennebula.template import Template

ACCOUNT = -1
"""In place of a host's id: all hosts of a remote account."""
_HOUR_S = 3600.0
_MB_PER_GB = 1024.0
_LARGEST = 2.0**40
_LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class Span:
    """A time, in seconds since 1970."""

    start: float
    end: float

    def measure(self, begin: float, end: float) -> float:
        """Return how many hours of the time from *begin* to *end* are within; 0 is no time yet."""
        if not begin:
            return 0.0
        return max(0.0, min(end or self.end, self.end) - max(begin, self.start)) / _HOUR_S

    def cut(self, other: "Span") -> "Span":
        """Return what is also within the *other*; it may be no time at all."""
        return Span(max(self.start, other.start), min(self.end, other.end))


@dataclass(slots=True)
class Hours:
    """What some VMs used."""

    vm: float = 0.0
    cpu: float = 0.0
    """Cores times hours."""
    memory: float = 0.0
    """GB times hours."""
    disk: float = 0.0
    """GB times hours."""

    def add(self, other: "Hours") -> None:
        """Add what others used."""
        self.vm += other.vm
        self.cpu += other.cpu
        self.memory += other.memory
        self.disk += other.disk


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns VMs, by the names of the user and the group; both empty where nobody knows."""

    user: str = ""
    group: str = ""


@dataclass(slots=True)
class VmUse:
    """What one VM used, as the records of its cloud show it."""

    stime: int
    """When the VM was created."""
    owner: Owner
    marks: Marks | None = None
    hours: Hours = field(default_factory=Hours)


class UseByVm:
    """What each VM used, host by host, or in the whole account. It keeps sums alone."""

    def __init__(self, host_ids: Collection[int] | None = None) -> None:
        """Count the stays on certain hosts; without *host_ids* all of them, as of one host."""
        self._host_ids = host_ids
        self.hosts: dict[int, dict[int, VmUse]] = {}
        """By the ids of hosts and VMs; the host is ``ACCOUNT`` where all hosts are one."""

    def add(self, record: AccountingRecord, span: Span) -> None:
        """Count a record within *span*. The newest record of a VM tells whose it is."""
        if self._host_ids is not None and record.host_id not in self._host_ids:
            return
        vm = record.vm
        owner = Owner(clean_line(vm.owner, _LONGEST_NAME), clean_line(vm.group, _LONGEST_NAME))
        host_id = ACCOUNT if self._host_ids is None else record.host_id
        self._add_use(
            host_id, vm.id, VmUse(vm.stime, owner, read_marks(vm), measure_record(record, span))
        )

    def merge(self, later: "UseByVm") -> None:
        """Add what was counted in a later time."""
        for host_id, vms in later.hosts.items():
            for vm_id, use in vms.items():
                self._add_use(host_id, vm_id, use)

    def _add_use(self, host_id: int, vm_id: int, use: VmUse) -> None:
        known = self.hosts.setdefault(host_id, {}).setdefault(vm_id, VmUse(use.stime, use.owner))
        known.owner, known.marks = use.owner, use.marks or known.marks
        known.hours.add(use.hours)


def measure_record(record: AccountingRecord, span: Span) -> Hours:
    """Return what a VM used in one stay, as far as it is within *span*."""
    ran = span.measure(record.rstime, record.retime or record.etime)
    template = record.vm.template
    return Hours(
        vm=ran,
        cpu=ran * _read_size(template, "CPU"),
        memory=ran * _read_size(template, "MEMORY") / _MB_PER_GB,
        disk=span.measure(record.stime, record.etime) * min(record.disk, _LARGEST) / _MB_PER_GB,
    )


def _read_size(template: Template, name: str) -> float:
    size = parse_number(template.text(name)) or 0.0
    return size if 0 <= size < _LARGEST else 0.0


def find_uses(uses: Mapping[int, VmUse], hybrid_id: str) -> dict[int, VmUse]:
    """Return those VMs of a remote account that carry the marks of a host."""
    return {
        vm_id: use
        for vm_id, use in uses.items()
        if hybrid_id and use.marks and use.marks.hybrid_id == hybrid_id
    }


def find_owner(marks: Marks, local: Mapping[int, VmUse]) -> Owner | None:
    """Return who owns the local VM that *marks* name, None where it is not among *local*."""
    known = local.get(marks.vm_id)
    return known.owner if known and known.stime == marks.stime else None


def sum_up(uses: Iterable[tuple[Owner, Hours]]) -> dict[Owner, tuple[int, Hours]]:
    """Return for each owner how many VMs there are, and what they used together."""
    sums: dict[Owner, tuple[int, Hours]] = {}
    for owner, hours in uses:
        count, total = sums.get(owner, (0, Hours()))
        total.add(hours)
        sums[owner] = count + 1, total
    return sums
