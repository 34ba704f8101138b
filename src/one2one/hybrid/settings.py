"""The settings of a remote cloud, read from the attributes of its host."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from one2one.hybrid import attributes
from one2one.hybrid.access import JUMP_FORM, check_jump
from one2one.hybrid.attributes import LEASE_ACTIONS, Attribute
from one2one.hybrid.pass_through import KINDS
from one2one.opennebula.errors import ConfigurationError
from one2one.opennebula.numbers import parse_number
from one2one.opennebula.records import Host
from one2one.opennebula.template import Template
from one2one.opennebula.urls import parse_endpoint, parse_proxy, split_endpoints

MOST_SERVERS = 9
"""How many servers a remote may have; an HA zone has three or five."""


@dataclass(frozen=True, slots=True)
class CapacityLimit:
    """ONE_CAPACITY: an upper limit on what the host offers; 0 leaves it to the quotas."""

    cpu: float = 0
    """Percent: 100 is one core."""
    memory: int = 0
    """MB."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a host says about its remote cloud; ``hybrid.attributes`` tells what each means."""

    host_id: int
    host_name: str
    endpoints: tuple[str, ...]
    """The servers of the remote, in the order in which they are tried."""
    user: str
    password: str = field(repr=False)
    """A password or a login token."""
    capacity: CapacityLimit
    local_size: bool
    """Whether remote VMs have the local VM's size, where its PUBLIC_CLOUD does not say."""
    ca_file: str | None
    verify_tls: bool
    proxy: str | None = field(repr=False)
    timeout: float
    """Seconds."""
    max_connections: int
    shutdown_timeout: float
    """Seconds."""
    outage_grace: float
    """Seconds."""
    hybrid_id: str
    pass_through: frozenset[str] = frozenset()
    """Kinds of operations, as ``pass_through.KINDS`` names them."""
    user_mappings: bool = False
    """Whether users may say which remote image or network stands for theirs."""
    ssh_jump: str = ""
    """The machine on the way to the guests, empty without one; see ``hybrid.access``."""
    max_hours: float | None = None
    """How long a VM may run there; None for as long as it likes."""
    max_hours_action: str = LEASE_ACTIONS[0]
    """What is done then, one of ``attributes.LEASE_ACTIONS``."""

    @property
    def endpoint(self) -> str:
        """The URLs of the remote's servers, for people."""
        return ", ".join(self.endpoints)

    @property
    def session(self) -> str:
        """The XML-RPC session string, a secret."""
        return f"{self.user}:{self.password}"


def read_settings(host: Host) -> Settings:
    """Return the settings in *host*'s template.

    Raises ConfigurationError, which names host, attribute and value, for whatever is missing or
    wrong. Spaces around a value are dropped, but for the password's.
    """
    reader = _Reader(host.name, host.template)
    return Settings(
        host_id=host.id,
        host_name=host.name,
        endpoints=reader.read_endpoints(attributes.ENDPOINT),
        user=reader.read_text(attributes.USER),
        password=reader.read_raw(attributes.PASSWORD),
        capacity=CapacityLimit(
            reader.read_number(attributes.CAPACITY_CPU),
            int(reader.read_number(attributes.CAPACITY_MEMORY)),
        ),
        local_size=reader.read_either(attributes.SIZE, "LOCAL", "REMOTE"),
        ca_file=reader.read_text(attributes.CA_FILE) or None,
        verify_tls=reader.read_either(attributes.VERIFY_TLS, "YES", "NO"),
        proxy=reader.read_proxy(attributes.PROXY),
        timeout=reader.read_number(attributes.TIMEOUT),
        max_connections=reader.read_whole(attributes.MAX_CONNECTIONS),
        shutdown_timeout=reader.read_number(attributes.SHUTDOWN_TIMEOUT),
        outage_grace=reader.read_number(attributes.OUTAGE_GRACE),
        hybrid_id=reader.read_text(attributes.HYBRID),
        pass_through=reader.read_words(attributes.PASS_THROUGH, KINDS),
        user_mappings=reader.read_either(attributes.USER_MAPPINGS, "YES", "NO"),
        ssh_jump=reader.read_jump(attributes.SSH_JUMP),
        max_hours=reader.read_number_if_any(attributes.MAX_HOURS),
        max_hours_action=reader.read_choice(attributes.MAX_HOURS_ACTION, *LEASE_ACTIONS),
    )


class _Reader:
    """The attributes of one host, and errors that name it."""

    def __init__(self, host_name: str, template: Template) -> None:
        self._host_name = host_name
        self._template = template

    def read_raw(self, attribute: Attribute) -> str:
        vector, _, member = attribute.name.partition("/")
        template = self._template
        value = template.vector(vector).get(member, "") if member else template.text(vector)
        if attribute.required and not value.strip():
            raise ConfigurationError(
                f"host {self._host_name} has no {attribute.name}",
                remedy=f"Set it with: onehost update {self._host_name}",
            )
        return value

    def read_text(self, attribute: Attribute) -> str:
        return self.read_raw(attribute).strip() or attribute.default

    def read_endpoints(self, attribute: Attribute) -> tuple[str, ...]:
        urls = split_endpoints(self.read_text(attribute))
        if not 1 <= len(urls) <= MOST_SERVERS:
            raise self._value_error(attribute, f"1 to {MOST_SERVERS} URLs")
        for url in urls:
            self._check_url(attribute, url, parse_endpoint)
        return urls

    def read_proxy(self, attribute: Attribute) -> str | None:
        url = self.read_text(attribute)
        if url:
            self._check_url(attribute, url, parse_proxy)
        return url or None

    def _check_url(self, attribute: Attribute, url: str, parse: Callable[[str], object]) -> None:
        try:
            parse(url)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"host {self._host_name} has {attribute.name}={error.endpoint}: {error.cause}",
                remedy=error.remedy,
            ) from None

    def read_number(self, attribute: Attribute) -> float:
        value = self.read_text(attribute)
        number = parse_number(value)
        if number is None:
            number = -1.0
        if number > attribute.maximum:
            raise self._value_error(attribute, f"a number, {attribute.maximum:.0f} or less")
        if not attribute.minimum <= number:
            raise self._value_error(attribute, f"a number, {attribute.minimum:g} or more")
        return number

    def read_number_if_any(self, attribute: Attribute) -> float | None:
        return self.read_number(attribute) if self.read_text(attribute) else None

    def read_whole(self, attribute: Attribute) -> int:
        number = self.read_number(attribute)
        if not number.is_integer():
            raise self._value_error(attribute, f"a whole number, {attribute.minimum:g} or more")
        return int(number)

    def read_either(self, attribute: Attribute, one: str, other: str) -> bool:
        """Tell whether the value is *one*, and not the *other*."""
        return self.read_choice(attribute, one, other) == one

    def read_choice(self, attribute: Attribute, *choices: str) -> str:
        value = self.read_text(attribute).upper()
        if value not in choices:
            *others, last = choices
            raise self._value_error(attribute, f"{', '.join(others)} or {last}")
        return value

    def read_jump(self, attribute: Attribute) -> str:
        value = self.read_text(attribute)
        try:
            if value:
                check_jump(value)
        except ValueError:
            raise self._value_error(attribute, JUMP_FORM) from None
        return value

    def read_words(self, attribute: Attribute, known: Collection[str]) -> frozenset[str]:
        """Return a list of words, with commas or blanks between them, in upper case."""
        words = self.read_text(attribute).upper().replace(",", " ").split()
        for word in words:
            if word not in known:
                raise ConfigurationError(
                    f"host {self._host_name} has {word!r} in {attribute.name}, "
                    f"which is none of {', '.join(known)}",
                    remedy=f"Correct it with: onehost update {self._host_name}",
                )
        return frozenset(words)

    def _value_error(self, attribute: Attribute, expected: str) -> ConfigurationError:
        return ConfigurationError(
            f"host {self._host_name} has {attribute.name}={self.read_raw(attribute)!r} "
            f"instead of {expected}",
            remedy=f"Correct it with: onehost update {self._host_name}",
        )
