"""A cloud's calls, typed: arguments as OpenNebula orders them, answers as records.

Source of orders and meanings: ``src/rm/*.cc`` of each release. Every method raises the errors of
``opennebula.errors``.
"""

import threading
from collections.abc import Iterable, Iterator
from enum import IntEnum

from one2one.opennebula.breaker import Breaker
from one2one.opennebula.client import Client
from one2one.opennebula.connection import Server
from one2one.opennebula.errors import MethodNotFound, NotAuthorized, ProtocolError, Refused
from one2one.opennebula.quotas import VmQuotas
from one2one.opennebula.records import Host, Vm, VmRow, VmSummary, VmTemplate
from one2one.opennebula.template import Template, from_xml
from one2one.opennebula.xml import Element, each, integer, parse

OWN = -3
"""Pool filter: what belongs to the calling user."""
VISIBLE = -2
"""Pool filter: whatever the calling user may see."""
NOT_DONE = -1
"""VM state filter: any but DONE."""


_ONE_AT_A_TIME = threading.RLock()
"""Held while a pool is parsed, not while it is waited for. Python runs one thread at a time anyway,
and so what parsing needs of memory is needed once, not once a host."""


class Update(IntEnum):
    """What ``one.*.update`` does with the attributes that it is not given."""

    REPLACE = 0
    MERGE = 1


class HostStatus(IntEnum):
    """What ``one.host.status`` makes of a host."""

    ENABLED = 0
    DISABLED = 1
    OFFLINE = 2


class Cloud:
    """An OpenNebula as one of its users sees it. Thread-safe."""

    def __init__(self, server: Server, session: str, breaker: Breaker | None = None) -> None:
        self.client = Client(server, session, breaker)
        self._has_infoset = True

    @property
    def endpoint(self) -> str:
        """The URL of the cloud's XML-RPC."""
        return self.client.server.endpoint

    def version(self) -> str:
        """Return the release, such as ``6.10.0``."""
        return str(self.client.call("one.system.version"))

    def vm(self, vm_id: int, *, decrypt: bool = False) -> Vm:
        """Return a VM; *decrypt* is honoured for administrators, from 5.10."""
        arguments = (vm_id, True) if decrypt else (vm_id,)
        return Vm.read(self._xml("one.vm.info", *arguments))

    def vm_action(self, action: str, vm_id: int) -> None:
        """Ask for *action* (``poweroff``, ``terminate-hard``, …): accepted, not yet done."""
        self.client.call("one.vm.action", action, vm_id)

    def newest_vms(self, limit: int) -> list[VmRow]:
        """Return the calling user's VMs that are not DONE, *limit* of them, newest first.

        Newest first is OpenNebula's default; a cloud with API_LIST_ORDER=ASC answers oldest
        first.
        """
        return self._rows("one.vmpool.info", OWN, 0, -limit, NOT_DONE)

    def vms(self, first: int = -1, last: int = -1) -> list[VmRow]:
        """Return the calling user's VMs that are not DONE, with ids from *first* to *last*."""
        return self._rows("one.vmpool.info", OWN, first, last, NOT_DONE)

    def summaries(self, whose: int = OWN) -> list[VmSummary]:
        """Return all of the calling user's VMs, or of any user's, that are not DONE."""
        pool = self._pool("one.vmpool.info", whose, -1, -1, NOT_DONE)
        return [VmSummary.read(vm) for vm in pool]

    def summary(self, vm_id: int) -> VmSummary:
        """Return one VM, DONE or not, in short."""
        return VmSummary.read(self._xml("one.vm.info", vm_id))

    def vms_by_id(self, vm_ids: Iterable[int]) -> list[VmRow]:
        """Return the calling user's VMs with these ids; unknown ids are left out.

        One call whatever their number: ``infoset``, or before 5.12 the range of ids that spans
        them, where VMs that are DONE are left out too.
        """
        return [VmRow.read(vm) for vm in self._by_id(vm_ids)]

    def summaries_by_id(self, vm_ids: Iterable[int], whose: int = OWN) -> list[VmSummary]:
        """Return the same VMs, or any user's, with their sizes, hosts and addresses."""
        return [VmSummary.read(vm) for vm in self._by_id(vm_ids, whose)]

    def own_vms_in_full(self) -> list[Vm]:
        """Return the calling user's VMs that are not DONE, whole: 4 KB and more for each."""
        return [Vm.read(vm) for vm in self._extended()]

    def whole_vms_by_id(self, vm_ids: Iterable[int]) -> list[Vm]:
        """Return the same VMs, whole."""
        return [Vm.read(vm) for vm in self._by_id(vm_ids, extended=True)]

    def monitoring_by_id(self, vm_ids: Iterable[int]) -> Iterator[tuple[int, Template]]:
        """Yield the id and the newest monitoring record of each of these VMs that has one.

        Before 5.12 the call for it answers with hours of records; the whole VMs, which have the
        newest in them, are less.
        """
        wanted = set(vm_ids)
        if not wanted:
            return
        records: Iterator[tuple[int, Element | None]]
        if self._has_infoset:
            pool = self._pool("one.vmpool.monitoring", OWN, 0, tag="MONITORING")
            records = ((integer(record, "ID", -1), record) for record in pool)
        else:
            records = ((integer(vm, "ID"), vm.find("MONITORING")) for vm in self._extended())
        for vm_id, record in records:
            if vm_id in wanted and record is not None:
                yield vm_id, from_xml(record)

    def vm_template(self, template_id: int) -> VmTemplate:
        """Return a VM template."""
        return VmTemplate.read(self._xml("one.template.info", template_id))

    def vm_templates(self) -> list[VmTemplate]:
        """Return every VM template that the calling user may use."""
        pool = self._xml("one.templatepool.info", VISIBLE, -1, -1)
        return [VmTemplate.read(found) for found in pool.iterfind("VMTEMPLATE")]

    def create_template(self, template: str) -> int:
        """Create a VM template, with its NAME in it, and return its id."""
        return self._id("one.template.allocate", template)

    def may_create_templates(self) -> bool:
        """Tell whether the calling user has the right to create VM templates; creates none.

        A template without a name is refused, but only after the right has been looked at.
        Measured on 5.10, 6.10 and 7.2.
        """
        try:
            self.create_template("")
        except NotAuthorized:
            return False
        except Refused:
            pass
        return True

    def update_template(self, template_id: int, template: str, mode: Update) -> None:
        """Change the attributes of a VM template."""
        self.client.call("one.template.update", template_id, template, int(mode))

    def delete_template(self, template_id: int) -> None:
        """Delete a VM template; VMs made from it are not affected."""
        self.client.call("one.template.delete", template_id)

    def instantiate(self, template_id: int, name: str, extra: str) -> int:
        """Create a VM called *name*, not on hold, and return its id.

        The attributes in *extra* (template text or XML) replace the template's of the same name.
        Never repeat this blindly: each call makes another VM.
        """
        return self._id("one.template.instantiate", template_id, name, False, extra)

    def host(self, host_id: int, *, decrypt: bool = False) -> Host:
        """Return a host; *decrypt* is honoured for administrators, from 5.10."""
        arguments = (host_id, True) if decrypt else (host_id,)
        return Host.read(self._xml("one.host.info", *arguments))

    def hosts(self) -> list[Host]:
        """Return every host that the calling user may see."""
        return [Host.read(host) for host in self._xml("one.hostpool.info").iterfind("HOST")]

    def create_host(self, name: str, im_mad: str, vm_mad: str, cluster_id: int = -1) -> int:
        """Create a host and return its id; -1 is the default cluster."""
        return self._id("one.host.allocate", name, im_mad, vm_mad, cluster_id)

    def delete_host(self, host_id: int) -> None:
        """Delete a host; refused while it has VMs."""
        self.client.call("one.host.delete", host_id)

    def set_host_status(self, host_id: int, status: HostStatus) -> None:
        """Enable or disable a host, or take it off line; enabling an off-line one monitors it."""
        self.client.call("one.host.status", host_id, int(status))

    def update_host(self, host_id: int, template: str, mode: Update = Update.MERGE) -> None:
        """Change the attributes of a host's template."""
        self.client.call("one.host.update", host_id, template, int(mode))

    def quotas(self) -> tuple[VmQuotas, VmQuotas]:
        """Return the VM quotas of the calling user and of its primary group."""
        return VmQuotas.read(self.user()), VmQuotas.read(self.group())

    def user(self, user_id: int = -1) -> Element:
        """Return a user with its quotas, the caller by default."""
        return self._xml("one.user.info", user_id)

    def group(self, group_id: int = -1) -> Element:
        """Return a group with its quotas, the caller's primary one by default."""
        return self._xml("one.group.info", group_id)

    def access_rules(self) -> Element:
        """Return every access control rule, which only administrators may read by default."""
        return self._xml("one.acl.info")

    def cluster(self, cluster_id: int) -> Element:
        """Return a cluster with the ids of its hosts and datastores."""
        return self._xml("one.cluster.info", cluster_id)

    def datastores(self) -> Element:
        """Return every datastore that the calling user may see."""
        return self._xml("one.datastorepool.info")

    def config(self) -> Element:
        """Return oned's configuration, which only oneadmin may read."""
        return self._xml("one.system.config")

    def _by_id(
        self, vm_ids: Iterable[int], whose: int = OWN, *, extended: bool = False
    ) -> Iterator[Element]:
        wanted = set(vm_ids)
        ids = sorted(wanted)
        if not ids:
            return
        if self._has_infoset:
            try:
                yield from self._pool("one.vmpool.infoset", ",".join(map(str, ids)), extended)
            except MethodNotFound:
                self._has_infoset = False
            else:
                return
        pool = (
            self._extended()
            if extended
            else self._pool("one.vmpool.info", whose, ids[0], ids[-1], NOT_DONE)
        )
        yield from (vm for vm in pool if integer(vm, "ID") in wanted)

    def _extended(self) -> Iterator[Element]:
        arguments = (OWN, -1, -1, NOT_DONE)
        try:
            yield from self._pool("one.vmpool.infoextended", *arguments)
        except MethodNotFound:  # up to early 5.8, whose rows are whole
            yield from self._pool("one.vmpool.info", *arguments)

    def _id(self, method: str, *arguments: str | int | bool) -> int:
        answer = self.client.call(method, *arguments)
        if not isinstance(answer, int):
            raise ProtocolError(f"{method} answered {answer!r} instead of an id")
        return answer

    def _rows(self, method: str, *arguments: str | int | bool) -> list[VmRow]:
        return [VmRow.read(vm) for vm in self._pool(method, *arguments)]

    def _pool(
        self, method: str, *arguments: str | int | bool, tag: str = "VM"
    ) -> Iterator[Element]:
        """Yield each object of a pool, until the next one is asked for."""
        answer = self.client.pieces(method, *arguments)
        try:
            with _ONE_AT_A_TIME:
                yield from each(answer, tag)
        except ProtocolError as error:
            raise self._located(error, method) from None

    def _xml(self, method: str, *arguments: str | int | bool) -> Element:
        answer = self.client.pieces(method, *arguments)
        try:
            return parse(b"".join(answer))
        except ProtocolError as error:
            raise self._located(error, method) from None

    def _located(self, error: ProtocolError, method: str) -> ProtocolError:
        error.call, error.endpoint = method, self.endpoint
        return error
