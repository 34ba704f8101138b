"""What an administrator is told of whose VM is whose: doctor, status, show and reap."""

import json
import re
from collections.abc import Iterator

import pytest

from one2one.opennebula.states import State, VmState
from one2one.opennebula.template import Template
from opennebula_sandbox.cloud.cloud import SimulatedCloud
from opennebula_sandbox.cloud.wire.delivery import ApiRequest
from opennebula_sandbox.cloud.wire.xmlrpc import format_http_answer
from opennebula_sandbox.frontend.handles import LocalHost, LocalVm
from tests.admin.clouds import HYBRID, Clouds, open_clouds, remote_id

Row = dict[str, str]


def check(clouds: Clouds, title: str, subject: str = "burst1") -> Row:
    rows = json.loads(clouds.run("doctor", "--json").stdout)
    [found] = [row for row in rows if (row["subject"], row["check"]) == (subject, title)]
    return dict(found)


def answer(clouds: Clouds, title: str, subject: str = "burst1") -> tuple[str, str]:
    row = check(clouds, title, subject)
    return row["severity"], row["text"]


def reap(clouds: Clouds, *arguments: str) -> list[Row]:
    return list(json.loads(clouds.output("reap", "--json", *arguments)))


def unmark(clouds: Clouds, remote: int) -> None:
    vm = clouds.remote.vms[remote]
    marks = ("OPENNEBULA", "HYBRID")
    kept = (a for a in vm.user_template if not any(mark in a[0] for mark in marks))
    vm.user_template = Template(kept)
    clouds.remote.vms.note_change(vm)


def import_vm(clouds: Clouds, host: LocalHost, remote: int) -> LocalVm:
    name = "DEPLOY_ID" if clouds.front_end.release.monitord else "IMPORT_VM_ID"
    vm = clouds.front_end.add_vm(HYBRID | {name: f"opennebula-hybrid-{remote}"})
    vm.deploy(host)
    return vm


def test_a_vm_that_names_the_remote_vm_of_another_is_told(clouds: Clouds) -> None:
    host = clouds.add_host()
    victim, thief = clouds.run_vm(host), clouds.run_vm(host)
    assert answer(clouds, "owners") == ("ok", "each VM's own")
    with clouds.front_end.clock.lock:  # as after a restored database
        clouds.front_end.pools.find_vm(thief.id).deploy_id = victim.deploy_id
    wrong = "remote VM 0 is not VM 1's: it carries the marks of VM 0"
    assert answer(clouds, "owners") == ("failure", f"nothing is done to VMs of others: {wrong}")
    [_, row] = json.loads(clouds.output("status", "--json"))
    assert (row["id"], row["problem"]) == (thief.id, wrong)
    assert (row["remote_id"], row["remote_state"], row["addresses"]) == (0, "", [])
    assert json.loads(clouds.output("show", "1", "--json"))["marks"]["whose"] == "another VM's"


def test_a_vm_that_names_a_remote_vm_without_marks_is_told(newest: Clouds) -> None:
    host = newest.add_host()
    imported, thief = import_vm(newest, host, newest.remote.instantiate().id), newest.run_vm(host)
    victim = newest.remote.instantiate(0, "database")
    with newest.front_end.clock.lock:
        newest.front_end.pools.find_vm(thief.id).deploy_id = f"opennebula-hybrid-{victim.id}"
    rows = {row["id"]: row for row in json.loads(newest.output("status", "--json"))}
    assert rows[imported.id]["problem"] == ""
    assert "carries no marks, and no import explains it" in rows[thief.id]["problem"]
    assert (rows[thief.id]["remote_state"], rows[thief.id]["addresses"]) == ("", [])


def test_marks_that_were_lost_are_told_and_how_to_write_them_again(newest: Clouds) -> None:
    newest.run_vm(newest.add_host())
    rubys = 'REMOTE_OPENNEBULA="YES"\nREMOTE_OPENNEBULA_VM_ID="9"'
    newest.remote.instantiate(0, "remote-opennebula-9", rubys)
    before = list(newest.remote.vms[0].user_template)
    unmark(newest, 0)
    row = check(newest, "lost marks")
    reason = "it is called after VM 0 and has no marks"
    assert row["text"] == f"remote VMs that have lost their marks: 0 ({reason})"
    assert reap(newest, "--dry-run") == [
        {
            "host": "burst1",
            "remote_id": 0,
            "vm_id": 0,
            "kind": "unmarked",
            "reason": reason,
            "outcome": "is left alone: see it",
        }
    ]
    marks = re.findall(r'([A-Z_]+)="([^"]*)"', row["remedy"])
    assert all(mark in before for mark in marks)
    text = "\n".join(f'{name}="{value}"' for name, value in marks)
    newest.remote.call("one.vm.update", 0, text, 1)
    assert answer(newest, "lost marks") == ("ok", "none")
    assert answer(newest, "owners") == ("ok", "each VM's own")


@pytest.mark.parametrize("generation", ["5.10", "6.10"])
def test_an_imported_vm_outlives_its_local_vm_and_is_told(generation: str) -> None:
    with open_clouds(generation) as clouds:
        foreign = clouds.remote.instantiate(0, "web")
        vm = import_vm(clouds, clouds.add_host(), foreign.id)
        vm.act("poweroff")
        vm.wait("POWEROFF")
        assert answer(clouds, "imported VMs") == ("ok", "none")
        assert reap(clouds, "--dry-run") == []
        vm.act("terminate")
        vm.wait("DONE")
        severity, told = answer(clouds, "imported VMs")
        assert severity == "warning"
        assert told.endswith("imported or renamed, without a local VM: 0 (local VM 0 is DONE)")
        assert answer(clouds, "abandoned VMs") == ("ok", "none")
        [row] = reap(clouds, "--yes")
        assert (row["kind"], row["outcome"]) == (
            "abandoned",
            "is left alone: imported or renamed",
        )
        assert foreign.state == State(VmState.POWEROFF)


def test_a_guest_that_gives_itself_the_marks_of_another_gains_nothing(newest: Clouds) -> None:
    host = newest.add_host()
    vms = [newest.run_vm(host) for _ in range(5)]
    for vm in vms[1:]:
        own = newest.remote.vms[remote_id(vm)]
        newest.remote.call("one.vm.update", own.id, 'REMOTE_OPENNEBULA_VM_ID="4711"', 1)
    rows = reap(newest, "--yes")
    assert {row["outcome"] for row in rows} == {"is left alone: imported or renamed"}
    assert len(rows) == 4, "told, but no sign of a restored database"


def test_a_vm_that_cannot_be_imported_is_told() -> None:
    with open_clouds("6.10") as clouds, SimulatedCloud("6.10") as second:
        others = Clouds(clouds.front_end, second)
        host, _ = clouds.add_host("burst1"), others.add_host("burst2")
        assert clouds.remote.instantiate(0, "web").id == second.instantiate(0, "web").id
        assert answer(clouds, "imports", "burst2") == ("ok", "1 VMs can be imported")
        vm = import_vm(clouds, host, 0)
        taken = f"0 (as VM {vm.id} of burst1)"
        assert answer(clouds, "imports", "burst2") == (
            "warning",
            f"remote VMs that cannot be imported, as their id is taken: {taken}",
        )


@pytest.mark.parametrize(
    ("generation", "found"),
    [
        ("5.10", "IMPORT_VM_ID has no effect until an administrator deploys the VM"),
        ("6.10", "oned.conf restricts DEPLOY_ID"),
        ("7.2", "oned.conf restricts DEPLOY_ID"),
    ],
)
def test_whether_users_may_submit_a_deploy_id_is_told(generation: str, found: str) -> None:
    with open_clouds(generation) as clouds:
        assert answer(clouds, "deploy ids of users", "front-end") == ("ok", found)


def test_a_deploy_id_that_users_may_submit_is_told(newest: Clouds) -> None:
    def open_to_all(request: ApiRequest) -> Iterator[bytes]:
        yield format_http_answer(
            request.execute().replace(b"DEPLOY_ID", b"NOTHING"), keep=request.keep
        )

    newest.front_end.faults.on(open_to_all, "one.system.config", times=None)
    row = check(newest, "deploy ids of users", "front-end")
    assert row["severity"] == "warning"
    assert 'VM_RESTRICTED_ATTR = "DEPLOY_ID"' in row["remedy"]


@pytest.mark.parametrize("restricted", [False, True])
def test_whether_users_may_map_their_images_is_told(newest: Clouds, *, restricted: bool) -> None:
    host = newest.add_host()
    assert answer(newest, "mappings of users") == ("ok", "no disks and NICs are passed through")
    newest.front_end.call("one.host.update", host.id, 'ONE_PASS_THROUGH = "DISK"', 1)
    found = ("ok", "those of users' images and networks do not count")
    assert answer(newest, "mappings of users") == found
    newest.front_end.call("one.host.update", host.id, 'ONE_USER_MAPPINGS = "YES"', 1)

    def restrict(request: ApiRequest) -> Iterator[bytes]:
        shown = request.execute().replace(b"VM_RESTRICTED_ATTR", b"IMAGE_RESTRICTED_ATTR")
        yield format_http_answer(
            shown.replace(b"DEPLOY_ID", b"ONE_REMOTE_IMAGE"), keep=request.keep
        )

    if restricted:
        newest.front_end.faults.on(restrict, "one.system.config", times=None)
        assert answer(newest, "mappings of users") == ("ok", "oned.conf restricts ONE_REMOTE_IMAGE")
    else:
        row = check(newest, "mappings of users")
        assert row["severity"] == "warning"
        assert 'IMAGE_RESTRICTED_ATTR = "ONE_REMOTE_IMAGE"' in row["remedy"]
