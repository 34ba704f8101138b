"""Users and groups: who may do what, and with which session."""

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.objects import Vm, VmTemplate
from opennebula_sandbox.cloud.quotas import Quotas, Usage
from opennebula_sandbox.cloud.refusal import Code, Refusal

ONEADMIN = 0
"""The first user, and the first group, may do everything."""

_VIEWS = {
    "DEFAULT_VIEW": "cloud",
    "GROUP_ADMIN_DEFAULT_VIEW": "groupadmin",
    "GROUP_ADMIN_VIEWS": "groupadmin,cloud",
    "VIEWS": "cloud",
}


class Right(IntEnum):
    """What one may do with an object, as a bit of each digit of its permissions."""

    USE = 4
    MANAGE = 2
    ADMIN = 1


@dataclass
class Group:
    """A group."""

    id: int
    name: str
    quotas: Quotas = field(default_factory=Quotas)
    template: Template = field(default_factory=Template)
    creates_templates: bool = True
    """Whether its users may CREATE TEMPLATE, which instantiate with an extra template needs."""


@dataclass
class User:
    """A user; the password may be changed at any time."""

    id: int
    name: str
    password: str = field(repr=False)
    group: Group
    quotas: Quotas = field(default_factory=Quotas)
    template: Template = field(default_factory=Template)
    tokens: dict[str, float] = field(default_factory=dict, repr=False)
    """Login tokens and when they expire, in seconds since 1970; −1 is never."""

    @property
    def is_admin(self) -> bool:
        """Whether no permission or restricted attribute holds the user up."""
        return ONEADMIN in (self.id, self.group.id)

    def may(self, right: Right, subject: Vm | VmTemplate) -> bool:
        """Tell whether the permissions of *subject* give the user this right."""
        if self.is_admin:
            return True
        mode = subject.permissions
        if subject.gid == self.group.id:
            mode |= mode >> 3
        if subject.uid == self.id:
            mode |= subject.permissions >> 6
        return bool(mode & right)


class Accounts:
    """All users and groups, and the default quotas."""

    def __init__(self) -> None:
        admins = Group(ONEADMIN, "oneadmin")
        users = Group(1, "users", template=Template([("SUNSTONE", dict(_VIEWS))]))
        self.groups = {group.name: group for group in (admins, users)}
        self.users: dict[str, User] = {}
        self.user_defaults = Quotas()
        self.group_defaults = Quotas()

    def add(self, name: str, password: str, group: str = "users") -> User:
        """Create a user, and the group if there is none of this name."""
        if group not in self.groups:
            self.groups[group] = Group(98 + len(self.groups), group)
        # oned creates a second user of its own, serveradmin
        user_id = len(self.users) + (1 if self.users else 0)
        user = self.users[name] = User(user_id, name, password, self.groups[group])
        return user

    def authenticate(self, session: object, now: float) -> User:
        """Return the user of *session*, ``user:password`` or ``user:token``."""
        name, _, secret = str(session).partition(":")
        user = self.users.get(name)
        if user:
            expires = user.tokens.get(secret, 0.0)
            if secret == user.password or expires == -1 or expires > now:
                return user
        raise Refusal(Code.AUTHENTICATION, "User couldn't be authenticated, aborting call.")

    def exceeded(self, user: User, request: Usage, metrics: tuple[str, ...]) -> str | None:
        """Return oned's words for the first quota of user or group that *request* exceeds."""
        for kind, subject, defaults in (
            ("user", user, self.user_defaults),
            ("group", user.group, self.group_defaults),
        ):
            if subject.id != ONEADMIN and (
                words := subject.quotas.exceeded(request, defaults, metrics)
            ):
                return f"{kind} [{subject.id}] {words}"
        return None

    def by_id(self, user_id: int) -> User | None:
        """Return the user with this id."""
        return next((user for user in self.users.values() if user.id == user_id), None)


def quota_holders(user: User) -> list[Quotas]:
    """Return the quotas that *user*'s VMs count for."""
    return [subject.quotas for subject in (user, user.group) if subject.id != ONEADMIN]


def digest(secret: str) -> str:
    """Return what user.info shows of a password."""
    return hashlib.sha256(secret.encode()).hexdigest()
