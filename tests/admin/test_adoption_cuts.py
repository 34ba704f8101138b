"""An adoption, or a release, that ends at any of its calls and is done once more."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import count

import pytest

from one2one.admin.adopt.adoption import Adoption
from one2one.admin.adopt.candidates import Candidates
from one2one.admin.adopt.request import Terms
from one2one.admin.hosts import find_host
from one2one.admin.release.release import Release
from one2one.driver.local import LocalCloud
from one2one.driver.reaper import Reaper
from one2one.driver.remotes import Remote, Remotes
from one2one.hybrid.orphans import NO_GRACE
from one2one.opennebula.errors import OneError
from one2one.opennebula.states import RUNNING
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from tests.admin.clouds import Clouds
from tests.admin.test_adopt import find_local, list_alive, list_marks, make_remote


class Killed(BaseException):
    """The end of the process."""


class Command:
    """The commands in one process, which ends after a number of calls to both clouds."""

    def __init__(self, clouds: Clouds, host: LocalHost, calls: int) -> None:
        environment = clouds.front_end.home.environment(clouds.front_end.endpoint)
        self.local = LocalCloud(environment)
        self.remotes = Remotes(self.local)
        self.host = find_host(self.local, host.name)
        self.remote: Remote = self.remotes.open_for_host(host.id, host.name)
        self._left = calls
        for cloud in (self.local.cloud, self.remote.cloud):
            cloud.client.on_call = self._count

    def _count(self, _method: str, _seconds: float, _error: OneError | None) -> None:
        self._left -= 1
        if self._left == 0:
            raise Killed

    def adopt(self, remote_id: int) -> None:
        terms = Terms(user=None, group=None, name="", template=None)
        candidates = Candidates(self.local, self.remote, self.host, [remote_id])
        adoption = Adoption(self.local, self.remote, self.host, terms, 30)
        adoption.adopt(candidates.read(remote_id))

    def release(self, vm_id: int) -> None:
        Release(self.local, self.remotes).release(vm_id)

    def reap(self) -> None:
        """Destroy every orphan that there is, at once."""
        reaper = Reaper(self.host.id, self.local, print, grace=NO_GRACE, allow_many=True)
        reaper.reap(self.remote, self.remote.cloud.list_summaries())


@contextmanager
def run(clouds: Clouds, host: LocalHost, calls: int = 0) -> Iterator[Command]:
    command = Command(clouds, host, calls)
    with closing(command.remotes):
        yield command
    command.local.cloud.close()


def is_cut(clouds: Clouds, host: LocalHost, calls: int, do: Callable[[Command], None]) -> bool:
    """Do something up to a call; tell whether it came that far."""
    with run(clouds, host, calls) as command:
        try:
            do(command)
        except Killed:
            return True
    return False


def check_alive(clouds: Clouds, host: LocalHost, remote_vm: Vm) -> None:
    """See that nothing has been done to the guest, and that the reaper does nothing to it."""
    with run(clouds, host) as command:
        command.reap()
    assert remote_vm.state == RUNNING
    assert len(remote_vm.history) == 1


def check_adopted(clouds: Clouds, remote_vm: Vm) -> LocalVm:
    [vm_id] = list_alive(clouds)
    vm = find_local(clouds, vm_id)
    assert (vm.state, vm.deploy_id) == ("RUNNING", f"opennebula-hybrid-{remote_vm.id}")
    assert "VM_ID" not in vm.user_template.vector("PUBLIC_CLOUD")
    assert remote_vm.user_template.text("REMOTE_OPENNEBULA_VM_ID") == str(vm_id)
    return vm


def test_an_adoption_that_is_cut_off_anywhere_is_completed(clouds: Clouds) -> None:
    host = clouds.add_host()
    for calls in count(1):
        remote_vm = make_remote(clouds)
        cut = is_cut(clouds, host, calls, partial(Command.adopt, remote_id=remote_vm.id))
        check_alive(clouds, host, remote_vm)
        with run(clouds, host) as command:
            command.adopt(remote_vm.id)
        vm = check_adopted(clouds, remote_vm)
        check_alive(clouds, host, remote_vm)
        with run(clouds, host) as command:
            command.release(vm.id)
        if not cut:
            assert calls > 10
            return


@pytest.mark.parametrize("adopted", [True, False])
def test_a_release_that_is_cut_off_anywhere_is_completed(newest: Clouds, *, adopted: bool) -> None:
    host = newest.add_host()
    for calls in count(1):
        if adopted:
            remote_vm = make_remote(newest)
            with run(newest, host) as command:
                command.adopt(remote_vm.id)
        else:
            newest.run_vm(host)
            remote_vm = max(newest.remote.vms, key=lambda vm: vm.id)
        [vm_id] = list_alive(newest)
        cut = is_cut(newest, host, calls, partial(Command.release, vm_id=vm_id))
        check_alive(newest, host, remote_vm)
        with run(newest, host) as command:
            command.release(vm_id)
        assert list_alive(newest) == []
        assert list_marks(remote_vm) == []
        check_alive(newest, host, remote_vm)
        if not cut:
            assert calls > 4
            return


@pytest.mark.parametrize("effect", [faults.drop_after, faults.drop_before])
def test_an_adoption_whose_call_is_lost_is_completed(newest: Clouds, effect: object) -> None:
    host = newest.add_host()
    calls = (
        (newest.front_end, "one.vm.allocate"),
        (newest.remote, "one.vm.update"),
        (newest.front_end, "one.vm.deploy"),
        (newest.front_end, "one.vm.update"),
    )
    for side, method in calls:
        remote_vm = make_remote(newest)
        side.faults.on(effect, method)  # type: ignore[arg-type]
        with run(newest, host) as command, pytest.raises(OneError):
            command.adopt(remote_vm.id)
        check_alive(newest, host, remote_vm)
        with run(newest, host) as command:
            command.adopt(remote_vm.id)
            vm = check_adopted(newest, remote_vm)
            command.release(vm.id)
