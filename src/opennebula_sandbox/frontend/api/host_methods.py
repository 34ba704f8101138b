"""The calls about hosts, users and the installation."""

import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol
from xml.sax.saxutils import escape

from one2one.opennebula.states import HostState, RaftState
from one2one.opennebula.template import Template, Value
from opennebula_sandbox.cloud.accounts import User
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.merging import merge
from opennebula_sandbox.cloud.objects import Host, HostShare
from opennebula_sandbox.cloud.profile import Profile
from opennebula_sandbox.cloud.refusal import no_such_error
from opennebula_sandbox.cloud.wire.grammar import parse
from opennebula_sandbox.cloud.wire.render import render_attribute, render_attributes
from opennebula_sandbox.cloud.wire.render_host import render_host
from opennebula_sandbox.frontend.oned.pools import Pools
from opennebula_sandbox.frontend.oned.vm_builder import ONEGATE_ENDPOINT
from opennebula_sandbox.frontend.secret import decrypt, encrypt

_ENCRYPTED = "ONE_PASSWORD"
_BY_STATUS = {0: HostState.INIT, 1: HostState.DISABLED, 2: HostState.OFFLINE}


class Watch(Protocol):
    """Tells the monitoring about a host that is new, has a new state, or is deleted."""

    def __call__(self, host: Host, *, deleted: bool = False) -> None:
        """Tell the monitoring about *host*."""


class HostMethods:
    """Answers the calls about hosts, users and the installation."""

    def __init__(self, pools: Pools, profile: Profile, one_key: str, watch: Watch) -> None:
        self._pools = pools
        self._watch = watch
        self._profile = profile
        self._one_key = one_key

    def methods(self) -> Mapping[str, Method]:
        """Return the calls by name."""
        return {
            "one.host.allocate": Method(self._allocate, (str, str, str), (int,)),
            "one.host.delete": Method(self._delete, (int,)),
            "one.host.info": Method(self._info, (int,), (bool,)),
            "one.host.monitoring": Method(self._monitoring, (int,)),
            "one.host.status": Method(self._status, (int, int)),
            "one.host.update": Method(self._update, (int, str, int)),
            "one.hostpool.info": Method(self._pool),
            "one.system.config": Method(self._config),
            "one.system.version": Method(self._version),
            "one.grouppool.info": Method(self._groups),
            "one.user.info": Method(self._user, (int,), (bool,)),
            "one.userpool.info": Method(self._users),
            "one.zone.info": Method(self._zone, (int,), (bool,)),
            "one.zone.raftstatus": Method(self._raft),
        }

    def add_user(self, name: str, password: str, group: str) -> User:
        """Create a user, with the secret that encrypts OneGate tokens."""
        user = self._pools.accounts.add(name, password, group)
        token_password = sha256(secrets.token_bytes()).hexdigest()
        user.template = Template([("TOKEN_PASSWORD", token_password)])
        return user

    def _info(self, _user: User, host_id: int, opened: bool = False) -> str:
        host = self._pools.find_host(host_id)
        closed = host.template
        if opened:
            host.template = Template((n, self._decrypt(n, v)) for n, v in closed)
        try:
            return render_host(host, self._profile, monitoring=True)
        finally:
            host.template = closed

    def _monitoring(self, _user: User, host_id: int) -> str:
        """Return only the newest record, as 5.10 does."""
        host = self._pools.find_host(host_id)
        record = (
            f"<HOST><ID>{host.id}</ID><STATE>{host.state}</STATE>"
            f"<LAST_MON_TIME>{host.reported_at}</LAST_MON_TIME></HOST>"
        )
        return f"<MONITORING_DATA>{record if host.reported_at else ''}</MONITORING_DATA>"

    def _pool(self, user: User) -> str:
        hosts = map(self._pools.find_host, self._pools.hosts) if user.is_admin else ()
        rows = (render_host(host, self._profile, monitoring=False) for host in hosts)
        return f"<HOST_POOL>{''.join(rows)}</HOST_POOL>"

    def _allocate(self, _user: User, name: str, im_mad: str, vm_mad: str, _c: int = -1) -> int:
        number = max(self._pools.hosts, default=-1) + 1
        fixed = Template(
            [("IM_MAD", im_mad), ("VM_MAD", vm_mad), ("RESERVED_CPU", ""), ("RESERVED_MEM", "")]
        )
        self._pools.hosts[number] = Host(
            number,
            name,
            im_mad,
            vm_mad,
            state=HostState.INIT,
            previous_state=HostState.INIT,
            template=fixed,
        )
        self._watch(self._pools.hosts[number])
        return number

    def _delete(self, _user: User, host_id: int) -> int:
        self._watch(self._pools.find_host(host_id), deleted=True)
        del self._pools.hosts[host_id]
        return host_id

    def _status(self, _user: User, host_id: int, status: int) -> int:
        host = self._pools.find_host(host_id)
        state = _BY_STATUS[status]
        if host.state == HostState.DISABLED and state == HostState.INIT and host.share.total_cpu:
            state = HostState.MONITORED
        elif state == HostState.OFFLINE:
            host.share = HostShare()
        self._pools.set_state(host, state)
        self._watch(host)
        return host_id

    def _update(self, _user: User, host_id: int, text: str, append: int) -> int:
        host = self._pools.find_host(host_id)
        changes = Template((name, self._encrypt(name, value)) for name, value in parse(text))
        host.template = merge(host.template if append else Template(), changes)
        self._pools.note_update(host_id)
        return host_id

    def _encrypt(self, name: str, value: Value) -> Value:
        if name != _ENCRYPTED or isinstance(value, dict) or decrypt(value, self._one_key):
            return value
        return encrypt(value, self._one_key)

    def _decrypt(self, name: str, value: Value) -> Value:
        if name != _ENCRYPTED or isinstance(value, dict):
            return value
        return decrypt(value, self._one_key) or value

    def _version(self, _user: User) -> str:
        return self._profile.version

    def _config(self, _user: User) -> str:
        shown = [
            ("ONEGATE_ENDPOINT", ONEGATE_ENDPOINT),
            ("ONE_KEY", self._one_key),
            *(("VM_RESTRICTED_ATTR", name) for name in self._pools.restricted),
        ]
        inner = "".join(render_attribute(name, value) for name, value in shown)
        return f"<OPENNEBULA_CONFIGURATION>{inner}</OPENNEBULA_CONFIGURATION>"

    def _user(self, user: User, user_id: int, _opened: bool = False) -> str:
        account = user if user_id == -1 else self._pools.accounts.find_user(user_id)
        if account is None or not (user.is_admin or account is user):
            raise no_such_error("user", user_id)
        return (
            f"<USER><ID>{account.id}</ID><GID>{account.group.id}</GID>"
            f"<GROUPS><ID>{account.group.id}</ID></GROUPS><GNAME>{account.group.name}</GNAME>"
            f"<NAME>{account.name}</NAME><TEMPLATE>{render_attributes(account.template)}</TEMPLATE></USER>"
        )

    def _users(self, user: User) -> str:
        ids = [account.id for account in self._pools.accounts.users.values()]
        return f"<USER_POOL>{''.join(self._user(user, number) for number in ids)}</USER_POOL>"

    def _groups(self, _user: User) -> str:
        rows = (
            f"<GROUP><ID>{group.id}</ID><NAME>{group.name}</NAME></GROUP>"
            for group in self._pools.accounts.groups.values()
        )
        return f"<GROUP_POOL>{''.join(rows)}</GROUP_POOL>"

    def _raft(self, _user: User) -> str:
        server_id = -1 if self._pools.raft is RaftState.SOLO else 0
        return (
            f"<RAFT><SERVER_ID>{server_id}</SERVER_ID><STATE>{self._pools.raft:d}</STATE>"
            "<TERM>1</TERM><VOTEDFOR>-1</VOTEDFOR><COMMIT>0</COMMIT><LOG_INDEX>-1</LOG_INDEX>"
            "<LOG_TERM>-1</LOG_TERM><FEDLOG_INDEX>-1</FEDLOG_INDEX></RAFT>"
        )

    def _zone(self, _user: User, zone_id: int, _opened: bool = False) -> str:
        if zone_id != 0:
            raise no_such_error("zone", zone_id)
        state = "<STATE>0</STATE>" if self._profile.newer_body else ""
        endpoint = render_attribute("ENDPOINT", "http://localhost:2633/RPC2")
        servers = "".join(
            f"<SERVER><ENDPOINT>{escape(url)}</ENDPOINT><ID>{number}</ID><NAME>{escape(name)}</NAME></SERVER>"
            for number, (name, url) in enumerate(self._pools.servers.items())
        )
        return (
            f"<ZONE><ID>0</ID><NAME>OpenNebula</NAME>{state}<TEMPLATE>{endpoint}</TEMPLATE>"
            f"<SERVER_POOL>{servers}</SERVER_POOL></ZONE>"
        )
