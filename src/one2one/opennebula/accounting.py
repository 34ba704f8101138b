"""The records of accounting and showback. Sources: ``History::to_xml``, ``SBRecord::to_xml``."""

from dataclasses import dataclass
from typing import NamedTuple

from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.ids import read_id
from one2one.opennebula.records import Vm, read_time
from one2one.opennebula.xml import (
    Element,
    index_children,
    number_of,
    read_integer,
    read_number,
    text_of,
)


class Month(NamedTuple):
    """A month, by the clock and the time zone of the cloud that counts."""

    year: int
    month: int


@dataclass(frozen=True, slots=True)
class AccountingRecord:
    """A stay of a VM on a host; times are seconds since 1970 by the cloud's clock, 0 for not yet.

    Up to 5.10 a stay ends when the VM is powered off or suspended, from 5.12 when it goes on.
    """

    vm: Vm
    """The VM as it was when the record was written last, without history."""
    host_id: int
    stime: int
    etime: int
    rstime: int
    """When it began to run."""
    retime: int
    """When it ceased to run."""
    disk: float
    """MB of all its disks, with their snapshots."""

    @classmethod
    def read(cls, history: Element) -> "AccountingRecord":
        """Return the record in a ``<HISTORY>``; raises ProtocolError without a VM in it."""
        vm = history.find("VM")
        if vm is None:
            raise ProtocolError("<HISTORY> has no VM", remedy="")
        times = index_children(history)
        disks = vm.iterfind("TEMPLATE/DISK")
        return cls(
            vm=Vm.read(vm),
            host_id=read_integer(history, "HID", -1),
            stime=read_time(times, "STIME"),
            etime=read_time(times, "ETIME"),
            rstime=read_time(times, "RSTIME"),
            retime=read_time(times, "RETIME"),
            disk=sum(
                read_number(disk, "SIZE") + read_number(disk, "DISK_SNAPSHOT_TOTAL_SIZE")
                for disk in disks
            ),
        )


@dataclass(frozen=True, slots=True)
class CostRecord:
    """What a VM cost in a month."""

    vm_id: int
    cost: float

    @classmethod
    def read(cls, showback: Element) -> "CostRecord":
        """Return the record in a ``<SHOWBACK>``; raises ProtocolError when it has no VM's id."""
        children = index_children(showback)
        vm_id = read_id(text_of(children.get("VMID")))
        if vm_id is None:
            raise ProtocolError("<SHOWBACK> has no VMID", remedy="")
        parts = ("CPU_COST", "MEMORY_COST", "DISK_COST")
        names = ("TOTAL_COST",) if "TOTAL_COST" in children else parts
        return cls(vm_id, sum(number_of(children.get(name)) for name in names))
