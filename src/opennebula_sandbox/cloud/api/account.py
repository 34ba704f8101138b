"""The calls about users, groups and quotas, and one.system.version."""

import secrets

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.accounts import Group, User, digest
from opennebula_sandbox.cloud.api.method import Method
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.quotas import Quotas
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal, no_such_error, not_authorized_error
from opennebula_sandbox.cloud.wire.grammar import parse
from opennebula_sandbox.cloud.wire.render import render_attribute, render_attributes

_VLAN_RULES = "<VLAN_RULES><ID><![CDATA[1]]></ID></VLAN_RULES>"
_SELF = -1
_DEFAULT_LOGIN_SECONDS = 36_000


def version(oned: RemoteOned, _user: User) -> str:
    """Answer one.system.version."""
    return oned.profile.version


def user_info(oned: RemoteOned, user: User, user_id: int, *_decrypt: bool) -> str:
    """Answer one.user.info, quotas included."""
    shown = user if user_id == _SELF else oned.accounts.find_user(user_id)
    if shown is None:
        raise no_such_error("user", user_id)
    if shown is not user and not user.is_admin:
        raise not_authorized_error(user.id, f"Not authorized to perform USE USER [{user_id}]")
    group = shown.group
    tokens = "".join(
        f"<LOGIN_TOKEN>{render_attribute('TOKEN', token)}"
        f"<EXPIRATION_TIME>{int(expires)}</EXPIRATION_TIME><EGID>-1</EGID></LOGIN_TOKEN>"
        for token, expires in shown.tokens.items()
    )
    template = Template([*shown.template, ("TOKEN_PASSWORD", digest(f"token of {shown.name}"))])
    return "".join(
        (
            f"<USER><ID>{shown.id}</ID><GID>{group.id}</GID>",
            f"<GROUPS><ID>{group.id}</ID></GROUPS><GNAME>{group.name}</GNAME>",
            f"<NAME>{shown.name}</NAME>{render_attribute('PASSWORD', digest(shown.password))}",
            f"{render_attribute('AUTH_DRIVER', 'core')}<ENABLED>1</ENABLED>{tokens}",
            f"<TEMPLATE>{render_attributes(template)}</TEMPLATE>{shown.quotas.render(oned.profile)}",
            _render_defaults("USER", oned.accounts.user_defaults),
            "</USER>",
        )
    )


def group_info(oned: RemoteOned, user: User, group_id: int, *_decrypt: bool) -> str:
    """Answer one.group.info, quotas included."""
    shown = user.group if group_id == _SELF else _find_group(oned, group_id)
    if shown is not user.group and not user.is_admin:
        raise not_authorized_error(user.id, f"Not authorized to perform USE GROUP [{group_id}]")
    members = (member for member in oned.accounts.users.values() if member.group is shown)
    ids = "".join(f"<ID>{member.id}</ID>" for member in members)
    return "".join(
        (
            f"<GROUP><ID>{shown.id}</ID><NAME>{shown.name}</NAME>",
            f"<TEMPLATE>{render_attributes(shown.template)}</TEMPLATE>",
            f"<USERS>{ids}</USERS><ADMINS></ADMINS>{shown.quotas.render(oned.profile)}",
            _VLAN_RULES if oned.profile.vlan_rules else "",
            _render_defaults("GROUP", oned.accounts.group_defaults),
            "</GROUP>",
        )
    )


def set_user_quota(oned: RemoteOned, user: User, user_id: int, text: str) -> int:
    """Answer one.user.quota."""
    subject = oned.accounts.find_user(user_id)
    if subject is None:
        raise no_such_error("user", user_id)
    _set_quota(user, subject.quotas, text)
    return user_id


def set_group_quota(oned: RemoteOned, user: User, group_id: int, text: str) -> int:
    """Answer one.group.quota."""
    _set_quota(user, _find_group(oned, group_id).quotas, text)
    return group_id


def user_defaults(oned: RemoteOned, user: User) -> str:
    """Answer one.userquota.info."""
    _require_admin(user)
    return _render_defaults("USER", oned.accounts.user_defaults)


def group_defaults(oned: RemoteOned, user: User) -> str:
    """Answer one.groupquota.info."""
    _require_admin(user)
    return _render_defaults("GROUP", oned.accounts.group_defaults)


def set_user_defaults(oned: RemoteOned, user: User, text: str) -> str:
    """Answer one.userquota.update."""
    _set_quota(user, oned.accounts.user_defaults, text)
    return _render_defaults("USER", oned.accounts.user_defaults)


def set_group_defaults(oned: RemoteOned, user: User, text: str) -> str:
    """Answer one.groupquota.update."""
    _set_quota(user, oned.accounts.group_defaults, text)
    return _render_defaults("GROUP", oned.accounts.group_defaults)


def login(
    oned: RemoteOned,
    user: User,
    name: str,
    token: str,
    seconds: int = _DEFAULT_LOGIN_SECONDS,
    _effective_group: int = -1,
) -> str:
    """Answer one.user.login with a token; 0 seconds deletes one, −1 means no end."""
    subject = oned.accounts.users.get(name)
    if subject is None or (subject is not user and not user.is_admin):
        raise not_authorized_error(user.id, "Not authorized to perform MANAGE USER")
    if seconds == 0:
        subject.tokens.pop(token, None)
        return ""
    token = token or secrets.token_hex(20)
    subject.tokens[token] = -1 if seconds < 0 else oned.clock.now() + seconds
    return token


def _render_defaults(kind: str, quotas: Quotas) -> str:
    element = f"DEFAULT_{kind}_QUOTAS"
    return f"<{element}>{quotas.render_defaults()}</{element}>"


def _set_quota(user: User, quotas: Quotas, text: str) -> None:
    _require_admin(user)
    for vector in parse(text).vectors("VM"):
        clusters = vector.pop("CLUSTER_IDS", "")
        try:
            limits = {metric: float(value) for metric, value in vector.items()}
        except ValueError:
            words = "Negative limits or bad format in quota VM"
            raise Refusal(ErrorCode.INTERNAL, words) from None
        quotas.limit(clusters, **limits)


def _require_admin(user: User) -> None:
    if not user.is_admin:
        raise not_authorized_error(user.id, "Not authorized to perform ADMIN USER")


def _find_group(oned: RemoteOned, group_id: int) -> Group:
    for group in oned.accounts.groups.values():
        if group.id == group_id:
            return group
    raise no_such_error("group", group_id)


METHODS = {
    "one.system.version": Method(version),
    "one.user.info": Method(user_info, (int,), (bool,)),
    "one.user.login": Method(login, (str, str), (int, int)),
    "one.user.quota": Method(set_user_quota, (int, str)),
    "one.userquota.info": Method(user_defaults),
    "one.userquota.update": Method(set_user_defaults, (str,)),
    "one.group.info": Method(group_info, (int,), (bool,)),
    "one.group.quota": Method(set_group_quota, (int, str)),
    "one.groupquota.info": Method(group_defaults),
    "one.groupquota.update": Method(set_group_defaults, (str,)),
}
