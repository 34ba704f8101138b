"""A remote VM gets the size that its local VM got, and what its own user gave it is left alone."""

import pytest

from one2one.driver.operation import Steps
from one2one.driver.resizing import OPERATIONS
from one2one.opennebula.errors import Refused, Unreachable
from one2one.opennebula.template import Vector
from tests.driver.scripted import WRONG_STATE, drop, lose, refuse
from tests.driver.scripted_changes import read_xml
from tests.driver.world import World, finish

BEFORE = {"CPU": "0.5", "MEMORY": "256"}
REMOTE = {"CPU": "2", "MEMORY": "1024"}
"""The remote template decided otherwise."""


def begin(world: World, **new: str) -> Steps:
    """Begin the resize of a VM that runs."""
    world.add_both().template |= REMOTE
    world.local.vms[7].template |= {**BEFORE, **new, "RESIZE": dict(BEFORE)}
    return OPERATIONS["RESIZE"](world.open_job("RESIZE", "HOTPLUG_RESIZE"))


def list_resizes(world: World) -> list[Vector]:
    """Return what each call asked for."""
    texts = [call.split(maxsplit=2)[2] for call in world.remote.calls if "vm.resize" in call]
    return [{k: str(v) for k, v in read_xml(text.rpartition(" ")[0])} for text in texts]


def read_remote(world: World) -> dict[str, object]:
    template = world.remote.vms[9].template
    return {name: template[name] for name in REMOTE}


def test_the_remote_vm_gets_what_the_user_changed_and_nothing_else(world: World) -> None:
    assert finish(begin(world, MEMORY="512")) == ""
    assert list_resizes(world) == [{"MEMORY": "512"}]
    assert read_remote(world) == {"CPU": "2", "MEMORY": "512"}


def test_a_size_that_is_there_already_is_not_asked_for(world: World) -> None:
    assert finish(begin(world, MEMORY="1024")) == ""
    assert list_resizes(world) == []


def test_what_is_tried_is_noted_first(world: World) -> None:
    steps = begin(world, MEMORY="512")
    world.remote.script("vm.resize", refuse(WRONG_STATE, "no room"))
    with pytest.raises(Refused, match="no room"):
        finish(steps)
    noted = world.remote.vms[9].user_template["ONE_LOCAL_SIZE"]
    assert noted == {**BEFORE, "TRIED_MEMORY": "512"}


def test_a_resize_whose_answer_was_lost_is_asked_for_once(world: World) -> None:
    steps = begin(world, MEMORY="512")
    world.remote.script("vm.resize", lose)
    assert finish(steps) == ""
    assert len(list_resizes(world)) == 1


def test_a_resize_that_was_lost_itself_has_failed(world: World) -> None:
    steps = begin(world, MEMORY="512")
    world.remote.script("vm.resize", drop)
    with pytest.raises(Unreachable, match=r"one\.vm\.resize"):
        finish(steps)
    assert read_remote(world) == REMOTE


def test_a_vm_that_does_not_run_is_not_resized(world: World) -> None:
    steps = begin(world, MEMORY="512")
    world.remote.vms[9].state = "SUSPENDED"
    with pytest.raises(Refused, match="is SUSPENDED, which does not allow RESIZE"):
        finish(steps)
