"""Users and groups: their sessions, rights and quotas."""

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum

from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.objects import Vm, VmTemplate
from opennebula_sandbox.cloud.quotas import Amounts, Quotas
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal

ONEADMIN = 0
"""The id of the first user and of the first group; both have all rights."""

_VIEWS = {
    "DEFAULT_VIEW": "cloud",
    "GROUP_ADMIN_DEFAULT_VIEW": "groupadmin",
    "GROUP_ADMIN_VIEWS": "groupadmin,cloud",
    "VIEWS": "cloud",
}


class Right(IntEnum):
    """A right on an object: a bit of each digit of its permissions."""

    USE = 4
    MANAGE = 2
    ADMIN = 1


@dataclass
class Group:
    """A group of users."""

    id: int
    name: str
    quotas: Quotas = field(default_factory=Quotas)
    template: Template = field(default_factory=Template)
    creates_templates: bool = True
    """Whether its users have CREATE TEMPLATE; instantiate with an extra template needs that."""


@dataclass
class User:
    """A user; the password may change at any time."""

    id: int
    name: str
    password: str = field(repr=False)
    group: Group
    quotas: Quotas = field(default_factory=Quotas)
    template: Template = field(default_factory=Template)
    tokens: dict[str, float] = field(default_factory=dict, repr=False)
    """Login tokens and their end in seconds since 1970; −1 means no end."""

    @property
    def is_admin(self) -> bool:
        """Whether permissions and restricted attributes do not limit the user."""
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
        """Create a user, and the group if it does not exist."""
        if group not in self.groups:
            self.groups[group] = Group(98 + len(self.groups), group)
        # oned itself creates the second user, serveradmin.
        user_id = len(self.users) + (1 if self.users else 0)
        user = self.users[name] = User(user_id, name, password, self.groups[group])
        return user

    def authenticate(self, session: object, now: float) -> User:
        """Return the user of *session*: ``user:password`` or ``user:token``."""
        name, _, secret = str(session).partition(":")
        user = self.users.get(name)
        if user:
            expires = user.tokens.get(secret, 0.0)
            if secret == user.password or expires == -1 or expires > now:
                return user
        raise Refusal(ErrorCode.AUTHENTICATION, "User couldn't be authenticated, aborting call.")

    def find_exceeded_quota(
        self, user: User, request: Amounts, metrics: tuple[str, ...]
    ) -> str | None:
        """Return oned's error for the first quota of user or group that *request* exceeds."""
        for kind, subject, defaults in (
            ("user", user, self.user_defaults),
            ("group", user.group, self.group_defaults),
        ):
            if subject.id != ONEADMIN and (
                words := subject.quotas.find_exceeded_limit(request, defaults, metrics)
            ):
                return f"{kind} [{subject.id}] {words}"
        return None

    def find_user(self, user_id: int) -> User | None:
        """Return the user with this id."""
        return next((user for user in self.users.values() if user.id == user_id), None)


def find_quotas(user: User) -> list[Quotas]:
    """Return the quotas in which *user*'s VMs count."""
    return [subject.quotas for subject in (user, user.group) if subject.id != ONEADMIN]


def digest(secret: str) -> str:
    """Return the hash of a password that one.user.info shows."""
    return hashlib.sha256(secret.encode()).hexdigest()
