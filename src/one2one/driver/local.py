"""The local cloud, as its drivers see it: oneadmin's session and OpenNebula's own places.

Credentials and endpoint are found as OpenNebula's Ruby library does it (``client.rb``, the same
from 5.4 to 7.4): ONE_AUTH, ~/.one/one_auth, <var>/.one/one_auth; ONE_XMLRPC, one_endpoint,
localhost.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from one2one import runtime
from one2one.driver.locations import etc_location, var_location
from one2one.driver.own_file import open_own_file
from one2one.driver.single_flight import SingleFlight
from one2one.hybrid.naming import HYBRID_ID
from one2one.hybrid.onegate import make_onegate_token
from one2one.hybrid.settings import Settings, read_settings
from one2one.opennebula.cloud import Cloud
from one2one.opennebula.endpoint import Endpoint
from one2one.opennebula.errors import ConfigurationError, OneError, ProtocolError, Refused
from one2one.opennebula.ids import read_id
from one2one.opennebula.pools import VISIBLE
from one2one.opennebula.records import Host, Vm
from one2one.opennebula.secrets import decrypt
from one2one.opennebula.shortage import is_shortage, shortage_error
from one2one.opennebula.states import RaftState
from one2one.opennebula.template import parse_text, to_text
from one2one.opennebula.xml import read_integer, read_text

LOCK = ".one2one.lock"
"""The file, in oned's directory of variable data, that only one driver at a time may hold."""

_DEFAULT_ENDPOINT = "http://localhost:2633/RPC2"


class LocalCloud:
    """The front-end's own OpenNebula. Thread-safe."""

    def __init__(self, environment: Mapping[str, str] = runtime.environment) -> None:
        """Read credentials and endpoint; raises ConfigurationError where there are none."""
        self._var, self._etc = var_location(environment), etc_location(environment)
        endpoint = environment.get("ONE_XMLRPC") or _read_first("one_endpoint", environment)
        self._session = _read_session(environment)
        self._version: tuple[int, int] | None = None
        self._deploy_ids: SingleFlight[int, Mapping[str, set[int]]] = SingleFlight()
        self.cloud = Cloud([Endpoint(endpoint or _DEFAULT_ENDPOINT)], self._session)

    def read_settings(self, host_id: int, host_name: str) -> Settings:
        """Return what the host says now about its remote cloud, its password in clear.

        Raises ConfigurationError for missing or wrong attributes, and the errors of a call.
        """
        host = self.get_host(host_id)
        if host.name != host_name:
            raise ConfigurationError(f"host {host_id} is {host.name!r}, not {host_name!r}")
        return self.read_settings_of(host)

    def get_host(self, host_id: int) -> Host:
        """Return a host, its attributes as clear as oned shows them."""
        return self.cloud.get_host(host_id, decrypt=True)

    def read_settings_of(self, host: Host) -> Settings:
        """Return what *host* says about its remote cloud; raises as ``settings`` does."""
        settings = read_settings(host)
        if self.get_version() < (5, 10):  # such an oned decrypts nothing for its drivers
            settings = replace(settings, password=self._decrypt_password(settings.password))
        return settings

    def ensure_hybrid_id(self, host_id: int) -> str:
        """Return the host's ONE_HYBRID_ID, written first where there is none.

        A file lock keeps two drivers from writing two; what is returned was read back.
        """
        with os.fdopen(open_own_file(self._var / LOCK), "wb") as lock:
            runtime.lock_file(lock)
            present = self.cloud.get_host(host_id).template.text(HYBRID_ID)
            if present:
                return present
            self.cloud.update_host(host_id, to_text({HYBRID_ID: _make_hybrid_id()}))
            written = self.cloud.get_host(host_id).template.text(HYBRID_ID)
        if not written:
            raise ProtocolError(f"host {host_id} did not keep its {HYBRID_ID}")
        return written

    def get_vm(self, vm_id: int) -> Vm:
        """Return a local VM with its whole history and with encrypted attributes in clear."""
        return self.cloud.get_vm(vm_id, decrypt=True)

    def map_deploy_ids(self, host_id: int, not_before: float) -> Mapping[str, set[int]]:
        """Return the VMs on a host by their deploy ids, read at *not_before* or later."""
        return self._deploy_ids.get(host_id, not_before, lambda: self._read_deploy_ids(host_id))

    def make_onegate_token(self, vm: Vm) -> str | None:
        """Return the OneGate token of a VM whose CONTEXT asks for one, else None.

        From 7.0 oned writes it beside the VM's deployment file. Before that it leaves it to
        the driver, for VMs of public clouds.
        """
        if vm.template.vector("CONTEXT").get("TOKEN", "").upper() != "YES":
            return None
        try:
            return (self._var / "vms" / str(vm.id) / "token.txt").read_text().strip()
        except OSError:
            pass
        try:
            creator = read_id(vm.template.text("CREATED_BY"))
            if creator is None:
                raise ValueError("the VM does not say who created it")
            password = read_text(self.cloud.get_user(creator), "TEMPLATE/TOKEN_PASSWORD")
            return make_onegate_token(vm.id, vm.stime, password)
        except (ValueError, OneError) as error:
            raise Refused(
                f"no OneGate token can be made: {error}",
                remedy="Remove TOKEN from the template's CONTEXT, or give its creator a "
                "TOKEN_PASSWORD",
            ) from None

    def get_version(self) -> tuple[int, int]:
        """Return oned's release, such as ``(6, 10)``; asked for once."""
        if self._version is None:
            answer = self.cloud.get_version()
            try:
                major, minor = answer.split(".")[:2]
                self._version = (int(major), int(minor))
            except ValueError:
                raise ProtocolError(f"oned calls its release {answer[:60]!r}") from None
        return self._version

    def raft_state(self) -> RaftState:
        """Return the HA state of the oned beside us; SOLO where there is no HA.

        oned starts its drivers on followers too, and only a leader has hosts monitored. An
        endpoint may lead to another server of the zone, whose state is not ours: that is told
        as FOLLOWER.
        """
        raft = self.cloud.get_raft()
        state, answering = read_integer(raft, "STATE"), read_integer(raft, "SERVER_ID")
        if state not in (RaftState.SOLO, RaftState.LEADER):
            return RaftState.FOLLOWER
        if state == RaftState.LEADER and self._server_id not in (answering, None):
            return RaftState.FOLLOWER
        return RaftState(state)

    @contextmanager
    def open_server(self, url: str) -> Iterator[Cloud]:
        """Give the server of the zone with this URL, as the local cloud's account sees it."""
        cloud = Cloud([Endpoint(url)], self._session)
        try:
            yield cloud
        finally:
            cloud.close()

    def list_servers(self) -> dict[str, str]:
        """Return the URLs of the zone's servers by their names; none where there is no HA."""
        zone = self.cloud.get_zone(self._read_federation("ZONE_ID") or 0)
        return {
            read_text(server, "NAME"): read_text(server, "ENDPOINT")
            for server in zone.iterfind("SERVER_POOL/SERVER")
        }

    @cached_property
    def _server_id(self) -> int | None:
        """This server's id in its zone by oned.conf, None where that does not tell."""
        return self._read_federation("SERVER_ID")

    def _read_federation(self, name: str) -> int | None:
        try:
            configuration = (self._etc / "oned.conf").read_text(errors="replace")
            return int(parse_text(configuration).vector("FEDERATION")[name])
        except (OSError, OneError, KeyError, ValueError):
            return None

    def _read_deploy_ids(self, host_id: int) -> Mapping[str, set[int]]:
        vm_ids: dict[str, set[int]] = {}
        for row in self.cloud.list_summaries_by_id(self.cloud.get_host(host_id).vm_ids, VISIBLE):
            if row.host_id == host_id:
                vm_ids.setdefault(row.deploy_id, set()).add(row.id)
        return vm_ids

    def _decrypt_password(self, password: str) -> str:
        """Return a host's password as 5.6 and 5.8 were given it: long ones they keep in clear."""
        key = read_text(self.cloud.get_config(), "ONE_KEY")
        try:
            return decrypt(password, key)
        except ValueError:
            return password


def _make_hybrid_id() -> str:
    from uuid import UUID  # slow to import, and needed once for each host

    return str(UUID(bytes=runtime.random_bytes(16), version=4))


def _read_session(environment: Mapping[str, str]) -> str:
    named = environment.get("ONE_AUTH")
    session = _read(Path(named)) if named else _read_first("one_auth", environment)
    if ":" not in session:
        raise ConfigurationError(
            f"no credentials of oneadmin in {named or '~/.one/one_auth'}",
            remedy="Run as oneadmin, or set ONE_AUTH to a file with user:password",
        )
    return session


def _read_first(name: str, environment: Mapping[str, str]) -> str:
    """Return what the first of the two usual files called *name* holds, else nothing."""
    homes = [Path(environment["HOME"])] if environment.get("HOME") else []
    return next(filter(None, (_read(d / ".one" / name) for d in [*homes, var_location({})])), "")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        if is_shortage(error):
            raise shortage_error(f"cannot read {path}", error) from None
        return ""
