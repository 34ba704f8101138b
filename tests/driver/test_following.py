"""What oned let a user change while the VM was off arrives before the VM starts."""

import pytest

from one2one.driver.attempts import carry_out
from one2one.driver.following import follow
from one2one.driver.operation import Steps
from one2one.opennebula.errors import Refused
from one2one.opennebula.template import Value
from tests.driver.scripted import NOT_FOUND, refuse
from tests.driver.world import HOST_ID, World, finish

SIZE = {"CPU": "0.5", "MEMORY": "256"}
"""That of each local VM in these tests; ``REMOTE`` is what the remote template decided."""
REMOTE = {"CPU": "2", "MEMORY": "1024"}


def begin(world: World, passed: str = "RESIZE UPDATECONF", state: str = "POWEROFF") -> Steps:
    """Begin to follow, for a host that passes these kinds through."""
    world.local.hosts[HOST_ID]["ONE_PASS_THROUGH"] = passed
    world.add_both(remote_state=state).template |= REMOTE
    return follow(world.open_job("DEPLOY", "BOOT_POWEROFF"))


def say_size(world: World, size: Value) -> None:
    """Have the remote VM say which local size it follows."""
    world.remote.vms[9].user_template["ONE_LOCAL_SIZE"] = size


def read_remote(world: World, name: str) -> object:
    return world.remote.vms[9].template[name]


def test_a_host_that_passes_nothing_through_costs_no_call(world: World) -> None:
    assert finish(begin(world, passed="")) == ""
    assert world.remote.calls == []


def test_a_vm_that_was_resized_while_it_was_off_is_resized_there(world: World) -> None:
    steps = begin(world)
    say_size(world, {"CPU": "0.5", "MEMORY": "128"})
    assert finish(steps) == ""
    assert (read_remote(world, "MEMORY"), read_remote(world, "CPU")) == ("256", "2")
    assert world.remote.vms[9].user_template["ONE_LOCAL_SIZE"] == SIZE


def test_a_vm_that_was_not_resized_keeps_the_size_that_the_remote_decided(world: World) -> None:
    steps = begin(world)
    say_size(world, dict(SIZE))
    assert finish(steps) == ""
    assert read_remote(world, "MEMORY") == "1024"
    assert world.remote.count("vm.resize") == world.remote.count("vm.update") == 0


def test_a_vm_that_says_no_size_is_not_resized_and_says_it_from_then_on(world: World) -> None:
    assert finish(begin(world)) == ""
    assert read_remote(world, "MEMORY") == "1024"
    assert world.remote.vms[9].user_template["ONE_LOCAL_SIZE"] == SIZE


def test_what_oned_took_back_is_taken_back_there(world: World) -> None:
    steps = begin(world)
    say_size(world, {**SIZE, "TRIED_MEMORY": "1024"})
    assert finish(steps) == ""
    assert read_remote(world, "MEMORY") == "256"


@pytest.mark.parametrize("state", ["RUNNING", "SUSPENDED", "STOPPED", "PENDING", "DONE"])
def test_a_remote_vm_that_is_not_off_is_left_as_it_is(world: World, state: str) -> None:
    steps = begin(world, state=state)
    say_size(world, {"CPU": "0.5", "MEMORY": "128"})
    assert finish(steps) == ""
    assert read_remote(world, "MEMORY") == "1024"


def test_a_remote_vm_that_is_gone_is_left_to_the_start(world: World) -> None:
    steps = begin(world)
    del world.remote.vms[9]
    assert finish(steps) == ""


def test_the_vm_of_another_is_not_changed(world: World) -> None:
    steps = begin(world)
    say_size(world, {"CPU": "0.5", "MEMORY": "128"})
    world.remote.vms[9].user_template["REMOTE_OPENNEBULA_VM_ID"] = "12"
    with pytest.raises(Refused, match="remote VM 9 is not VM 7's"):
        finish(steps)
    assert read_remote(world, "MEMORY") == "1024"


def test_a_new_context_arrives_before_the_start(world: World) -> None:
    steps = begin(world)
    world.local.vms[7].template["CONTEXT"] = {"GREETING": "new"}
    world.remote.vms[9].template["CONTEXT"] = {"GREETING": "old", "NETWORK": "YES"}
    world.remote.templates[0] = {"CONTEXT": {"NETWORK": "YES"}}
    assert finish(steps) == ""
    assert read_remote(world, "CONTEXT") == {"GREETING": "new", "NETWORK": "YES"}


def test_a_start_is_a_change_and_then_a_resume(world: World) -> None:
    world.local.hosts[HOST_ID]["ONE_PASS_THROUGH"] = "RESIZE"
    world.add_both(remote_state="POWEROFF").template |= REMOTE
    say_size(world, {"CPU": "0.5", "MEMORY": "128"})
    world.remote.after["resume"] = "RUNNING"
    answer = finish(carry_out(world.make_job("DEPLOY", "BOOT_POWEROFF")))
    assert answer == "opennebula-hybrid-9"
    changes = [call.split()[0] for call in world.remote.calls]
    assert changes.index("vm.resize") < changes.index("vm.action")


def test_a_context_that_is_not_passed_on_is_told_once(world: World) -> None:
    world.local.hosts[HOST_ID]["ONE_PASS_THROUGH"] = "RESIZE, UPDATECONF"
    world.add_both(remote_state="POWEROFF").template["CONTEXT"] = {"GREETING": "old"}
    world.local.vms[7].template["CONTEXT"] = {"GREETING": "new"}
    world.remote.script("template.info", *[refuse(NOT_FOUND)] * 9)
    assert finish(follow(world.open_job("DEPLOY", "BOOT_POWEROFF"))) == ""
    told = [line for line in world.log if "CONTEXT is not passed on" in line]
    assert len(told) == 1
