"""A cloud's calls with types: arguments in OpenNebula's order, answers as records.

What only some callers need has modules of its own: ``administration``, ``devices`` and
``handover``. Source of order and meaning: ``src/rm/*.cc`` of each release. Every method raises
the errors of ``opennebula.errors``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from enum import IntEnum
from typing import TYPE_CHECKING, TypeVar

from one2one.opennebula.breaker import Breaker
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import NotFound, NotSendable
from one2one.opennebula.ids import read_id
from one2one.opennebula.objects import call_for_id, fetch, keep_element
from one2one.opennebula.pools import EVERY_ID, NOT_DONE, OWN, VISIBLE, Pools
from one2one.opennebula.records import Host, Vm, VmRow, VmSummary, VmTemplate
from one2one.opennebula.xml import Element, parse_pieces, read_texts, text_of
from one2one.opennebula.zone_client import make_client

if TYPE_CHECKING:
    from one2one.opennebula.known_rows import KnownRows
    from one2one.opennebula.quotas import VmQuotas

Value = TypeVar("Value")


class Update(IntEnum):
    """How ``one.*.update`` treats the attributes that a call does not give. 0 would drop them."""

    MERGE = 1


class Cloud:
    """An OpenNebula as one of its users sees it. Thread-safe."""

    def __init__(
        self, servers: Sequence[Endpoint], session: str, breakers: Sequence[Breaker] = ()
    ) -> None:
        """Take the servers of the cloud, in the order in which they are tried."""
        self.client = make_client(servers, session, breakers)
        self.pools = Pools(self.client)

    def close(self) -> None:
        """Close every connection."""
        self.client.close()

    @property
    def url(self) -> str:
        """The URL of the server in use."""
        return self.client.url

    @property
    def unread(self) -> dict[str, str]:
        """The objects of pools that could not be read, such as ``VM 7``, and why."""
        return dict(self.pools.unread)

    def is_unread(self, vm_id: int) -> bool:
        """Tell whether a pool held a VM that could not be read."""
        return f"VM {vm_id}" in self.pools.unread

    def get_version(self) -> str:
        """Return the release, such as ``6.10.0``."""
        return str(self.client.call("one.system.version"))

    def get_vm(self, vm_id: int, *, decrypt: bool = False) -> Vm:
        """Return a VM; *decrypt* works for administrators only, from 5.10."""
        return fetch(self.client, Vm.read, "VM", "one.vm.info", vm_id, decrypt=decrypt)

    def vm_action(self, action: str, vm_id: int) -> None:
        """Ask for *action* (``poweroff``, ``terminate-hard``, …). Returns before it is done."""
        self.client.call("one.vm.action", action, vm_id)

    def resize_vm(self, vm_id: int, template: str) -> None:
        """Give a VM the CPU, VCPU and MEMORY in *template*, as far as its host has them.

        One that is off has them at once. One that runs needs 6.0 and LIVE_RESIZE of its driver;
        WrongState is raised without them.
        """
        self.client.call("one.vm.resize", vm_id, template, True)

    def update_configuration(self, vm_id: int, template: str) -> None:
        """Replace a VM's CONTEXT, and its other sections that *template* does not have.

        A VM that runs needs 5.10, and its guest gets the CONTEXT at once.
        """
        self.client.call("one.vm.updateconf", vm_id, template)

    def create_snapshot(self, vm_id: int, name: str) -> int:
        """Have a system snapshot made, and return its number within the VM.

        Each call makes another one. It is there at once, with ACTIVE=YES until it is made. This
        call and the next two are refused with WrongState where the VM does not run.
        """
        return call_for_id(self.client, "one.vm.snapshotcreate", vm_id, name)

    def revert_snapshot(self, vm_id: int, number: int) -> None:
        """Have a VM brought back to a system snapshot."""
        self.client.call("one.vm.snapshotrevert", vm_id, number)

    def delete_snapshot(self, vm_id: int, number: int) -> None:
        """Have a system snapshot deleted; where a VM's driver keeps them, in POWEROFF too."""
        self.client.call("one.vm.snapshotdelete", vm_id, number)

    def update_vm(self, vm_id: int, template: str, mode: Update) -> None:
        """Change the attributes of a VM's user template; its owner may."""
        self.client.call("one.vm.update", vm_id, template, int(mode))

    def list_newest_vms(self, limit: int) -> list[VmRow]:
        """Return the calling user's VMs that are not DONE, *limit* of them, newest first.

        Newest first is OpenNebula's default; a cloud with API_LIST_ORDER=ASC answers oldest
        first. If the cloud cannot send one of the newest, all VMs are returned.
        """
        try:
            return self.pools.read(VmRow.read, "one.vmpool.info", OWN, 0, -limit, NOT_DONE)
        except NotSendable:
            return self.list_vms()

    def list_vms(self, ids: range = EVERY_ID) -> list[VmRow]:
        """Return the calling user's VMs that are not DONE, with certain *ids*."""
        return self.pools.read_range(VmRow.read, "one.vmpool.info", OWN, NOT_DONE, ids=ids)

    def list_summaries(self, whose: int = OWN) -> list[VmSummary]:
        """Return all of the calling user's VMs, or of any user's, that are not DONE."""
        return self.pools.read_range(VmSummary.read, "one.vmpool.info", whose, NOT_DONE)

    def find_summary(self, vm_id: int) -> VmSummary | None:
        """Return one VM, DONE or not, in short; None only if the cloud says that it has none."""
        try:
            return fetch(self.client, VmSummary.read, "VM", "one.vm.info", vm_id)
        except NotFound:
            return None

    def list_vms_by_id(self, vm_ids: Iterable[int]) -> list[VmRow]:
        """Return the calling user's VMs with these ids; unknown ids are left out.

        Before 5.12 those that are DONE are left out too.
        """
        return self.pools.read_by_id(VmRow.read, vm_ids)

    def list_summaries_by_id(
        self,
        vm_ids: Iterable[int],
        whose: int = OWN,
        known: "KnownRows[VmSummary] | None" = None,
    ) -> list[VmSummary]:
        """Return the same VMs, or any user's, with their sizes, hosts and addresses.

        A VM whose row is in *known* is returned as it was read before.
        """
        if known:
            known.begin_reading()
        return self.pools.read_by_id(VmSummary.read, vm_ids, whose, known=known)

    def list_whole_vms(self) -> list[Vm]:
        """Return the calling user's VMs that are not DONE, whole: 4 KB and more for each."""
        return self.pools.read_extended(Vm.read)

    def list_whole_vms_by_id(self, vm_ids: Iterable[int]) -> list[Vm]:
        """Return the same VMs, whole."""
        return self.pools.read_by_id(Vm.read, vm_ids, extended=True)

    def list_few_whole_vms(self, vm_ids: Iterable[int]) -> list[Vm]:
        """Return any user's VMs with these ids, whole; unknown ids are left out.

        Before 5.12 it makes a call for each, because only all of a cloud's VMs can be listed whole.
        """
        if self.pools.has_infoset:
            return self.list_whole_vms_by_id(vm_ids)
        vms = []
        for vm_id in vm_ids:
            with suppress(NotFound):
                vms.append(self.get_vm(vm_id))
        return vms

    def list_monitoring_by_id(
        self,
        vm_ids: Iterable[int],
        use: Callable[[int, Mapping[str, str]], Value],
        known: "KnownRows[tuple[int, Value]] | None" = None,
    ) -> dict[int, Value]:
        """Return what *use* makes of the newest monitoring record of each VM that has one.

        What it made of a record in *known* is returned again.

        Its TIMESTAMP is in seconds since 1970, by the cloud's clock.

        Before 5.12 the call for monitoring answers with hours of records. The whole VMs contain
        the newest record and are a shorter answer.
        """
        wanted = set(vm_ids)

        def read(element: Element) -> tuple[int, Value] | None:
            is_record = element.tag == "MONITORING"
            record = element if is_record else element.find("MONITORING")
            if record is None:
                return None
            texts = read_texts(record)
            if not is_record:
                texts["ID"] = text_of(element.find("ID"))
                texts.setdefault("TIMESTAMP", text_of(element.find("LAST_POLL")))
            vm_id = read_id(texts.get("ID"))
            return (vm_id, use(vm_id, texts)) if vm_id in wanted else None

        if not wanted:
            return {}
        if known:
            known.begin_reading()
        if not self.pools.has_infoset:
            return dict(self.pools.read_extended(read, known))
        method, tag = "one.vmpool.monitoring", "MONITORING"
        return dict(self.pools.read(read, method, OWN, 0, tag=tag, known=known))

    def get_template(self, template_id: int) -> VmTemplate:
        """Return a VM template."""
        return fetch(self.client, VmTemplate.read, "VMTEMPLATE", "one.template.info", template_id)

    def list_templates(self) -> list[VmTemplate]:
        """Return every VM template that the calling user may use."""
        return self.pools.read_range(
            VmTemplate.read, "one.templatepool.info", VISIBLE, tag="VMTEMPLATE"
        )

    def instantiate(self, template_id: int, name: str, extra: str) -> int:
        """Create a VM called *name*, not on hold, and return its id.

        The attributes in *extra* (template text or XML) replace the template's of the same name.
        Each call makes another VM: do not repeat one whose result is unknown.
        """
        return call_for_id(self.client, "one.template.instantiate", template_id, name, False, extra)

    def get_host(self, host_id: int, *, decrypt: bool = False) -> Host:
        """Return a host; *decrypt* works for administrators only, from 5.10."""
        return fetch(self.client, Host.read, "HOST", "one.host.info", host_id, decrypt=decrypt)

    def list_hosts(self) -> list[Host]:
        """Return every host that the calling user may see."""
        return self.pools.read(Host.read, "one.hostpool.info", tag="HOST")

    def update_host(self, host_id: int, template: str, mode: Update = Update.MERGE) -> None:
        """Change the attributes of a host's template."""
        self.client.call("one.host.update", host_id, template, int(mode))

    def get_quotas(self) -> "tuple[VmQuotas, VmQuotas]":
        """Return the VM quotas of the calling user and of its primary group."""
        from one2one.opennebula.quotas import VmQuotas  # no script of a VM needs it

        return VmQuotas.read(self.get_user()), VmQuotas.read(self.get_group())

    def get_user(self, user_id: int = -1) -> Element:
        """Return a user with its quotas, the caller by default."""
        return fetch(self.client, keep_element, "USER", "one.user.info", user_id)

    def get_group(self, group_id: int = -1) -> Element:
        """Return a group with its quotas, the caller's primary one by default."""
        return fetch(self.client, keep_element, "GROUP", "one.group.info", group_id)

    def get_zone(self, zone_id: int) -> Element:
        """Return a zone with the servers of its SERVER_POOL."""
        return fetch(self.client, keep_element, "ZONE", "one.zone.info", zone_id)

    def get_raft(self) -> Element:
        """Return the HA state of the oned that answers, not that of its leader."""
        return self.client.read(parse_pieces, "one.zone.raftstatus")

    def get_config(self) -> Element:
        """Return oned's configuration, which only oneadmin may read."""
        return self.client.read(parse_pieces, "one.system.config")
