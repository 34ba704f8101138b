"""The facts for the checks. Each is read once, when a check first needs it."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from one2one.admin.doctor.first_answer import FirstAnswer, ask_first
from one2one.admin.hosts import list_hybrid_hosts
from one2one.admin.install.configuration import Mad, list_mads
from one2one.admin.install.layout import Layout, find_layout
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import build_endpoints
from one2one.hybrid.ownership import Identity
from one2one.hybrid.settings import Settings
from one2one.opennebula.administration import get_last_report_time
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import ConfigurationError, OneError, ProtocolError
from one2one.opennebula.numbers import parse_number
from one2one.opennebula.pools import VISIBLE
from one2one.opennebula.quotas import VmQuotas
from one2one.opennebula.records import Host, Vm, VmSummary, VmTemplate
from one2one.opennebula.states import RaftState
from one2one.opennebula.template import parse_text
from one2one.opennebula.urls import split_endpoints
from one2one.opennebula.xml import Element


class FrontEnd:
    """The local side. Reading raises OneError and OSError."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment

    @cached_property
    def local(self) -> LocalCloud:
        """The local cloud, as our drivers see it."""
        return LocalCloud(self._environment)

    @cached_property
    def version(self) -> str:
        """The release of the running oned."""
        return self.local.cloud.get_version()

    @cached_property
    def layout(self) -> Layout:
        """Where OpenNebula's files are."""
        return find_layout(Path("/"), self._environment)

    @cached_property
    def oned_conf(self) -> str:
        """The text of oned.conf."""
        return _read(self.layout.oned_conf)

    @cached_property
    def monitord_conf(self) -> str:
        """The text of the file with the IM drivers."""
        return _read(self.layout.monitord_conf or self.layout.oned_conf)

    @cached_property
    def hosts(self) -> list[Host]:
        """The hybrid hosts."""
        return list_hybrid_hosts(self.local)

    @cached_property
    def vms(self) -> dict[int, VmSummary]:
        """Every local VM that is not DONE, by id."""
        return {vm.id: vm for vm in self.local.cloud.list_summaries(VISIBLE)}

    @cached_property
    def templates(self) -> list[VmTemplate]:
        """Every local VM template."""
        return self.local.cloud.list_templates()

    @cached_property
    def leads(self) -> bool:
        """Whether hosts are monitored from here: on an HA follower they are not."""
        return self.local.raft_state() is not RaftState.FOLLOWER

    @cached_property
    def servers(self) -> dict[str, str]:
        """The URLs of an HA front-end's servers, by their names."""
        return self.local.list_servers()

    @cached_property
    def report_period(self) -> float:
        """After how many seconds the next report of a host is due; 0 where oned keeps none."""
        configuration = parse_text(self.monitord_conf)
        if configuration.text("HOST_MONITORING_EXPIRATION_TIME", "1").strip() == "0":
            return 0
        if self.layout.monitord_conf:
            period = configuration.vector("PROBES_PERIOD").get("MONITOR_HOST", "") or "120"
        else:
            period = configuration.text("MONITORING_INTERVAL_HOST", "180")
        seconds = parse_number(period.strip())
        if seconds is None:
            raise ProtocolError(f"the period of monitoring is {period!r}, no number", remedy="")
        return seconds

    def mad(self, kind: str) -> Mad | None:
        """Return our driver's entry in the configuration, VM_MAD or IM_MAD."""
        source = self.oned_conf if kind == "VM_MAD" else self.monitord_conf
        return next((mad for mad in list_mads(source) if mad.kind == kind and mad.is_ours), None)


class HybridHost:
    """A hybrid host and its remote cloud. Reading raises OneError."""

    def __init__(self, front_end: FrontEnd, host_id: int) -> None:
        self.front_end = front_end
        self._id = host_id

    @cached_property
    def host(self) -> Host:
        """The host, its attributes decrypted."""
        return self.front_end.local.get_host(self._id)

    @cached_property
    def last_report(self) -> int:
        """When oned took the last report of the host, in seconds since 1970; 0 for never."""
        if self.front_end.layout.monitord_conf:
            return self.host.monitored
        return get_last_report_time(self.front_end.local.cloud, self._id)

    @cached_property
    def settings(self) -> Settings:
        """The host's settings for its remote."""
        return self.front_end.local.read_settings_of(self.host)

    @cached_property
    def cloud(self) -> Cloud:
        """The remote cloud."""
        return Cloud(build_endpoints(self.settings), self.settings.session)

    @cached_property
    def first_answers(self) -> dict[str, FirstAnswer | OneError]:
        """The facts from the first connection to each server, by URL, or why there are none."""
        return {
            server.url: _try_first(server, self.settings.session)
            for server in build_endpoints(self.settings)
        }

    @cached_property
    def version(self) -> str:
        """The remote's release."""
        return self.cloud.get_version()

    @cached_property
    def user(self) -> Element:
        """The account, as the remote describes it."""
        return self.cloud.get_user()

    @cached_property
    def group(self) -> Element:
        """The account's primary group, as the remote describes it."""
        return self.cloud.get_group()

    @property
    def quotas(self) -> tuple[VmQuotas, VmQuotas]:
        """The quotas of the account and of its group."""
        return VmQuotas.read(self.user), VmQuotas.read(self.group)

    @cached_property
    def templates(self) -> dict[int, VmTemplate]:
        """The remote templates that the account may use, by id."""
        return {template.id: template for template in self.cloud.list_templates()}

    @cached_property
    def vms(self) -> list[Vm]:
        """The account's remote VMs that are not DONE, whole."""
        return self.cloud.list_whole_vms()

    @cached_property
    def identities(self) -> list[Identity]:
        """What these VMs say of whose they are."""
        return [Identity.read(vm) for vm in self.vms]

    @property
    def neighbours(self) -> list[Host]:
        """The hybrid hosts with a server of this one's remote, itself included."""
        servers = set(self.settings.endpoints)
        return [
            host
            for host in self.front_end.hosts
            if servers.intersection(split_endpoints(host.template.text("ONE_ENDPOINT")))
        ]

    @property
    def local_vms(self) -> list[VmSummary]:
        """The host's VMs in the local cloud."""
        return [vm for vm in self.front_end.vms.values() if vm.host_id == self.host.id]

    def close(self) -> None:
        """Close the connections."""
        if "cloud" in self.__dict__:
            self.cloud.close()


def _try_first(server: Endpoint, session: str) -> FirstAnswer | OneError:
    try:
        return ask_first(server, session)
    except OneError as error:
        return error


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="surrogateescape")
    except OSError as error:
        raise ConfigurationError(
            f"cannot read {path} ({error.strerror})", remedy="Run this as oneadmin"
        ) from None
