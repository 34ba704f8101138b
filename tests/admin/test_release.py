"""``one2one release``: remote VMs are given back, and go on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.wire.delivery import ApiRequest
from opennebula_sandbox.cloud.wire.xmlrpc import format_http_answer
from tests.admin.clouds import HYBRID, Clouds, open_clouds, remote_id
from tests.admin.test_adopt import adopt, find_local, list_alive, list_marks, make_remote
from tests.admin.test_ownership import import_vm, unmark


def release(clouds: Clouds, *arguments: str) -> list[dict[str, Any]]:
    rows = json.loads(clouds.output("release", *arguments, "--json"))
    assert isinstance(rows, list)
    return rows


def describe(remote_vm: Vm) -> tuple[object, ...]:
    """Return what a release brings back."""
    attributes = list(remote_vm.user_template)
    return remote_vm.name, remote_vm.stime, len(remote_vm.history), attributes


def test_an_adopted_vm_is_given_back_as_it_was(clouds: Clouds) -> None:
    clouds.add_host()
    remote_vm = make_remote(clouds)
    clouds.remote.call("one.vm.update", 0, 'OWN = "kept"', 1)
    before = (
        remote_vm.name,
        remote_vm.stime,
        len(remote_vm.history),
        list(remote_vm.user_template),
    )
    adopt(clouds, "0")
    assert [row["outcome"] for row in release(clouds, "0", "--dry-run")] == ["would be released"]
    assert list_marks(remote_vm)
    [row] = release(clouds, "0")
    assert row == {
        "vm_id": 0,
        "name": "shop",
        "host": "burst1",
        "remote_id": 0,
        "remote_name": "shop",
        "outcome": "is released",
    }
    assert describe(remote_vm) == before
    assert remote_vm.state == RUNNING
    assert find_local(clouds).state == "DONE"
    assert clouds.remote.calls.counts()["one.vm.action"] == 0
    for arguments in (("0",), ("0", "--dry-run")):
        assert [row["outcome"] for row in release(clouds, *arguments)] == ["is released already"]
    assert json.loads(clouds.output("reap", "--yes", "--json")) == []
    adopt(clouds, "0")
    assert list_alive(clouds) == [1]


def test_a_vm_that_a_driver_made_gets_the_local_name(clouds: Clouds) -> None:
    vm = clouds.run_vm()
    [row] = release(clouds, str(vm.id))
    remote_vm = clouds.remote.vms[0]
    assert (row["remote_name"], remote_vm.name, remote_vm.state) == ("web", "web", RUNNING)
    assert list_marks(remote_vm) == []
    assert vm.state == "DONE"
    assert json.loads(clouds.output("reap", "--yes", "--json")) == []


@pytest.mark.parametrize("action", ["poweroff-hard", "suspend", "stop", "undeploy-hard"])
def test_one_that_is_off_stays_off(newest: Clouds, action: str) -> None:
    vm = newest.run_vm()
    vm.act(action)
    vm.wait(
        {"poweroff-hard": "POWEROFF", "suspend": "SUSPENDED", "stop": "STOPPED"}.get(
            action, "UNDEPLOYED"
        )
    )
    state = newest.remote.vms[0].state
    release(newest, str(vm.id))
    assert (vm.state, newest.remote.vms[0].state) == ("DONE", state)


def test_an_orphan_is_saved_from_the_reaper(newest: Clouds) -> None:
    vm = newest.run_vm()
    vm.act("poweroff-hard")
    vm.wait("POWEROFF")
    vm.act("terminate")
    vm.wait("DONE")
    assert [row["outcome"] for row in release(newest, str(vm.id))] == ["is released"]
    assert json.loads(newest.output("reap", "--yes", "--json")) == []
    assert newest.remote.vms[0].state == State(VmState.POWEROFF)


def test_an_imported_vm_that_monitoring_marks_in_the_middle_is_unmarked_again() -> None:
    with open_clouds("6.10") as clouds:
        host = clouds.add_host()
        clouds.run_vm(host)  # it gives the host its id
        remote_vm = make_remote(clouds)
        vm = import_vm(clouds, host, remote_vm.id)
        assert vm.state == "RUNNING"
        marks = [
            ("REMOTE_OPENNEBULA_VM_ID", str(vm.id)),
            ("ONE_HYBRID_ID", host.template.text("ONE_HYBRID_ID")),
            ("ONE_HYBRID_STAY", f"{clouds.front_end.pools.find_vm(vm.id).stime}.0"),
        ]

        def mark(request: ApiRequest) -> Iterator[bytes]:
            with clouds.remote.clock.lock:
                remote_vm.user_template = Template(marks)
            yield format_http_answer(request.execute(), keep=request.keep)

        clouds.front_end.faults.on(mark, "one.vm.recover")
        release(clouds, str(vm.id))
        assert (vm.state, remote_vm.state, list_marks(remote_vm)) == ("DONE", RUNNING, [])


def test_what_has_no_remote_vm_is_refused(newest: Clouds) -> None:
    host = newest.add_host()
    waiting = newest.front_end.add_vm(HYBRID)
    assert "was never on a host" in newest.failure("release", str(waiting.id))
    assert "Error getting virtual machine [9]" in newest.failure("release", "9")
    vm = newest.run_vm(host)
    newest.front_end.pools.find_host(0).vm_mad = "kvm"
    assert "VM 1 is not hybrid: host burst1" in newest.failure("release", str(vm.id))
    newest.front_end.pools.find_host(0).vm_mad = "one"
    newest.remote.act(0, "terminate-hard")
    assert newest.remote.wait_for(0, State(VmState.DONE))
    said = newest.failure("release", str(vm.id))
    assert "remote VM 0 of VM 1 is gone: there is nothing to release" in said
    assert vm.state == "RUNNING"


def test_the_remote_vm_of_another_is_not_touched(newest: Clouds) -> None:
    host = newest.add_host()
    victim, thief = newest.run_vm(host), newest.run_vm(host)
    with newest.front_end.clock.lock:
        newest.front_end.pools.find_vm(thief.id).deploy_id = victim.deploy_id
    said = newest.failure("release", str(thief.id))
    assert "remote VM 0 is not VM 1's: it carries the marks of VM 0" in said
    assert thief.state == "RUNNING"
    unmark(newest, remote_id(victim))
    assert "has lost its marks" in newest.failure("release", str(victim.id))


def test_an_operation_under_way_is_waited_for(newest: Clouds) -> None:
    vm = newest.run_vm()
    with newest.front_end.clock.lock:
        stored = newest.front_end.pools.find_vm(vm.id)
        stored.state = State(VmState.ACTIVE, LcmState.SHUTDOWN)
    said = newest.failure("release", "0")
    assert "VM 0 is SHUTDOWN: an operation is under way. Wait until it has ended" in said
    assert list_marks(newest.remote.vms[0])


def test_a_repeated_id_is_refused(newest: Clouds) -> None:
    assert "0 is given more than once" in newest.failure("release", "0", "0")


def test_without_the_right_to_manage_it_the_local_vm_stays(newest: Clouds) -> None:
    vm = newest.run_vm()
    newest.remote.vms[0].permissions = 0o400
    assert "Not authorized to perform MANAGE VM" in newest.failure("release", str(vm.id))
    assert vm.state == "RUNNING"
