"""The parts of the archive: what each is called, and how it is collected.

No name in the archive comes from outside.
"""

import json
import platform
import sys
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from http.client import HTTPException
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from one2one import __version__
from one2one.admin.doctor.command import examine
from one2one.admin.doctor.facts import FrontEnd
from one2one.admin.host.view import view_hosts
from one2one.admin.hosts import connect
from one2one.admin.support.tail import read_tail
from one2one.admin.vm.pairs import PairReader, VmPair
from one2one.driver.local import LocalCloud
from one2one.driver.locations import log_location, vm_log
from one2one.hybrid.ownership import Identity
from one2one.opennebula.errors import OneError
from one2one.opennebula.records import Host
from one2one.opennebula.template import Template, parse_text, to_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_PACKAGES = (
    *("lxml", "click", "rich", "cryptography"),
    *("grpcio", "prometheus-client", "opennebula-sandbox"),
)
_LOGS = ("oned.log", "monitor.log", "sched.log")
_VM_LINES = 200
_MOST_VMS = 20
_CONFIGURATION = frozenset(
    (
        *("VM_MAD", "IM_MAD", "HOST_ENCRYPTED_ATTR", "MANAGER_TIMER", "PROBES_PERIOD"),
        *("MONITORING_INTERVAL", "MONITORING_INTERVAL_HOST", "MONITORING_INTERVAL_VM"),
        *("HOST_MONITORING_EXPIRATION_TIME", "VM_MONITORING_EXPIRATION_TIME", "FEDERATION"),
        *("RAFT", "NETWORK", "LOG", "PORT", "LISTEN_ADDRESS", "MAX_CONN", "MAX_CONN_BACKLOG"),
        *("KEEPALIVE_TIMEOUT", "KEEPALIVE_MAX_CONN", "TIMEOUT", "MESSAGE_SIZE", "RPC_LOG"),
        *("API_LIST_ORDER", "VM_RESTRICTED_ATTR", "IMAGE_RESTRICTED_ATTR", "VNET_RESTRICTED_ATTR"),
        *("IMPORTED_VMS_ACTIONS", "DEFAULT_DEVICE_PREFIX"),
    )
)
"""The attributes of oned.conf and monitord.conf that are collected. Those of databases are not."""
_METRICS_S = 5.0
_METRICS_OPTION = "--metrics"


@dataclass(frozen=True)
class Limits:
    """How much is collected."""

    lines: int
    """The most lines of a log."""
    size: int
    """The most bytes of a log, and of metrics."""


@dataclass(frozen=True)
class Part:
    """A file of the archive."""

    name: str
    collect: Callable[[], str]
    """Raises OneError and OSError."""


class Sources:
    """Where the parts come from."""

    def __init__(self, environment: Mapping[str, str], limits: Limits) -> None:
        self._environment = environment
        self._limits = limits
        self._front_end = FrontEnd(environment)

    def list_parts(self) -> Iterator[Part]:
        """Yield the parts, the shortest and most important first."""
        yield Part("versions.txt", self._describe_versions)
        yield Part("doctor.json", lambda: _dump(examine(None)))
        yield Part("hosts.json", lambda: _dump(view_hosts(self._local)))
        yield Part("vms.json", lambda: _dump(self._pairs))
        yield Part("oned.conf", lambda: _choose(self._front_end.oned_conf))
        yield Part("monitord.conf", lambda: _choose(self._front_end.monitord_conf))
        yield from _survive("remote.json", self._list_remotes())
        yield from _survive("metrics.txt", self._list_metrics())
        for name in _LOGS:
            path = log_location(self._environment) / name
            yield Part(f"logs/{name}", partial(self._read_log, path, self._limits.lines))
        yield from _survive("logs/vm.log", self._list_vm_logs())

    @property
    def _local(self) -> LocalCloud:
        return self._front_end.local

    @cached_property
    def _pairs(self) -> list[VmPair]:
        with PairReader(self._local) as pairs:
            return pairs.read()

    def _describe_versions(self) -> str:
        lines = [
            f"one2one {__version__}",
            f"Python {sys.version}",
            platform.platform(),
            *(f"{name} {_find_version(name)}" for name in _PACKAGES),
        ]
        with suppress(OneError, OSError):  # doctor.json tells why
            lines.append(f"OpenNebula's files {'.'.join(map(str, self._front_end.layout.version))}")
            lines.append(f"oned {self._front_end.version}")
        return "\n".join(lines)

    def _list_remotes(self) -> Iterator[Part]:
        for host in self._front_end.hosts:
            yield Part(f"remote-{host.id}.json", partial(self._read_remote, host))

    def _read_remote(self, host: Host) -> str:
        """Return the state and the marks of every VM of a host's remote account."""
        cloud = connect(self._local, host)
        try:
            vms = cloud.list_whole_vms()
        finally:
            cloud.close()
        rows = [
            {"state": str(vm.state), "name": vm.name, **asdict(Identity.read(vm))} for vm in vms
        ]
        return json.dumps(rows, indent=1)

    def _list_metrics(self) -> Iterator[Part]:
        for kind in ("VM_MAD", "IM_MAD"):
            entry = self._front_end.mad(kind)
            words = entry.vector.get("ARGUMENTS", "").split() if entry else []
            if _METRICS_OPTION in words[:-1]:
                address = words[words.index(_METRICS_OPTION) + 1]
                name = f"metrics-{kind.lower().replace('_', '-')}.txt"
                yield Part(name, partial(self._read_metrics, address))

    def _read_metrics(self, address: str) -> str:
        way = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with way.open(f"http://{address}/metrics", timeout=_METRICS_S) as answer:
                text: bytes = answer.read(self._limits.size)
        except HTTPException as error:
            raise OSError(f"{address} does not speak HTTP ({type(error).__name__})") from None
        return text.decode(errors="replace")

    def _list_vm_logs(self) -> Iterator[Part]:
        for vm_id in [pair.id for pair in self._pairs if pair.problem][-_MOST_VMS:]:
            path = vm_log(vm_id, self._environment)
            yield Part(f"logs/vm-{vm_id}.log", partial(self._read_log, path, _VM_LINES))

    def _read_log(self, path: Path, lines: int) -> str:
        return read_tail(path, lines, self._limits.size)


def _survive(name: str, parts: Iterable[Part]) -> Iterator[Part]:
    """Yield *parts*; what ends their list is told in a part of this *name*."""
    try:
        yield from parts
    except (OneError, OSError) as error:
        yield Part(name, partial(_fail, error))


def _fail(error: Exception) -> str:
    raise error


def _dump(rows: Iterable["DataclassInstance"]) -> str:
    return json.dumps([asdict(row) for row in rows], indent=1)


def _choose(configuration: str) -> str:
    """Return the attributes of a configuration that are collected."""
    chosen = [(name, value) for name, value in parse_text(configuration) if name in _CONFIGURATION]
    return to_text(Template(chosen))


def _find_version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "is not installed"
