"""A host's attributes, read as the settings of the remote cloud that it stands for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from one2one.opennebula.errors import ConfigurationError
from one2one.opennebula.records import Host
from one2one.opennebula.template import Template

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Capacity:
    """ONE_CAPACITY: an upper limit on what the host offers; 0 leaves it to the quotas."""

    cpu: float = 0
    """Percent: 100 is one core."""
    memory: int = 0
    """MB."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a host says about its remote cloud."""

    host_id: int
    host_name: str
    endpoint: str
    user: str
    password: str = field(repr=False)
    """A password or a login token."""
    capacity: Capacity = Capacity()
    ca_file: str | None = None
    verify_tls: bool = True
    proxy: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    """Seconds of silence after which the remote counts as unreachable."""
    max_connections: int = 4
    shutdown_timeout: float = 600.0
    """Seconds that a VM may take to reach the state that was asked for."""
    hybrid_id: str = ""
    """ONE_HYBRID_ID: whose VMs they are, in an account that others may use too."""

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
    capacity = host.template.vector("ONE_CAPACITY")
    cpu = reader.number("ONE_CAPACITY/CPU", capacity.get("CPU", ""), 0.0, float)
    memory = reader.number("ONE_CAPACITY/MEMORY", capacity.get("MEMORY", ""), 0.0, float)
    return Settings(
        host_id=host.id,
        host_name=host.name,
        endpoint=reader.required("ONE_ENDPOINT"),
        user=reader.required("ONE_USER"),
        password=reader.password(),
        capacity=Capacity(cpu, int(memory)),
        ca_file=reader.optional("ONE_CA_FILE") or None,
        verify_tls=reader.yes_or_no("ONE_VERIFY_TLS", default=True),
        proxy=reader.optional("ONE_PROXY") or None,
        timeout=reader.setting("ONE_TIMEOUT", 30.0, float, minimum=1),
        max_connections=reader.setting("ONE_MAX_CONNECTIONS", 4, int, minimum=1),
        shutdown_timeout=reader.setting("ONE_SHUTDOWN_TIMEOUT", 600.0, float, minimum=1),
        hybrid_id=reader.optional("ONE_HYBRID_ID"),
    )


class _Reader:
    """The attributes of one host, and errors that name it."""

    def __init__(self, host_name: str, template: Template) -> None:
        self._host_name = host_name
        self._template = template

    def optional(self, name: str) -> str:
        return self._template.text(name).strip()

    def required(self, name: str) -> str:
        return self.optional(name) or self._missing(name)

    def password(self) -> str:
        return self._template.text("ONE_PASSWORD") or self._missing("ONE_PASSWORD")

    def setting(
        self, name: str, default: Number, kind: Callable[[str], Number], minimum: int
    ) -> Number:
        return self.number(name, self.optional(name), default, kind, minimum)

    def number(
        self,
        name: str,
        value: str,
        default: Number,
        kind: Callable[[str], Number],
        minimum: int = 0,
    ) -> Number:
        if not value.strip():
            return default
        try:
            number = kind(value)
        except ValueError:
            number = kind("-1")
        if not minimum <= number < 2**40:
            raise self._wrong(name, value, f"a number, {minimum} or more")
        return number

    def yes_or_no(self, name: str, *, default: bool) -> bool:
        value = self.optional(name)
        match value.upper():
            case "":
                return default
            case "YES":
                return True
            case "NO":
                return False
            case _:
                raise self._wrong(name, value, "YES or NO")

    def _missing(self, name: str) -> str:
        raise ConfigurationError(
            f"host {self._host_name} has no {name}",
            remedy=f"Set it with: onehost update {self._host_name}",
        )

    def _wrong(self, name: str, value: str, expected: str) -> ConfigurationError:
        return ConfigurationError(
            f"host {self._host_name} has {name}={value!r} instead of {expected}",
            remedy=f"Correct it with: onehost update {self._host_name}",
        )
