import json
import os
import pty
from typing import Any

import pytest

from one2one.opennebula.states import RUNNING, State, VmState
from opennebula_sandbox.cloud import faults
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from tests.admin.clouds import Clouds, remote_id

DONE = State(VmState.DONE)


def abandon_vm(clouds: Clouds, host: LocalHost) -> LocalVm:
    vm = clouds.run_vm(host)
    vm.act("poweroff-hard")
    vm.wait("POWEROFF")
    vm.act("terminate-hard")
    vm.wait("DONE")
    return vm


def forget(clouds: Clouds, *vms: LocalVm) -> None:
    """Lose local VMs, as a restored database does."""
    with clouds.front_end.clock.lock:
        for vm in vms:
            del clouds.front_end.pools.vms[vm.id]


def list_alive(clouds: Clouds) -> set[int]:
    return {vm.id for vm in clouds.remote.vms if vm.state != DONE}


def reap(clouds: Clouds, *arguments: str) -> list[dict[str, Any]]:
    rows = json.loads(clouds.output("reap", "--json", *arguments))
    assert isinstance(rows, list)
    return rows


def test_a_dry_run_tells_and_does_nothing(newest: Clouds) -> None:
    vm = abandon_vm(newest, newest.add_host())
    [row] = reap(newest, "--dry-run")
    assert row == {
        "host": "burst1",
        "remote_id": remote_id(vm),
        "vm_id": vm.id,
        "kind": "abandoned",
        "reason": f"local VM {vm.id} is DONE",
        "outcome": "would be destroyed",
    }
    assert list_alive(newest) == {remote_id(vm)}
    assert "would be destroyed" in newest.output("reap", "--dry-run")


def test_orphans_are_destroyed_at_once(clouds: Clouds) -> None:
    host = clouds.add_host()
    kept, vm, lost = clouds.run_vm(host), abandon_vm(clouds, host), clouds.run_vm(host)
    going = remote_id(vm), remote_id(lost)
    forget(clouds, lost)
    rows = reap(clouds, "--yes", "--host", "burst1")
    assert [(row["kind"], row["outcome"]) for row in rows] == [
        ("abandoned", "is destroyed"),
        ("lost", "is destroyed"),
    ]
    for gone in going:
        assert clouds.remote.wait_for(gone, DONE)
    assert list_alive(clouds) == {remote_id(kept)}
    assert reap(clouds, "--yes") == []


def test_two_remote_vms_of_one_local_vm(newest: Clouds) -> None:
    vm = newest.run_vm()
    twin = newest.remote.instantiate(0, f"remote-opennebula-{vm.id}")
    twin.user_template = newest.remote.vms[remote_id(vm)].user_template
    assert newest.remote.wait_for(twin.id, RUNNING)
    [row] = reap(newest, "--yes")
    assert (row["remote_id"], row["kind"]) == (twin.id, "double")
    assert newest.remote.wait_for(twin.id, DONE)
    assert list_alive(newest) == {remote_id(vm)}


def test_what_was_left_on_a_host_that_its_vm_left(newest: Clouds) -> None:
    host, other = newest.add_host("burst1"), newest.add_host("burst2")
    vm = newest.run_vm(host)
    first = remote_id(vm)
    newest.remote.faults.on(faults.answer_http_error("404 Not Found"), "one.vm.*", times=None)
    vm.recover("recreate")
    vm.wait("PENDING")
    vm.wait_for_log("CLEANUP")
    newest.remote.faults.clear()
    vm.deploy(other)
    vm.wait("RUNNING")
    [row] = reap(newest, "--yes")
    assert (row["host"], row["remote_id"], row["kind"]) == ("burst1", first, "left behind")
    assert newest.remote.wait_for(first, DONE)
    assert list_alive(newest) == {remote_id(vm)}


def test_after_a_restored_database_only_allow_many_destroys(newest: Clouds) -> None:
    host = newest.add_host()
    vms = [newest.run_vm(host) for _ in range(5)]
    forget(newest, *vms[1:])
    outcomes = {row["outcome"] for row in reap(newest, "--yes")}
    assert outcomes == {"is left alone: many at once"}
    assert len(list_alive(newest)) == 5
    assert len(reap(newest, "--yes", "--allow-many")) == 4
    for remote in (1, 2, 3, 4):
        assert newest.remote.wait_for(remote, DONE)
    assert list_alive(newest) == {0}


def test_without_a_terminal_and_yes_nothing_is_done(newest: Clouds) -> None:
    vm = abandon_vm(newest, newest.add_host())
    assert "--yes" in newest.failure("reap")
    assert list_alive(newest) == {remote_id(vm)}


@pytest.mark.parametrize(("answer", "status"), [(b"n\n", 255), (b"y\n", 0)])
def test_at_a_terminal_it_asks(newest: Clouds, answer: bytes, status: int) -> None:
    vm = abandon_vm(newest, newest.add_host())
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer)
        done = newest.run("reap", stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Destroy 1 remote VMs?" in done.stderr
    assert done.returncode == status
    assert newest.remote.wait_for(remote_id(vm), DONE) if status == 0 else list_alive(newest)


def test_a_host_that_was_deleted_leaves_vms_that_can_be_named(newest: Clouds) -> None:
    host = newest.add_host()
    vm = abandon_vm(newest, host)
    hybrid_id = host.template.text("ONE_HYBRID_ID")
    newest.front_end.call("one.host.delete", host.id)
    newest.add_host()
    done = newest.run("reap", "--yes", "--csv")
    assert done.returncode == 0
    assert f"1 VMs in its account carry ONE_HYBRID_ID {hybrid_id}" in done.stderr
    assert list_alive(newest) == {remote_id(vm)}
    [row] = reap(newest, "--yes", "--host", "burst1", "--hybrid-id", hybrid_id)
    assert row["outcome"] == "is destroyed"
    assert newest.remote.wait_for(remote_id(vm), DONE)


def test_an_id_of_another_host_is_refused(newest: Clouds) -> None:
    host, _ = newest.add_host("burst1"), newest.add_host("burst2")
    newest.run_vm(host)
    hybrid_id = host.template.text("ONE_HYBRID_ID")
    done = newest.run("reap", "--host", "burst2", "--hybrid-id", hybrid_id)
    assert done.returncode == 255
    assert "is that of a host which is there" in done.stderr


def test_a_remote_that_is_away_does_not_keep_the_others(newest: Clouds) -> None:
    newest.add_host("away", ONE_ENDPOINT="http://127.0.0.1:1/RPC2")
    vm = abandon_vm(newest, newest.add_host("burst1"))
    done = newest.run("reap", "--yes")
    assert done.returncode == 255
    assert "is destroyed" in done.stdout
    assert done.stderr.startswith("away: ")
    assert newest.remote.wait_for(remote_id(vm), DONE)


def test_what_cannot_be_destroyed_is_told(newest: Clouds) -> None:
    vm = abandon_vm(newest, newest.add_host())
    newest.remote.faults.on(faults.answer_http_error("404 Not Found"), "one.vm.action")
    done = newest.run("reap", "--yes", "--json")
    assert done.returncode == 255
    [row] = json.loads(done.stdout)
    assert row["outcome"].startswith("could not be destroyed: one.vm.action")
    assert list_alive(newest) == {remote_id(vm)}
