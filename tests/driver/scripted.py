"""An oned that answers from its tables, or as a test says, and lists the calls that it got.

It has no rules. An action that it accepts puts the VM where ``after`` says.
"""

import xmlrpc.client
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TypeVar
from xml.sax.saxutils import escape

from lxml import etree

from one2one.opennebula.records import Vm
from one2one.opennebula.states import LcmState, State, VmState
from one2one.opennebula.template import Template, Value, Vector, from_xml, parse_text, to_xml

BORN = 1_700_000_000
"""When the VMs of both clouds were made: seconds since 1970."""
NOT_AUTHENTICATED, NOT_FOUND, WRONG_STATE, ACTION = 0x100, 0x400, 0x800, 0x2000
"""Codes of answers that are errors."""
NO_LEADER = "Cannot process request, no leader found"
"""What an HA zone says that elects one."""

STATES = {state.name: State(state) for state in VmState if state != VmState.ACTIVE} | {
    lcm.name: State(VmState.ACTIVE, lcm) for lcm in LcmState if lcm != LcmState.LCM_INIT
}
"""By the names that OpenNebula's commands print."""

Item = TypeVar("Item")
Attribute = Value | list[Vector]
"""A value, or several vectors of the same name."""
Answer = str | int
Happening = Callable[[Callable[[], Answer]], Answer]
"""What becomes of a call; it is given what carries the call out."""


class _RefusalError(Exception):
    """The words and the code of an answer that is an error."""


def refuse(code: int, words: str = "no") -> Happening:
    """Refuse the call."""

    def happen(_carry_out: Callable[[], Answer]) -> Answer:
        raise _RefusalError(words, code)

    return happen


def lose(carry_out: Callable[[], Answer]) -> Answer:
    """Carry the call out, and lose the answer."""
    carry_out()
    raise ConnectionResetError


def drop(_carry_out: Callable[[], Answer]) -> Answer:
    """Lose the call itself."""
    raise ConnectionResetError


def after(act: Callable[[], object]) -> Happening:
    """Carry the call out after something else has happened."""

    def happen(carry_out: Callable[[], Answer]) -> Answer:
        act()
        return carry_out()

    return happen


def answer(text: str) -> Happening:
    """Answer something else."""
    return lambda _carry_out: text


@dataclass
class ScriptedVm:
    """A VM of either cloud."""

    id: int
    state: str = "RUNNING"
    name: str = "web"
    deploy_id: str = ""
    stime: int = BORN
    etime: int = 0
    retime: int = 0
    """When it stopped running on its present host."""
    hosts: list[tuple[int, str]] = field(default_factory=list)
    """Where it has been, oldest first."""
    actions: dict[int, int] = field(default_factory=dict)
    """The number of the action that ended a stay, by the stay's own number."""
    runs: list[tuple[int, int]] = field(default_factory=list)
    """When it began and ceased to run, in each of these places; 0 where it has not."""
    template: dict[str, Attribute] = field(default_factory=dict)
    user_template: dict[str, Value] = field(default_factory=dict)
    monitoring: dict[str, str] = field(default_factory=dict)

    def read(self) -> Vm:
        """Return the VM as the driver reads it."""
        return Vm.read(etree.fromstring(self.render()))

    def render(self, *, whole: bool = True) -> str:
        """Return the VM as an answer shows it; a short pool row has no user template."""
        state, lcm_state = STATES[self.state]
        values = (self.id, self.name, state, lcm_state, self.deploy_id, self.stime, self.etime)
        names = ("ID", "NAME", "STATE", "LCM_STATE", "DEPLOY_ID", "STIME", "ETIME")
        parts = [
            f"<{name}>{escape(str(value))}</{name}>"
            for name, value in zip(names, values, strict=True)
        ]
        parts.append(_render(self.template, "TEMPLATE"))
        if whole:
            parts.append(_render(self.user_template, "USER_TEMPLATE"))
            parts.append(_render(self.monitoring, "MONITORING"))
        runs = self.runs or [(0, self.retime)] * len(self.hosts)
        records = [
            f"<HISTORY><SEQ>{sequence}</SEQ><HOSTNAME>{name}</HOSTNAME><HID>{host_id}</HID>"
            f"<RSTIME>{rstime}</RSTIME><RETIME>{retime}</RETIME>"
            f"<ACTION>{self.actions.get(sequence, 0)}</ACTION></HISTORY>"
            for sequence, ((host_id, name), (rstime, retime)) in enumerate(
                zip(self.hosts, runs, strict=True)
            )
        ]
        shown = "".join(records if whole else records[-1:])
        return f"<VM>{''.join(parts)}<HISTORY_RECORDS>{shown}</HISTORY_RECORDS></VM>"


class ScriptedOned:
    """The tables of an oned, and what it has been asked."""

    def __init__(self) -> None:
        self.vms: dict[int, ScriptedVm] = {}
        self.templates: dict[int, dict[str, Value]] = {}
        self.hosts: dict[int, dict[str, Value]] = {}
        self.host_name, self.host_state, self.host_vm_mad = "burst1", 2, "one"
        self.after: dict[str, str] = {}
        """The state that an accepted action puts its VM into, at once."""
        self.quota: Vector = {}
        """Limits and usage of the account."""
        self.version = "6.10.0"
        self.raft_state, self.server_id = 0, -1
        self.clock: Callable[[], float] | None = None
        """What its answers say of the time, in seconds since 1970."""
        self.is_down = False
        """Whether it refuses connections."""
        self.has_leader = True
        """Whether it can pass to a leader what it does not only read."""
        self.calls: list[str] = []
        """Each call with its arguments, such as ``vm.action poweroff 9``."""
        self._script: defaultdict[str, deque[Happening]] = defaultdict(deque)
        self.methods: dict[str, Callable[..., Answer]] = {
            "vm.action": self._act,
            "vm.info": lambda vm_id, *_: find_or_refuse(self.vms, vm_id).render(),
            "vm.update": self._update_vm,
            "vmpool.info": self._list_vms,
            "vmpool.infoset": self._list_vms_by_id,
            "vmpool.monitoring": self._list_monitoring,
            "template.info": self._show_template,
            "template.instantiate": self._instantiate,
            "host.info": self._show_host,
            "hostpool.info": self._list_hosts,
            "host.update": self._update_host,
            "user.info": lambda _: self._show_quotas("USER"),
            "group.info": lambda _: self._show_quotas("GROUP"),
            "zone.raftstatus": self._show_raft,
            "system.version": lambda: self.version,
        }

    @property
    def actions(self) -> list[str]:
        """What was asked of VMs, such as ``poweroff 9``."""
        return [call.removeprefix("vm.action ") for call in self.calls if "vm.action" in call]

    def count(self, method: str) -> int:
        """Return how often a method was called."""
        return sum(call.split()[0] == method for call in self.calls)

    def script(self, method: str, *happenings: Happening) -> None:
        """Have these things become of the next calls of *method*."""
        self._script[method].extend(happenings)

    def exchange(self, body: bytes) -> bytes:
        """Return the answer to a call in HTTP, nothing where it is lost."""
        (_session, *arguments), method = xmlrpc.client.loads(body)
        name = str(method).removeprefix("one.")
        self.calls.append(" ".join([name, *map(str, arguments)]))
        script = self._script[name]
        happen = script.popleft() if script else lambda carry_out: carry_out()
        try:
            if not self.has_leader and not name.endswith(("info", "infoset", "monitoring")):
                raise _RefusalError(NO_LEADER, ACTION)
            values = True, happen(lambda: self.methods[name](*arguments)), 0
        except _RefusalError as refusal:
            words, code = refusal.args
            values = False, words, code
        except ConnectionResetError:
            return b""
        text = xmlrpc.client.dumps((values,), methodresponse=True).encode()
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(text)}\r\n"
        if self.clock:
            head += f"Date: {formatdate(self.clock(), usegmt=True)}\r\n"
        return f"{head}\r\n".encode() + text

    def _act(self, action: str, vm_id: int) -> int:
        vm = find_or_refuse(self.vms, vm_id)
        vm.state = self.after.get(action, vm.state)
        return vm_id

    def _update_vm(self, vm_id: int, template: str, _mode: int) -> int:
        attributes = find_or_refuse(self.vms, vm_id).user_template
        for name, value in from_xml(etree.fromstring(template)):
            attributes[name] = value
            if isinstance(value, dict) and not any(value.values()):  # oned drops such members
                del attributes[name]
        return vm_id

    def _list_vms(self, _whose: int, start: int, end: int, _state: int) -> str:
        newest = sorted(self.vms.values(), key=lambda vm: -vm.id)
        found = [vm for vm in newest if vm.state != "DONE"]
        if end < -1:  # a page of so many
            found = found[:-end]
        elif start >= 0:
            found = [vm for vm in found if start <= vm.id <= end]
        return _render_pool(found, whole=False)

    def _list_vms_by_id(self, ids: str, whole: bool) -> str:
        wanted = [self.vms[vm_id] for vm_id in map(int, ids.split(",")) if vm_id in self.vms]
        return _render_pool(wanted, whole=whole)

    def _list_monitoring(self, *_: int) -> str:
        records = (
            _render({"ID": str(vm.id)} | vm.monitoring, "MONITORING")
            for vm in self.vms.values()
            if vm.monitoring
        )
        return f"<MONITORING_DATA>{''.join(records)}</MONITORING_DATA>"

    def _show_template(self, template_id: int) -> str:
        attributes = find_or_refuse(self.templates, template_id)
        template = _render(attributes, "TEMPLATE")
        return f"<VMTEMPLATE><ID>{template_id}</ID>{template}</VMTEMPLATE>"

    def _instantiate(self, template_id: int, name: str, _hold: object, extra: str) -> int:
        find_or_refuse(self.templates, template_id)
        new = max(self.vms, default=-1) + 1
        user_template = dict(from_xml(etree.fromstring(extra)))
        self.vms[new] = ScriptedVm(new, "PENDING", name, user_template=user_template)
        return new

    def _show_host(self, host_id: int, *_: object) -> str:
        attributes = find_or_refuse(self.hosts, host_id)
        here = (vm for vm in self.vms.values() if vm.hosts and vm.hosts[-1][0] == host_id)
        ids = "".join(f"<ID>{vm.id}</ID>" for vm in here if vm.state != "DONE")
        return (
            f"<HOST><ID>{host_id}</ID><NAME>{self.host_name}</NAME><STATE>{self.host_state}</STATE>"
            f"<VM_MAD>{self.host_vm_mad}</VM_MAD><VMS>{ids}</VMS>"
            f"{_render(attributes, 'TEMPLATE')}</HOST>"
        )

    def _list_hosts(self) -> str:
        return f"<HOST_POOL>{''.join(map(self._show_host, self.hosts))}</HOST_POOL>"

    def _update_host(self, host_id: int, template: str, _mode: int) -> int:
        find_or_refuse(self.hosts, host_id).update(dict(parse_text(template)))
        return host_id

    def _show_quotas(self, tag: str) -> str:
        quota = _render(self.quota, "VM") if self.quota and tag == "USER" else ""
        return f"<{tag}><ID>3</ID><NAME>burst</NAME><VM_QUOTA>{quota}</VM_QUOTA></{tag}>"

    def _show_raft(self) -> str:
        return (
            f"<RAFT><STATE>{self.raft_state}</STATE><SERVER_ID>{self.server_id}</SERVER_ID></RAFT>"
        )


def find_or_refuse(table: dict[int, Item], number: int) -> Item:
    """Return what has this id, or refuse the call."""
    if number not in table:
        raise _RefusalError(f"Error getting object [{number}].", NOT_FOUND)
    return table[number]


def _render(attributes: Mapping[str, Attribute], root: str) -> str:
    pairs = Template()
    for name, value in attributes.items():
        for one in value if isinstance(value, list) else [value]:
            pairs.add(name, one)
    return to_xml(pairs, root)


def _render_pool(vms: Iterable[ScriptedVm], *, whole: bool) -> str:
    return f"<VM_POOL>{''.join(vm.render(whole=whole) for vm in vms)}</VM_POOL>"
