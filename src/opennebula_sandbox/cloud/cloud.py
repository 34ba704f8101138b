"""A simulated cloud with its parts: oned, server, faults, and a log of the calls."""

import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from one2one.opennebula.states import State
from one2one.opennebula.template import Template
from one2one.opennebula.template import Value as TemplateValue
from opennebula_sandbox.cloud.api import calls
from opennebula_sandbox.cloud.clock import Clock
from opennebula_sandbox.cloud.faults import Faults
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.oned import RemoteOned
from opennebula_sandbox.cloud.profile import PROFILES
from opennebula_sandbox.cloud.refusal import ErrorCode, Refusal
from opennebula_sandbox.cloud.vm.resources import IMAGE, NETWORK, Resources
from opennebula_sandbox.cloud.wire.delivery import ApiRequest
from opennebula_sandbox.cloud.wire.server import XmlRpcServer
from opennebula_sandbox.cloud.wire.xmlrpc import Value

if TYPE_CHECKING:
    from opennebula_sandbox.cloud.wire.grpc_server import GrpcServer

_DEVICES: tuple[tuple[str, TemplateValue], ...] = (
    ("CPU", "0.1"),
    ("MEMORY", "128"),
    ("VCPU", "1"),
    ("DISK", {"IMAGE": IMAGE, "IMAGE_UNAME": "oneadmin"}),
    ("NIC", {"NETWORK": NETWORK, "NETWORK_UNAME": "oneadmin"}),
)
_CONTEXT: tuple[str, TemplateValue] = (
    "CONTEXT",
    {"NETWORK": "YES", "SSH_PUBLIC_KEY": "$USER[SSH_PUBLIC_KEY]"},
)


@dataclass(frozen=True)
class CallRecord:
    """A call that arrived. The record does not keep the session."""

    method: str
    arguments: tuple[object, ...] = field(repr=False)
    """The arguments after the session."""
    connection: int
    """The number of the connection; the first is 1."""
    at: float
    """Seconds since 1970, by the cloud's clock."""


class CallLog:
    """The calls in the order of their arrival; thread-safe."""

    def __init__(self) -> None:
        self._records: list[CallRecord] = []

    def __iter__(self) -> Iterator[CallRecord]:
        return iter(tuple(self._records))

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: CallRecord) -> None:
        """Append a call."""
        self._records.append(record)

    def clear(self) -> None:
        """Forget all calls."""
        self._records.clear()

    def counts(self) -> Counter[str]:
        """Return how many calls of each method arrived."""
        return Counter(record.method for record in self)


class SimulatedCloud:
    """A cloud on a loopback port, with an administrator, a user, and VM templates.

    A test may read and change its VMs, its users and its clock while it runs. To change more
    than one value, hold ``clock.lock``.
    """

    def __init__(
        self,
        profile: str = "6.10",
        *,
        templates: int = 3,
        user: str = "burst",
        password: str = "burstpass",  # noqa: S107 - of a sandbox
        delay: float = 0.0,
        clock: Clock | None = None,
        addresses: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        certificate: tuple[Path, Path] | None = None,
        max_connections: int = 15,
        max_calls: int = 30,
        idle_seconds: float = 15.0,
        seed: int = 0,
        grpc: bool = False,
    ) -> None:
        """Create a cloud; it listens after ``start``, or in its context.

        *profile* is a release such as 6.10. *delay* is the length in seconds of each
        intermediate state of a VM. *certificate* is a PEM certificate and its key, for TLS.
        With *grpc*, which needs grpcio, it also serves gRPC, and this is its ``endpoint``.
        """
        self.clock = clock or Clock()
        self.oned = RemoteOned(PROFILES[profile], self.clock, Resources(addresses))
        self.oned.machine.delay = delay
        self.accounts, self.usage = self.oned.accounts, self.oned.usage
        self.vms, self.machine = self.oned.vms, self.oned.machine
        self.faults, self.calls = Faults(seed), CallLog()
        self.oneadmin = self.accounts.add("oneadmin", f"oneadmin of {user}", "oneadmin")
        self.owner = self.accounts.add(user, password)
        self.server = XmlRpcServer(
            self._call,
            host=host,
            port=port,
            tls=_load_certificate(certificate) if certificate else None,
            max_connections=max_connections,
            max_calls=max_calls,
            idle_seconds=idle_seconds,
            delivery=self._deliver,
            accept=self.faults.accept,
        )
        self._grpc: GrpcServer | None = None
        if grpc:
            from opennebula_sandbox.cloud.wire import grpc_server  # grpcio is an extra

            self._grpc = grpc_server.GrpcServer(
                self._call,
                host=host,
                delivery=self._deliver,
                certificate=certificate,
                max_connections=max_connections,
            )
        for number in range(templates):
            self.add_template(with_context=number != 1)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """URL of the XML-RPC, or of the gRPC."""
        return self._grpc.endpoint if self._grpc else self.server.endpoint

    @property
    def user(self) -> str:
        """Name of the ordinary user."""
        return self.owner.name

    @property
    def password(self) -> str:
        """Password of that user."""
        return self.owner.password

    @property
    def session(self) -> str:
        """Session of that user."""
        return f"{self.user}:{self.password}"

    def start(self) -> None:
        """Start the servers and the clock."""
        self._start_servers()
        self.clock.start()

    def stop(self) -> None:
        """Stop the servers and the clock."""
        self._stop_servers()
        self.clock.stop()

    def restart(self, pause: Callable[[], object] = lambda: None) -> None:
        """Close all sockets, run *pause*, and listen again on the same port."""
        self._stop_servers()
        pause()
        self._start_servers()

    def add_template(self, *, with_context: bool = True, **attributes: str) -> int:
        """Register a VM template of oneadmin that all may use; return its id."""
        number = len(self.oned.templates)
        name = "web" if number == 0 else f"web-{number}"
        template = Template([*_DEVICES, *([_CONTEXT] if with_context else [])])
        for key, value in attributes.items():
            template.add(key, value)
        return self.oned.add_template(self.oneadmin, name, template).id

    def add_image(self, name: str, *, shared: bool = True) -> int:
        """Register an image; return its id."""
        with self.clock.lock:
            return self.oned.resources.add_image(name, Template(), shared=shared).id

    def add_network(self, name: str, first: str, *, shared: bool = True) -> int:
        """Register a virtual network whose addresses begin with *first*; return its id."""
        with self.clock.lock:
            return self.oned.resources.add_network(name, first, Template(), shared=shared).id

    def instantiate(self, template_id: int = 0, name: str = "", extra: str = "") -> Vm:
        """Create a VM as the user, without the network; raises Refusal."""
        answer = self.call("one.template.instantiate", template_id, name, False, extra)
        return self.vms[int(answer)]

    def act(self, vm_id: int, action: str) -> None:
        """Do one.vm.action as the user, without the network."""
        self.call("one.vm.action", action, vm_id)

    def call(self, method: str, *arguments: Value) -> Value:
        """Do a call as the user, without the network; raises Refusal."""
        ok, result, *rest = calls.call(self.oned, method, (self.session, *arguments))
        if not ok:
            raise Refusal(ErrorCode(int(rest[0])), str(result))
        return result

    def wait_for(self, vm_id: int, state: State, timeout: float = 30.0) -> bool:
        """Wait at most *timeout* real seconds until a VM is in *state*; return whether it is."""

        def is_reached() -> bool:
            vm = self.vms.get(vm_id)
            return vm is not None and vm.state == state

        return self.clock.wait_for(is_reached, timeout)

    def _start_servers(self) -> None:
        self.server.start()
        if self._grpc:
            self._grpc.start()

    def _stop_servers(self) -> None:
        self.server.stop()
        if self._grpc:
            self._grpc.stop()

    def _call(self, method: str, arguments: tuple[object, ...]) -> Sequence[Value]:
        return calls.call(self.oned, method, arguments)

    def _deliver(self, request: ApiRequest) -> Iterator[bytes]:
        self.calls.add(
            CallRecord(request.method, request.arguments[1:], request.connection, self.clock.now())
        )
        return self.faults.deliver(request)


def _load_certificate(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context
