"""OpenNebula's XML answers as typed records, with the fields that we use."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from one2one.opennebula.errors import ProtocolError
from one2one.opennebula.ids import read_id
from one2one.opennebula.states import State
from one2one.opennebula.template import Template, from_xml
from one2one.opennebula.xml import (
    Element,
    index_children,
    integer_of,
    number_of,
    read_integer,
    read_text,
    text_of,
)

_NICS = frozenset({"NIC", "NIC_ALIAS"})
_ADDRESSES = frozenset({"IP", "IP6", "IP6_GLOBAL", "IP6_ULA"})
"""The addresses in a NIC. A link-local one (IP6_LINK) is left out: it has no use elsewhere."""
_LATEST = 10**11 - 1
"""Seconds. A later time, after the year 5000, is not a time."""
_LARGEST_KB = 2**53
_RECREATED = "14"
"""ACTION of a history record that ``recover --recreate`` has ended: ``VMActions.h``."""


@dataclass(frozen=True, slots=True)
class VmRow:
    """A VM as every pool answer shows it, short or extended."""

    id: int
    name: str
    state: State
    deploy_id: str
    stime: int
    """When the VM was created: seconds since 1970, by its own cloud's clock."""

    @classmethod
    def read(cls, vm: Element) -> "VmRow":
        """Return the row in a ``<VM>``; raises ProtocolError when it has no id or state."""
        return cls(*_read_row(index_children(vm)))


@dataclass(frozen=True, slots=True)
class VmSummary(VmRow):
    """The fields of a VM in a short pool answer."""

    cpu: float
    """Cores."""
    memory: int
    """MB."""
    host_id: int
    """The host of its newest history record; −1 when it never had one."""
    host_name: str
    addresses: tuple[str, ...]
    """IP addresses of its NICs, in their order."""
    sequence: int = -1
    """SEQ of its newest history record."""
    etime: int = 0
    """When it became DONE: seconds since 1970, by its own cloud's clock; 0 before."""
    recreated: int = -1
    """SEQ of the last history record that ``recover --recreate`` ended; −1 when the answer has
    none. That of a pool has the newest record alone."""
    owner: str = ""
    """The name of the user who owns it."""

    @classmethod
    def read(cls, vm: Element) -> "VmSummary":
        """Return the summary in a ``<VM>``; raises ProtocolError when it has no id or state."""
        children = index_children(vm)
        template, history = children.get("TEMPLATE"), children.get("HISTORY_RECORDS")
        sizes = index_children(template)
        records = [] if history is None else [index_children(one) for one in history]
        newest = records[-1] if records else {}
        return cls(
            *_read_row(children),
            cpu=number_of(sizes.get("CPU")),
            memory=int(number_of(sizes.get("MEMORY"))),
            host_id=integer_of(newest.get("HID"), "VM", "HID", -1),
            host_name=text_of(newest.get("HOSTNAME")),
            addresses=()
            if template is None
            else tuple(dict.fromkeys(_iterate_addresses(template))),
            sequence=integer_of(newest.get("SEQ"), "VM", "SEQ", -1),
            etime=read_time(children, "ETIME"),
            recreated=max(
                (
                    integer_of(one.get("SEQ"), "VM", "SEQ", -1)
                    for one in records
                    if text_of(one.get("ACTION")) == _RECREATED
                ),
                default=-1,
            ),
            owner=text_of(children.get("UNAME")),
        )


@dataclass(frozen=True, slots=True)
class Placement:
    """One history record: one start of a VM on a host of its cloud."""

    host_id: int
    host_name: str
    sequence: int
    retime: int = 0
    """When the VM stopped running: seconds since 1970, by its own cloud's clock; 0 before."""
    rstime: int = 0
    """When it began to run, by the same clock; 0 before."""


@dataclass(frozen=True, slots=True)
class Vm(VmRow):
    """A whole VM: the answer of ``one.vm.info``, or the ``<VM>`` in a driver message."""

    template: Template = field(default_factory=Template)
    user_template: Template = field(default_factory=Template)
    history: tuple[Placement, ...] = ()
    """Oldest first. A driver message contains only the newest record."""
    monitoring: Template = field(default_factory=Template)
    """Its newest monitoring record; empty if the answer has none."""
    owner: str = ""
    """The name of the user who owns it."""
    group: str = ""
    """The name of the group that owns it."""

    @classmethod
    def read(cls, vm: Element) -> "Vm":
        """Return the VM in a ``<VM>``; raises ProtocolError when it has no id or state."""
        return cls(
            *_read_row(index_children(vm)),
            template=_read_template(vm, "TEMPLATE"),
            user_template=_read_template(vm, "USER_TEMPLATE"),
            history=tuple(_read_placement(h) for h in vm.iterfind("HISTORY_RECORDS/HISTORY")),
            monitoring=_read_template(vm, "MONITORING"),
            owner=read_text(vm, "UNAME"),
            group=read_text(vm, "GNAME"),
        )


@dataclass(frozen=True, slots=True)
class HostShare:
    """The capacity of a host, and how much of it VMs have: percent of a core, and KB."""

    cpu: int
    memory: int
    used_cpu: int
    used_memory: int

    @classmethod
    def read(cls, host: Element) -> "HostShare":
        """Return the share in a ``<HOST>``; a number that is not there counts as 0."""
        return cls(
            cpu=read_integer(host, "HOST_SHARE/MAX_CPU", 0),
            memory=read_integer(host, "HOST_SHARE/MAX_MEM", 0, most=_LARGEST_KB),
            used_cpu=read_integer(host, "HOST_SHARE/CPU_USAGE", 0),
            used_memory=read_integer(host, "HOST_SHARE/MEM_USAGE", 0, most=_LARGEST_KB),
        )


@dataclass(frozen=True, slots=True)
class Host:
    """The answer of ``one.host.info``."""

    id: int
    name: str
    im_mad: str
    vm_mad: str
    vm_ids: tuple[int, ...]
    template: Template
    state: int = 0
    """See ``states.HostState``."""
    cluster_id: int = -1
    share: HostShare = HostShare(0, 0, 0, 0)
    monitored: int = 0
    """When it was last monitored, in seconds since 1970; 0 for never.

    From 5.12: when monitord received the last MONITOR_HOST. Up to 5.10: when oned last asked.
    """

    @classmethod
    def read(cls, host: Element) -> "Host":
        """Return the host in a ``<HOST>``; raises ProtocolError when it has no id."""
        return cls(
            id=_read_id(host.find("ID"), "HOST"),
            name=read_text(host, "NAME"),
            im_mad=read_text(host, "IM_MAD"),
            vm_mad=read_text(host, "VM_MAD"),
            vm_ids=tuple(_read_ids(host.iterfind("VMS/ID"))),
            template=_read_template(host, "TEMPLATE"),
            state=read_integer(host, "STATE", 0),
            cluster_id=read_integer(host, "CLUSTER_ID", -1),
            share=HostShare.read(host),
            monitored=max(
                read_integer(host, "LAST_MON_TIME", 0, most=_LATEST),  # 5.6 to 5.10
                read_integer(host, "MONITORING/TIMESTAMP", 0, most=_LATEST),
            ),
        )


@dataclass(frozen=True, slots=True)
class VmTemplate:
    """The answer of ``one.template.info``."""

    id: int
    name: str
    template: Template
    owner: str = ""
    uid: int = -1
    gid: int = -1

    @classmethod
    def read(cls, vmtemplate: Element) -> "VmTemplate":
        """Return the VM template in a ``<VMTEMPLATE>``; raises ProtocolError without an id."""
        return cls(
            id=_read_id(vmtemplate.find("ID"), "VMTEMPLATE"),
            name=read_text(vmtemplate, "NAME"),
            template=_read_template(vmtemplate, "TEMPLATE"),
            owner=read_text(vmtemplate, "UNAME"),
            uid=read_integer(vmtemplate, "UID", -1),
            gid=read_integer(vmtemplate, "GID", -1),
        )


def _read_template(element: Element, path: str) -> Template:
    child = element.find(path)
    return Template() if child is None else from_xml(child)


def _read_row(vm: dict[str, Element]) -> tuple[int, str, State, str, int]:
    state = integer_of(vm.get("STATE"), "VM", "STATE")
    return (
        _read_id(vm.get("ID"), "VM"),
        text_of(vm.get("NAME")),
        State(state, integer_of(vm.get("LCM_STATE"), "VM", "LCM_STATE", 0)),
        text_of(vm.get("DEPLOY_ID")),
        read_time(vm, "STIME"),
    )


def _read_id(element: Element | None, tag: str) -> int:
    number = read_id(text_of(element))
    if number is None:
        raise ProtocolError(f"<{tag}> has no id: {text_of(element)[:60]!r}", remedy="")
    return number


def _read_ids(elements: Iterable[Element]) -> Iterator[int]:
    for element in elements:
        number = read_id(element.text)
        if number is not None:
            yield number


def read_time(vm: dict[str, Element], name: str) -> int:
    """Return a time among the children of a VM or of its history, in seconds since 1970.

    0 stands for none. Raises ProtocolError for what is no time.
    """
    moment = integer_of(vm.get(name), "VM", name, 0, most=_LATEST)
    if moment < 0:
        raise ProtocolError(f"<VM> has no time at {name}: {moment}", remedy="")
    return moment


def _iterate_addresses(template: Element) -> Iterator[str]:
    for nic in template:
        if nic.tag in _NICS:
            for member in nic:
                if member.tag in _ADDRESSES and member.text:
                    yield member.text


def _read_placement(history: Element) -> Placement:
    return Placement(
        host_id=read_integer(history, "HID"),
        host_name=read_text(history, "HOSTNAME"),
        sequence=read_integer(history, "SEQ"),
        retime=read_integer(history, "RETIME", 0, most=_LATEST),
        rstime=read_integer(history, "RSTIME", 0, most=_LATEST),
    )
