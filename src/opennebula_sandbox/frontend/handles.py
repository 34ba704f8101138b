"""A local host and a local VM with the commands of an administrator."""

from collections.abc import Callable
from dataclasses import dataclass

from one2one.opennebula.states import HostState
from one2one.opennebula.template import Template, Value, Vector, to_xml
from opennebula_sandbox.cloud.objects import Host
from opennebula_sandbox.frontend.oned.pools import Pools

Call = Callable[..., str | int]
"""Does a call as oneadmin; raises Refusal."""
_RECOVERIES = ("failure", "success", "retry", "delete", "recreate", "delete-db")
_TIMEOUT = 30.0


@dataclass(frozen=True)
class LocalHost:
    """A host, with the commands of ``onehost``."""

    id: int
    _pools: Pools
    _call: Call
    _monitor: Callable[[Host], None]

    @property
    def state(self) -> str:
        """Its state's name, such as MONITORED."""
        return HostState(self._pools.find_host(self.id).state).name

    @property
    def name(self) -> str:
        """Its name."""
        return self._pools.find_host(self.id).name

    @property
    def template(self) -> Template:
        """Its attributes, with encrypted secrets."""
        return self._pools.find_host(self.id).template

    def update(self, **attributes: Value) -> None:
        """Set attributes: ``onehost update --append``."""
        self._call("one.host.update", self.id, to_xml(Template(attributes.items())), 1)

    @property
    def error(self) -> str:
        """The reason for ERROR, without the time."""
        return self.template.text("ERROR").partition(" : ")[2]

    @property
    def capacity(self) -> tuple[int, int]:
        """TOTALCPU in percent and TOTALMEMORY in KB, which the scheduler reads."""
        share = self._pools.find_host(self.id).share
        return share.total_cpu, share.total_memory

    @property
    def usage(self) -> Vector:
        """The newest FREE_CPU, FREE_MEMORY, USED_CPU and USED_MEMORY."""
        return self._pools.find_host(self.id).monitoring.vector("CAPACITY")

    def monitor(self) -> None:
        """Monitor it now: ``onehost forceupdate``."""
        with self._pools.clock.lock:
            self._monitor(self._pools.find_host(self.id))

    def set_status(self, status: str) -> None:
        """``onehost enable``, ``disable`` or ``offline``."""
        number = ("enable", "disable", "offline").index(status)
        self._call("one.host.status", self.id, number)

    def wait(self, state: str, timeout: float = _TIMEOUT) -> None:
        """Wait until the host is in *state*; raises TimeoutError."""
        if not self._pools.wait_for(lambda: self.state == state, timeout):
            raise TimeoutError(f"host {self.name} is {self.state}, not {state}")


@dataclass(frozen=True)
class LocalVm:
    """A VM, with the commands of ``onevm``."""

    id: int
    _pools: Pools
    _call: Call

    @property
    def name(self) -> str:
        """Its name."""
        return self._pools.find_vm(self.id).name

    @property
    def state(self) -> str:
        """The name of its state in ``onevm show``, such as RUNNING or BOOT_FAILURE."""
        return str(self._pools.find_vm(self.id).state)

    @property
    def deploy_id(self) -> str:
        """Its deploy id, empty before the first boot."""
        return self._pools.find_vm(self.id).deploy_id

    @property
    def error(self) -> str:
        """USER_TEMPLATE/ERROR: the reason of the last failure, without the time."""
        return self._pools.find_vm(self.id).user_template.text("ERROR").partition(" : ")[2]

    @property
    def template(self) -> Template:
        """VM/TEMPLATE."""
        return self._pools.find_vm(self.id).template

    @property
    def user_template(self) -> Template:
        """VM/USER_TEMPLATE."""
        return self._pools.find_vm(self.id).user_template

    @property
    def monitoring(self) -> Template:
        """VM/MONITORING."""
        return self._pools.find_vm(self.id).monitoring

    @property
    def log(self) -> list[str]:
        """The lines of ``/var/log/one/<id>.log``."""
        return self._pools.vm_logs[self.id]

    def wait(self, state: str, timeout: float = _TIMEOUT) -> None:
        """Wait until the VM is in *state*; raises TimeoutError with the last log lines."""
        if not self._pools.wait_for(lambda: self.state == state, timeout):
            last = "\n".join(self.log[-10:])
            raise TimeoutError(f"VM {self.id} is {self.state}, not {state}. Its log:\n{last}")

    def wait_for_log(self, text: str, timeout: float = _TIMEOUT) -> None:
        """Wait until a line of its log contains *text*; raises TimeoutError."""
        if not self._pools.wait_for(lambda: any(text in line for line in self.log), timeout):
            raise TimeoutError(f"no {text!r} in the log of VM {self.id}")

    def deploy(self, host: LocalHost) -> None:
        """``onevm deploy``."""
        self._call("one.vm.deploy", self.id, host.id)

    def act(self, action: str) -> None:
        """``onevm suspend``, ``resume``, ``poweroff-hard``, …: the names of ``one.vm.action``."""
        self._call("one.vm.action", action, self.id)

    def recover(self, operation: str) -> None:
        """``onevm recover``: failure, success, retry, delete, recreate or delete-db."""
        self._call("one.vm.recover", self.id, _RECOVERIES.index(operation))

    def attach_disk(self, **disk: str) -> None:
        """``onevm disk-attach``."""
        self._call("one.vm.attach", self.id, _format_section("DISK", disk))

    def detach_disk(self, number: int) -> None:
        """``onevm disk-detach``."""
        self._call("one.vm.detach", self.id, number)

    def resize_disk(self, number: int, size: int) -> None:
        """``onevm disk-resize``: *size* in MB."""
        self._call("one.vm.diskresize", self.id, number, str(size))

    def attach_nic(self, **nic: str) -> None:
        """``onevm nic-attach``."""
        self._call("one.vm.attachnic", self.id, _format_section("NIC", nic))

    def detach_nic(self, number: int) -> None:
        """``onevm nic-detach``."""
        self._call("one.vm.detachnic", self.id, number)

    def snapshot(self, name: str) -> int:
        """``onevm snapshot-create``; returns the snapshot's id."""
        return int(self._call("one.vm.snapshotcreate", self.id, name))

    def revert_snapshot(self, number: int) -> None:
        """``onevm snapshot-revert``."""
        self._call("one.vm.snapshotrevert", self.id, number)

    def delete_snapshot(self, number: int) -> None:
        """``onevm snapshot-delete``."""
        self._call("one.vm.snapshotdelete", self.id, number)

    def resize(self, **capacity: str) -> None:
        """``onevm resize``: CPU, VCPU, MEMORY."""
        self._call("one.vm.resize", self.id, to_xml(Template(capacity.items())), False)

    def update_context(self, **context: str) -> None:
        """``onevm updateconf`` with a new CONTEXT."""
        self._call("one.vm.updateconf", self.id, _format_section("CONTEXT", context))

    def migrate(self, host: LocalHost) -> None:
        """``onevm migrate --live``."""
        self._call("one.vm.migrate", self.id, host.id, True, False)


def _format_section(name: str, members: Vector) -> str:
    return to_xml(Template([(name, members)]))
