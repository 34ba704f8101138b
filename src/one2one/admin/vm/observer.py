"""Looks at both clouds for the VMs that a command waits for.

A remote VM is asked for only while its local VM is in the state: before that the deploy id may name
an earlier remote VM.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from one2one.admin.vm.awaited import DONE, AwaitedVm, Verdict, judge_local, judge_remote
from one2one.driver.local import LocalCloud
from one2one.driver.remotes import Remote, Remotes
from one2one.hybrid.naming import DRIVER
from one2one.opennebula.errors import ConfigurationError, NotFound, OneError
from one2one.opennebula.records import Vm


@dataclass(frozen=True)
class Look:
    """All VMs, in the order of their ids, and why they could not all be read."""

    vms: list[AwaitedVm]
    outage: str = ""


class Observer:
    """Looks at VMs again and again: one call to each cloud for all of them."""

    def __init__(
        self, local: LocalCloud, vm_ids: Iterable[int], goal: str, *, both_sides: bool
    ) -> None:
        """*goal* is a state's name, such as RUNNING."""
        self._local = local
        self._goal = goal
        self._both_sides = both_sides
        self._vms = {vm_id: AwaitedVm(vm_id) for vm_id in sorted(vm_ids)}
        self._remotes = Remotes(local)
        self._open: dict[int, Remote] = {}

    def list_unread(self) -> list[AwaitedVm]:
        """Return the VMs before the first look."""
        return [replace(vm, reason="no answer yet") for vm in self._vms.values()]

    def look(self) -> Look:
        """Return what both clouds tell now; raises ConfigurationError, which no waiting ends."""
        try:
            vms = self._read_local()
        except ConfigurationError:
            raise
        except OneError as error:
            outage = f"this cloud cannot be asked: {error}"
            self._vms = {vm_id: vm.wait_on(outage) for vm_id, vm in self._vms.items()}
            return Look(list(self._vms.values()), outage)
        self._vms = {n: judge_local(n, vms.get(n), self._goal) for n in self._vms}
        outages = self._look_at_remotes(vms) if self._both_sides else []
        return Look(list(self._vms.values()), "; ".join(outages))

    def _read_local(self) -> dict[int, Vm]:
        """Return the local VMs by id. Before 5.12 a list leaves out those that are DONE."""
        vms = {vm.id: vm for vm in self._local.cloud.list_few_whole_vms(self._vms)}
        for vm_id in self._vms.keys() - vms.keys():
            with suppress(NotFound):
                vms[vm_id] = self._local.cloud.get_vm(vm_id)
        return vms

    def _look_at_remotes(self, vms: Mapping[int, Vm]) -> list[str]:
        """Judge the remote VMs too, and return why some could not be read."""
        of_host: dict[int, list[Vm]] = {}
        for vm in vms.values():
            if self._vms[vm.id].verdict is Verdict.REACHED:
                of_host.setdefault(vm.history[-1].host_id if vm.history else -1, []).append(vm)
        self._wait_for_deploy(of_host.pop(-1, []))
        outages = []
        for host_id, on_host in of_host.items():
            try:
                self._look_at_remote(host_id, on_host)
            except ConfigurationError:
                raise
            except OneError as error:
                self._open.pop(host_id, None)
                name = on_host[0].history[-1].host_name
                outages.append(f"the remote of host {name} cannot be asked: {error}")
                self._wait_on(on_host, outages[-1])
        return outages

    def _look_at_remote(self, host_id: int, on_host: list[Vm]) -> None:
        remote = self._open_remote(host_id)
        self._wait_for_deploy([vm for vm in on_host if self._vms[vm.id].remote_id is None])
        numbers = {vm.id: n for vm in on_host if (n := self._vms[vm.id].remote_id) is not None}
        found = {vm.id: vm for vm in remote.cloud.list_few_whole_vms(numbers.values())}
        for vm in on_host:
            number = numbers.get(vm.id)
            if number is None:
                continue
            if number not in found and remote.cloud.is_unread(number):
                self._wait_on([vm], f"remote VM {number} cannot be read")
                continue
            self._vms[vm.id] = judge_remote(
                self._vms[vm.id], vm, found.get(number), remote.settings, self._goal
            )

    def _open_remote(self, host_id: int) -> Remote:
        """Return the remote of a host, which is read once, and again after an error."""
        if host_id not in self._open:
            host = self._local.get_host(host_id)
            if host.vm_mad != DRIVER:
                raise ConfigurationError(
                    f"host {host.name} is not hybrid, so its VMs have no remote VMs",
                    remedy="Leave --remote out",
                )
            self._open[host_id] = self._remotes.open(self._local.read_settings_of(host))
        return self._open[host_id]

    def _wait_for_deploy(self, vms: Iterable[Vm]) -> None:
        if self._goal != DONE:
            self._wait_on(vms, "it has no remote VM yet")

    def _wait_on(self, vms: Iterable[Vm], reason: str) -> None:
        self._vms |= {vm.id: self._vms[vm.id].wait_on(reason) for vm in vms}
