"""``one2one adopt``: local VMs of remote VMs that are there already."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from one2one.opennebula.states import RUNNING, LcmState, State, VmState
from one2one.opennebula.template import Template, Value
from opennebula_sandbox.cloud.objects import Vm
from opennebula_sandbox.cloud.wire.delivery import ApiRequest
from opennebula_sandbox.cloud.wire.xmlrpc import format_http_answer
from opennebula_sandbox.frontend.handles import LocalVm
from tests.admin.clouds import HYBRID, Clouds

STATES = {name: State(VmState[name]) for name in ("POWEROFF", "SUSPENDED", "STOPPED", "UNDEPLOYED")}


def make_remote(clouds: Clouds, name: str = "shop") -> Vm:
    """Return a running VM that the account made in the remote cloud by itself."""
    vm = clouds.remote.instantiate(0, name)
    assert clouds.remote.wait_for(vm.id, RUNNING)
    return vm


def adopt(clouds: Clouds, *arguments: str) -> list[dict[str, Any]]:
    rows = json.loads(clouds.output("adopt", "burst1", *arguments, "--json"))
    assert isinstance(rows, list)
    return rows


def find_local(clouds: Clouds, vm_id: int = 0) -> LocalVm:
    return LocalVm(vm_id, clouds.front_end.pools, clouds.front_end.call)


def list_alive(clouds: Clouds) -> list[int]:
    """Return the local VMs that have not ended."""
    vms = clouds.front_end.pools.vms.values()
    return [vm.id for vm in vms if vm.state.state != VmState.DONE]


def list_marks(remote_vm: Vm) -> list[str]:
    return [name for name, _ in remote_vm.user_template if name.startswith(("ONE_", "REMOTE_"))]


def change_remote(clouds: Clouds, vm: Vm, **values: Any) -> None:
    with clouds.remote.clock.lock:
        for name, value in values.items():
            setattr(vm, name, value)
        clouds.remote.vms.note_change(vm)


def refuse(clouds: Clouds, *arguments: str) -> str:
    """See an adoption fail, and leave nothing behind on either side."""
    marks = {vm.id: list(vm.user_template) for vm in clouds.remote.vms}
    said = clouds.failure("adopt", "burst1", *arguments)
    assert list_alive(clouds) == []
    assert {vm.id: list(vm.user_template) for vm in clouds.remote.vms} == marks
    return said


def test_a_running_vm_becomes_a_hybrid_vm_and_is_not_touched(clouds: Clouds) -> None:
    clouds.add_host()
    clouds.front_end.add_user("alice", "secret")
    remote_vm = make_remote(clouds)
    since, records = remote_vm.stime, len(remote_vm.history)
    [row] = adopt(clouds, "0", "--user", "alice")
    assert row == {
        "remote_id": 0,
        "name": "shop",
        "remote_state": "RUNNING",
        "vm_id": 0,
        "owner": "alice",
        "outcome": "is adopted",
    }
    vm = find_local(clouds)
    assert (vm.name, vm.state, vm.deploy_id) == ("shop", "RUNNING", "opennebula-hybrid-0")
    assert vm.template.text("MEMORY") == remote_vm.template.text("MEMORY")
    assert vm.user_template.vectors("PUBLIC_CLOUD") == [
        {"TYPE": "opennebula", "HOST": "burst1", "TEMPLATE_ID": "0"}
    ]
    assert (remote_vm.name, remote_vm.stime, len(remote_vm.history)) == ("shop", since, records)
    assert remote_vm.user_template.text("ONE_LOCAL_USER") == "alice"
    assert clouds.remote.calls.counts()["one.vm.action"] == 0
    [pair] = json.loads(clouds.output("status", "--json"))
    assert (pair["remote_id"], pair["remote_state"], pair["problem"]) == (0, "RUNNING", "")
    for action, state in (("poweroff-hard", "POWEROFF"), ("resume", "RUNNING")):
        vm.act(action)
        vm.wait(state)
        assert clouds.remote.wait_for(0, STATES.get(state, RUNNING))


def test_once_more_it_says_which_vm_it_is(newest: Clouds) -> None:
    newest.add_host()
    make_remote(newest)
    assert [row["outcome"] for row in adopt(newest, "0", "--dry-run")] == ["would be adopted"]
    assert list_alive(newest) == []
    adopt(newest, "0")
    for arguments in (("0",), ("0", "--dry-run")):
        assert [row["outcome"] for row in adopt(newest, *arguments)] == ["is VM 0 already"]
    assert list_alive(newest) == [0]


@pytest.mark.parametrize("state", STATES)
def test_one_that_is_off_stays_off(newest: Clouds, state: str) -> None:
    newest.add_host()
    remote_vm = make_remote(newest)
    change_remote(newest, remote_vm, state=STATES[state])
    adopt(newest, "0")
    assert remote_vm.state == STATES[state]
    assert newest.remote.calls.counts()["one.vm.action"] == 0


def test_a_name_a_group_and_a_template_can_be_chosen(newest: Clouds) -> None:
    newest.add_host()
    remote_vm = make_remote(newest)
    chosen: dict[str, Value] = {
        "CPU": "8",
        "LABELS": "shops",
        "CONTEXT": {"TOKEN": "YES"},
        "PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "1", "HOST": "burst1"},
    }
    newest.front_end.add_template(chosen, name="base")
    [row] = adopt(newest, "0", "--name", "Läden 1", "--group", "users", "--template", "base")
    assert row["name"] == "Läden 1"
    vm = newest.front_end.pools.find_vm(0)
    assert (vm.uname, vm.gname) == ("oneadmin", "users")
    assert vm.user_template.text("LABELS") == "shops"
    assert vm.user_template.vector("PUBLIC_CLOUD")["TEMPLATE_ID"] == "1"
    assert vm.template.text("CPU") == remote_vm.template.text("CPU")
    assert not vm.template.vectors("CONTEXT")


def test_several_are_adopted_and_one_that_cannot_be_does_not_keep_the_others(
    newest: Clouds,
) -> None:
    newest.add_host()
    make_remote(newest), make_remote(newest)
    done = newest.run("adopt", "burst1", "0", "9", "1", "--csv")
    assert done.returncode == 255
    assert [line.split(",")[-1] for line in done.stdout.splitlines()[1:]] == ["is adopted"] * 2
    assert done.stderr == "one2one: 9: remote VM 9 does not exist. See: onevm list, there\n"


def test_what_an_ended_vm_left_is_adopted_again(newest: Clouds) -> None:
    newest.add_host()
    remote_vm = make_remote(newest)
    adopt(newest, "0")
    find_local(newest).recover("delete-db")
    assert list_marks(remote_vm)
    adopt(newest, "0")
    assert find_local(newest, 1).state == "RUNNING"
    assert remote_vm.user_template.text("REMOTE_OPENNEBULA_VM_ID") == "1"


def mark(**marks: str) -> Callable[[Clouds, Vm], None]:
    def change(clouds: Clouds, vm: Vm) -> None:
        change_remote(clouds, vm, user_template=Template(marks.items()))

    return change


def give_away(clouds: Clouds, vm: Vm, permissions: int = 0o644) -> None:
    clouds.remote.accounts.add("bob", "secret")
    change_remote(clouds, vm, uid=3, uname="bob", permissions=permissions)


def hide(clouds: Clouds, vm: Vm) -> None:
    give_away(clouds, vm, permissions=0o600)


def end(clouds: Clouds, vm: Vm) -> None:
    clouds.remote.act(vm.id, "terminate-hard")
    assert clouds.remote.wait_for(vm.id, State(VmState.DONE))


FOREIGN = {
    "REMOTE_OPENNEBULA_VM_ID": "4",
    "ONE_HYBRID_ID": "other",
    "ONE_HYBRID_STAY": "1700000000.0",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (mark(**FOREIGN), "carries the marks of VM 4 of another host or cloud"),
        (mark(REMOTE_OPENNEBULA_VM_ID="4"), "carries the marks of VM 4, by the Ruby driver"),
        (mark(ONE_HYBRID_STAY="x"), "carries damaged marks"),
        (
            lambda clouds, vm: change_remote(clouds, vm, name="remote-opennebula-4"),
            "is called after VM 4, and has lost its marks",
        ),
        (give_away, "remote VM 0 is bob's there, not"),
        (hide, "remote VM 0 is another user's there, not"),
        (end, "remote VM 0 is DONE"),
        (
            lambda clouds, vm: change_remote(
                clouds, vm, state=State(VmState.ACTIVE, LcmState.SHUTDOWN_POWEROFF)
            ),
            "remote VM 0 is SHUTDOWN_POWEROFF",
        ),
    ],
)
def test_a_remote_vm_that_is_not_free_is_refused(
    newest: Clouds, change: Callable[[Clouds, Vm], None], said: str
) -> None:
    newest.add_host()
    change(newest, make_remote(newest))
    assert said in refuse(newest, "0")
    assert said in refuse(newest, "0", "--dry-run")


def test_the_remote_vm_of_a_living_vm_is_refused(newest: Clouds) -> None:
    host = newest.add_host()
    vm, remote_vm = newest.run_vm(host), make_remote(newest)
    change_remote(newest, remote_vm, user_template=newest.remote.vms[0].user_template)
    said = newest.failure("adopt", "burst1", "1")
    assert f"remote VM 1 carries the marks of VM {vm.id}. See: one2one show {vm.id}" in said


def limit_alice(clouds: Clouds) -> None:
    clouds.front_end.add_user("alice", "secret")
    alice = clouds.front_end.pools.accounts.users["alice"]
    alice.quotas.limit(VMS=0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("burst9 0", "there is no hybrid host burst9"),
        ("burst1", "Missing argument"),
        ("burst1 x", "'x' is not an id"),
        ("burst1 0 0", "0 is given more than once"),
        ("burst1 0 1 --name web", "--name is for one remote VM"),
        ("burst1 0 --user carol", "there is no user carol here. See: oneuser list"),
        ("burst1 0 --group crew", "there is no group crew here. See: onegroup list"),
        ("burst1 0 --template t", "there is no template t here. See: onetemplate list"),
        ("burst1 0 --timeout 0", "0 is not in the range"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_done(
    newest: Clouds, arguments: str, said: str
) -> None:
    newest.add_host()
    make_remote(newest)
    assert said in newest.failure("adopt", *arguments.split())
    assert list_alive(newest) == []


def test_two_templates_with_one_name_are_told_apart_by_id(newest: Clouds) -> None:
    newest.add_host()
    make_remote(newest)
    with newest.front_end.clock.lock:
        for name in ("one", "two"):
            newest.front_end.add_template({"CPU": "1"}, name=name)
        for template in newest.front_end.pools.templates.values():
            template.name = "base"
    assert "several templates are called base: 0, 1" in refuse(newest, "0", "--template", "base")


@pytest.mark.parametrize("status", ["disable", "offline"])
def test_a_host_that_is_not_on_is_refused(newest: Clouds, status: str) -> None:
    newest.add_host().set_status(status)
    make_remote(newest)
    assert "host burst1 is not on" in refuse(newest, "0")


def test_a_quota_of_the_new_owner_takes_everything_back(clouds: Clouds) -> None:
    clouds.add_host()
    limit_alice(clouds)
    make_remote(clouds)
    assert "VMS quota" in refuse(clouds, "0", "--user", "alice")


def test_without_the_right_to_manage_it_nothing_is_left(newest: Clouds) -> None:
    newest.add_host()
    change_remote(newest, make_remote(newest), permissions=0o400)
    assert "Not authorized to perform MANAGE VM [0]" in refuse(newest, "0")


@pytest.mark.parametrize("reader", ["one.vm.allocate", "one.vm.deploy"])
def test_a_vm_that_vanishes_in_the_middle_is_told_and_nothing_is_left(
    newest: Clouds, reader: str
) -> None:
    newest.add_host()
    remote_vm = make_remote(newest)
    act_on_call(newest, reader, lambda: end(newest, remote_vm))
    said = newest.failure("adopt", "burst1", "0")
    assert "is gone" in said
    assert list_alive(newest) == []


def test_one_that_another_front_end_marks_in_the_middle_is_left_to_it(newest: Clouds) -> None:
    newest.add_host()
    remote_vm = make_remote(newest)
    act_on_call(newest, "one.vm.deploy", lambda: mark(**FOREIGN)(newest, remote_vm))
    said = newest.failure("adopt", "burst1", "0")
    assert "carries the marks of VM 4 of another host or cloud" in said
    assert list_alive(newest) == []
    assert remote_vm.user_template.text("ONE_HYBRID_ID") == "other"


def act_on_call(clouds: Clouds, method: str, act: Callable[[], object]) -> None:
    """Have something happen at the remote before the front-end carries a call out."""

    def effect(request: ApiRequest) -> Iterator[bytes]:
        act()
        yield format_http_answer(request.execute(), keep=request.keep)

    clouds.front_end.faults.on(effect, method)


def test_a_user_gains_nothing_by_naming_a_remote_vm(newest: Clouds) -> None:
    """Neither a VM that is deployed, nor one that waits for the administrator's adoption."""
    host = newest.add_host()
    newest.front_end.add_user("eve", "secret")
    remote_vm = make_remote(newest)
    trap = newest.front_end.add_vm(
        HYBRID | {"PUBLIC_CLOUD": {"TYPE": "opennebula", "TEMPLATE_ID": "0", "VM_ID": "0"}}
    )
    stored = newest.front_end.pools.find_vm(trap.id)
    stored.uid, stored.uname = 2, "eve"
    adopt(newest, "0")
    assert remote_vm.user_template.text("REMOTE_OPENNEBULA_VM_ID") == "1"
    assert trap.state == "PENDING"
    trap.deploy(host)
    trap.wait("BOOT_FAILURE")
    assert "remote VM 0 is not VM 0's: it carries the marks of VM 1" in trap.error
    assert len(list(newest.remote.vms)) == 1, "no other remote VM is made for it"
