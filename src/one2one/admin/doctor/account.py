"""Checks of the account in the remote cloud, and of its rights: not too few, not too many."""

import re
import time
from enum import IntFlag

from one2one.admin.doctor.facts import HybridHost
from one2one.admin.doctor.finding import Finding, failure, join_some, ok, warning
from one2one.admin.units import format_duration
from one2one.opennebula.administration import list_access_rules, may_create_templates
from one2one.opennebula.errors import AuthenticationError, NotAuthorized, ProtocolError
from one2one.opennebula.ids import read_id
from one2one.opennebula.pools import VISIBLE
from one2one.opennebula.xml import Element, read_integer, read_text

_SOON_S = 7 * 86400
_DOCUMENT = "See docs/least-privilege.md"
_HEXADECIMAL = re.compile("[0-9A-Fa-f]{1,16}")


class Kind(IntFlag):
    """Kinds of objects in access control rules: ``include/PoolObjectSQL.h``."""

    HOST = 0x2000000000
    USER = 0x10000000000
    TEMPLATE = 0x20000000000
    GROUP = 0x40000000000
    ACL = 0x80000000000
    DATASTORE = 0x100000000000
    CLUSTER = 0x200000000000


class Right(IntFlag):
    """Rights in access control rules: ``include/AuthRequest.h``."""

    USE = 1
    MANAGE = 2
    ADMIN = 4
    CREATE = 8


_USER, _GROUP, _ALL = 0x100000000, 0x200000000, 0x400000000
_INFRASTRUCTURE = {
    # Every group of a virtual data centre may MANAGE its hosts: the scheduler may use them for it.
    Kind.HOST: Right.USE | Right.MANAGE,
    **dict.fromkeys((Kind.USER, Kind.GROUP, Kind.ACL, Kind.DATASTORE, Kind.CLUSTER), Right.USE),
}
"""The most that an ordinary user may do with them."""


def check_account(host: HybridHost) -> Finding:
    """Check that the remote accepts user and password."""
    try:
        return ok(f"{read_text(host.user, 'NAME')} (group {read_text(host.user, 'GNAME')})")
    except AuthenticationError as error:
        return failure(f"{host.settings.user} is refused", error.remedy)


def check_token(host: HybridHost) -> Finding:
    """Check that a login token does not expire soon."""
    for known in host.user.iterfind("LOGIN_TOKEN"):
        if known.findtext("TOKEN") == host.settings.password:
            expires = read_integer(known, "EXPIRATION_TIME", -1)
            if expires < 0:
                return ok("a login token that never expires")
            left = int(expires - time.time())
            if left < _SOON_S:
                return warning(
                    f"the login token expires in {format_duration(max(0, left))}",
                    "Make a longer one: oneuser token-create --time",
                )
            return ok(f"the login token is valid for {format_duration(left)}")
    return ok("a password, which does not expire")


def check_lacking_rights(host: HybridHost) -> Finding:
    """Check that the account may create VMs with attributes of their own."""
    if may_create_templates(host.cloud):
        return ok("it may create templates, as instantiating with a context needs")
    return failure(
        "it lacks the right CREATE TEMPLATE, which instantiating with a context needs",
        f"At the remote: oneacl create '#{read_text(host.user, 'ID')} TEMPLATE/* CREATE'",
    )


def check_excessive_rights(host: HybridHost) -> Finding:
    """Check that a stolen password gives access to these VMs only."""
    number, known = read_text(host.user, "ID"), ""
    excess = []
    if 0 in _read_groups(host.user):
        excess.append("it is an administrator")
    else:
        try:
            rules = list_access_rules(host.cloud)
        except NotAuthorized:
            known = ", as far as can be seen: it may not read the access rules"
        else:
            excess += [
                f"it may do more than use {kind.name}s"
                for kind, allowed in _INFRASTRUCTURE.items()
                if list_rights(host.user, rules, kind) & ~allowed
            ]
    if any(e.text == number for e in host.group.iterfind("ADMINS/ID")):
        excess.append("it administers its group")
    if excess:
        return warning(join_some(excess), f"Use an account for this alone. {_DOCUMENT}")
    return ok(f"an ordinary user{known}")


def check_other_vms(host: HybridHost) -> Finding:
    """Check that the account sees no VMs but its own."""
    own = {vm.id for vm in host.cloud.list_vms()}
    foreign = [str(vm.id) for vm in host.cloud.list_summaries(VISIBLE) if vm.id not in own]
    if foreign:
        return warning(
            f"it sees VMs of others: {join_some(foreign)}",
            f"Use a group for this account alone, without shared VMs. {_DOCUMENT}",
        )
    return ok("it sees its own alone")


def list_rights(user: Element, rules: Element, kind: Kind) -> Right:
    """Return what the access control rules let *user* do with objects of a kind."""
    granted = Right(0)
    mine = {
        _USER | read_integer(user, "ID"),
        *(_GROUP | group for group in _read_groups(user)),
        _ALL,
    }
    for rule in rules.iterfind("ACL"):
        if _read_hexadecimal(rule, "USER") in mine and _read_hexadecimal(rule, "RESOURCE") & kind:
            granted |= Right(_read_hexadecimal(rule, "RIGHTS") & 15)
    return granted


def _read_hexadecimal(rule: Element, path: str) -> int:
    value = read_text(rule, path)
    if not _HEXADECIMAL.fullmatch(value):
        raise ProtocolError(f"an access control rule has the {path} {value[:60]!r}", remedy="")
    return int(value, 16)


def _read_groups(user: Element) -> set[int]:
    listed = (read_id(group.text) for group in user.iterfind("GROUPS/ID"))
    return {read_integer(user, "GID", -1), *(group for group in listed if group is not None)}
