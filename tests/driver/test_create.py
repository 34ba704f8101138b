"""A local VM that starts gets one remote VM, whatever became of earlier attempts."""

from typing import Any

import pytest

from one2one.driver.create import create
from one2one.driver.operation import Job
from one2one.hybrid import naming
from one2one.opennebula.errors import NotFound, OneError, Refused, Unreachable
from one2one.opennebula.template import Value, Vector
from tests.driver.scripted import ACTION, BORN, NOT_FOUND, after, answer, drop, lose, refuse
from tests.driver.world import HOST, HOST_ID, HYBRID_ID, MARKS, World, finish

OWN_MARKS = {
    "REMOTE_OPENNEBULA": "YES",
    "REMOTE_OPENNEBULA_VM_ID": "7",
    "ONE_HYBRID_ID": HYBRID_ID,
    "ONE_HYBRID_STAY": f"{BORN}.0",
}


def start(world: World, **values: Any) -> Job:
    """Return the job of a new local VM's first DEPLOY."""
    world.add_local(7, **values)
    return world.open_job("DEPLOY", "BOOT")


def run_create(job: Job, *outcomes: OneError | str) -> int:
    """Create the remote VM, and return its id."""
    return int(finish(create(job), *outcomes))  # type: ignore[arg-type]


def list_living(world: World) -> list[int]:
    return [vm.id for vm in world.remote.vms.values() if vm.state != "DONE"]


def read_marks(world: World, remote_id: int) -> dict[str, Value]:
    """Return the marks of a remote VM."""
    attributes = world.remote.vms[remote_id].user_template
    return {name: value for name, value in attributes.items() if name in naming.MARKS}


def test_a_new_vm_has_its_marks_from_its_first_moment(world: World) -> None:
    assert run_create(start(world)) == 0
    assert world.remote.vms[0].name == "remote-opennebula-7"
    assert read_marks(world, 0) == OWN_MARKS
    assert world.log == ["Remote VM 0 created from template 0"]


def test_a_new_vm_costs_three_calls_and_its_operations_know_it(world: World) -> None:
    job = start(world)
    run_create(job)
    methods = [call.split()[0] for call in world.remote.calls]
    assert methods == ["vmpool.info", "template.info", "template.instantiate"]
    assert job.remote.owner_cache.holds(0, MARKS)


def test_the_first_vm_of_a_host_has_its_new_hybrid_id(world: World) -> None:
    del world.local.hosts[HOST_ID]["ONE_HYBRID_ID"]
    job = start(world)
    run_create(job)
    written = world.local.hosts[HOST_ID]["ONE_HYBRID_ID"]
    assert read_marks(world, 0) == OWN_MARKS | {"ONE_HYBRID_ID": written}
    assert job.marks.hybrid_id == written


@pytest.mark.parametrize(
    ("public_cloud", "words"),
    [
        ({}, 'has no PUBLIC_CLOUD with TYPE="opennebula"'),
        ({"TYPE": "ec2", "TEMPLATE_ID": "0"}, 'has no PUBLIC_CLOUD with TYPE="opennebula"'),
        ({"TYPE": "opennebula"}, "TEMPLATE_ID is '' instead of the id"),
        ({"TYPE": "opennebula", "TEMPLATE_ID": "web"}, "TEMPLATE_ID is 'web' instead of the id"),
        ({"TYPE": "opennebula", "TEMPLATE_ID": "-1"}, "TEMPLATE_ID is '-1' instead of the id"),
        ({"TYPE": "opennebula", "TEMPLATE_ID": "0", "HOST": "b2"}, "no PUBLIC_CLOUD sections for"),
    ],
)
def test_a_template_that_names_no_remote_one_is_told_before_any_call(
    world: World, public_cloud: Value, words: str
) -> None:
    job = start(world, user_template={"PUBLIC_CLOUD": public_cloud})
    with pytest.raises(Refused, match=words):
        run_create(job)
    assert world.remote.calls == []


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"FILES": "/etc/passwd"}, "CONTEXT/FILES names files of the local front-end"),
        ({"A": "b@^_^@c"}, "CONTEXT/A contains @.*, which OpenNebula cannot store"),
        ({"TOKEN": "YES"}, "no OneGate token can be made"),
    ],
)
def test_a_value_that_cannot_travel_is_refused_by_name_before_anything_is_made(
    world: World, context: Vector, words: str
) -> None:
    job = start(world)
    shown = world.local.vms[7].render()
    members = "".join(f"<{name}>{value}</{name}>" for name, value in context.items())
    shown = shown.replace("<TEMPLATE>", f"<TEMPLATE><CONTEXT>{members}</CONTEXT>")
    world.local.script("vm.info", answer(shown))
    with pytest.raises(Refused, match=words):
        run_create(job)
    assert world.remote.vms == {}


def test_a_remote_template_that_is_not_there_is_told_before_anything_is_made(
    world: World,
) -> None:
    job = start(world)
    world.remote.templates.clear()
    with pytest.raises(NotFound, match=r"one.template.info .*\[0\]"):
        run_create(job)
    assert world.remote.count("template.instantiate") == 0


def test_the_context_of_both_sides_arrives(world: World) -> None:
    world.remote.templates[0] = {"CONTEXT": {"NETWORK": "YES", "TOKEN": "YES", "A": "theirs"}}
    job = start(world, template={"CONTEXT": {"A": "ours", "DISK_ID": "1", "FILES_DS": "x"}})
    run_create(job)
    context = world.remote.vms[0].user_template["CONTEXT"]
    assert context == {"NETWORK": "YES", "TOKEN": "NO", "A": "ours"}
    assert "CONTEXT/FILES_DS is left out: a remote VM cannot get local files" in world.log


def test_a_guest_that_wants_onegate_gets_the_local_token(world: World) -> None:
    token = world.directory / "var" / "vms" / "7" / "token.txt"
    token.parent.mkdir(parents=True)
    token.write_text("secret\n")
    run_create(start(world, template={"CONTEXT": {"TOKEN": "YES"}}))
    assert world.remote.vms[0].user_template["CONTEXT"] == {"ONEGATE_TOKEN": "secret"}


@pytest.mark.parametrize("state", ["PENDING", "CLONING", "PROLOG", "BOOT", "RUNNING", "MIGRATE"])
def test_a_vm_of_an_earlier_attempt_is_taken_over(world: World, state: str) -> None:
    world.add_remote(9, state)
    job = start(world)
    assert run_create(job) == 9
    assert list_living(world) == [9]
    assert world.remote.actions == []
    assert world.log == ["Remote VM 9 of an earlier attempt is taken over"]
    assert job.remote.owner_cache.holds(9, MARKS)


@pytest.mark.parametrize("state", ["POWEROFF", "SUSPENDED", "STOPPED", "UNDEPLOYED", "UNKNOWN"])
def test_one_that_does_not_run_is_resumed(world: World, state: str) -> None:
    world.add_remote(9, state)
    world.remote.after["resume"] = "BOOT"
    assert run_create(start(world), "RUNNING") == 9
    assert world.remote.actions == ["resume 9"]


def test_one_on_hold_is_released(world: World) -> None:
    world.add_remote(9, "HOLD")
    world.remote.after["release"] = "PENDING"
    assert run_create(start(world)) == 9
    assert world.remote.actions == ["release 9"]


@pytest.mark.parametrize("state", ["FAILED", "SHUTDOWN", "EPILOG", "CLEANUP_DELETE"])
def test_one_that_ends_is_left_to_end(world: World, state: str) -> None:
    world.add_remote(9, state)
    assert run_create(start(world)) == 10
    assert world.remote.actions == []


@pytest.mark.parametrize("state", ["BOOT_FAILURE", "PROLOG_FAILURE", "CLONING_FAILURE"])
def test_one_that_failed_to_start_is_replaced(world: World, state: str) -> None:
    world.add_remote(9, state)
    world.remote.after["terminate-hard"] = "DONE"
    assert run_create(start(world)) == 10
    assert list_living(world) == [10]
    assert f"Remote VM 9 of an earlier attempt ({state}) is destroyed" in world.log


def test_no_new_vm_is_made_before_the_failed_one_is_gone(world: World) -> None:
    world.add_remote(9, "BOOT_FAILURE")
    steps = create(start(world))
    next(steps)
    assert world.remote.count("template.instantiate") == 0


def test_one_from_before_recover_recreate_is_replaced(world: World) -> None:
    world.add_remote(9, "RUNNING")
    world.remote.after["terminate-hard"] = "DONE"
    job = start(world, hosts=[(HOST_ID, HOST), (HOST_ID, HOST)])
    assert run_create(job) == 10
    assert list_living(world) == [10]
    assert world.remote.vms[10].user_template["ONE_HYBRID_STAY"] == f"{BORN}.1"


def test_of_two_earlier_ones_the_newest_is_taken_over(world: World) -> None:
    world.add_remote(9)
    world.add_remote(11)
    assert run_create(start(world)) == 11


@pytest.mark.parametrize(
    "mark",
    [
        {"ONE_HYBRID_ID": "hybrid-b"},
        {"ONE_HYBRID_STAY": f"{BORN - 1}.0"},
        {"REMOTE_OPENNEBULA_VM_ID": "8"},
        {"ONE_HYBRID_STAY": "soon"},
    ],
)
def test_a_vm_with_other_marks_is_not_taken_over(world: World, mark: dict[str, Value]) -> None:
    world.add_remote(9).user_template |= mark
    assert run_create(start(world)) == 10
    assert world.remote.actions == []


def test_a_vm_that_the_local_cloud_calls_anothers_is_not_taken_over(world: World) -> None:
    world.add_local(8, deploy_id="opennebula-hybrid-9")
    world.add_remote(9)
    assert run_create(start(world)) == 10
    assert world.remote.actions == []
    assert world.log[0] == "Remote VM 9 has this VM's marks, but is VM 8's"


def test_a_vm_that_oned_names_already_is_taken_over(world: World) -> None:
    world.add_remote(9)
    assert run_create(start(world, deploy_id="opennebula-hybrid-9")) == 9


def test_an_instantiate_whose_answer_was_lost_is_found_by_its_marks(world: World) -> None:
    job = start(world)
    world.remote.script("template.instantiate", lose)
    assert run_create(job) == 0
    assert list_living(world) == [0]
    assert world.remote.count("template.instantiate") == 1
    assert job.remote.owner_cache.holds(0, MARKS)


def test_an_instantiate_that_may_still_arrive_is_not_repeated(world: World) -> None:
    job = start(world)
    world.remote.script("template.instantiate", drop)
    with pytest.raises(Unreachable, match=r"one.template.instantiate .* closed without an answer"):
        run_create(job)
    assert world.remote.count("template.instantiate") == 1


def test_a_lost_instantiate_in_an_outage_is_told_by_its_own_failure(world: World) -> None:
    job = start(world)
    world.remote.script("template.instantiate", lose)
    world.remote.script("vmpool.info", after(lambda: None), drop)
    with pytest.raises(Unreachable, match=r"one\.template\.instantiate"):
        run_create(job)


def test_what_a_lost_instantiate_made_and_has_ended_does_not_count(world: World) -> None:
    job = start(world)
    world.remote.script("template.instantiate", lose)
    end = after(lambda: setattr(world.remote.vms[0], "state", "EPILOG"))
    world.remote.script("vmpool.info", after(lambda: None), end)
    with pytest.raises(Unreachable, match=r"one\.template\.instantiate"):
        run_create(job)


@pytest.mark.parametrize("code", [ACTION, NOT_FOUND])
def test_after_a_refusal_nothing_is_looked_for(world: World, code: int) -> None:
    job = start(world)
    world.remote.script("template.instantiate", refuse(code, "quota"))
    with pytest.raises(Refused, match="quota"):
        run_create(job)
    assert world.remote.count("vmpool.info") == 1


def start_adoption(world: World) -> Job:
    """Return the job of a local VM that is to adopt remote VM 9, which has another name."""
    public_cloud = {"TYPE": "opennebula", "VM_ID": "9", "HOST": HOST}
    return start(world, user_template={"PUBLIC_CLOUD": public_cloud})


@pytest.mark.parametrize("state", ["RUNNING", "POWEROFF", "SUSPENDED", "HOLD"])
def test_a_vm_that_is_adopted_is_taken_as_it_is(world: World, state: str) -> None:
    job = start_adoption(world)
    world.add_remote(9, state, marks=MARKS).name = "shop"
    assert run_create(job) == 9
    assert world.remote.vms[9].state == state
    assert world.remote.calls == ["vm.info 9"]
    assert job.remote.owner_cache.holds(9, MARKS)
    assert world.log == [f"Remote VM 9 ({state}) is adopted"]


def test_for_a_vm_that_cannot_be_adopted_no_other_is_made(world: World) -> None:
    job = start_adoption(world)
    with pytest.raises(Refused, match="remote VM 9, which VM 7 was to adopt, is gone"):
        run_create(job)
    world.add_remote(9, "DONE", marks=MARKS).name = "shop"
    with pytest.raises(Refused, match="is gone"):
        run_create(job)
    world.add_remote(9, marks=None).name = "shop"
    with pytest.raises(Refused, match="carries no marks"):
        run_create(job)
    assert world.remote.count("template.instantiate") == world.remote.count("vm.action") == 0


def test_the_ruby_drivers_mark_alone_lets_no_user_adopt_a_vm(world: World) -> None:
    job = start_adoption(world)
    world.add_remote(9, marks=None).user_template = {"REMOTE_OPENNEBULA_VM_ID": "7"}
    with pytest.raises(Refused, match="carries the marks of VM 7, by the Ruby driver"):
        run_create(job)
    assert not job.remote.owner_cache.holds(9, MARKS)


def test_a_vm_that_another_local_vm_is_already_is_not_adopted(world: World) -> None:
    job = start_adoption(world)
    world.add_remote(9, marks=MARKS).name = "shop"
    world.add_local(8, deploy_id="opennebula-hybrid-9")
    with pytest.raises(Refused, match="remote VM 9 is VM 8's already"):
        run_create(job)
