"""A remote VM gets the CONTEXT of its local VM, with what its own template adds."""

import pytest

from one2one.driver.configuring import OPERATIONS
from one2one.driver.operation import Steps
from one2one.opennebula.errors import Refused, Unreachable
from one2one.opennebula.template import Vector
from tests.driver.scripted import drop, lose
from tests.driver.world import World, finish


def begin(world: World, local: Vector, remote: Vector) -> Steps:
    """Begin to give a VM that runs with one CONTEXT another one."""
    world.add_both().template["CONTEXT"] = remote
    world.local.vms[7].template["CONTEXT"] = local
    world.remote.templates[0] = {"CONTEXT": {"NETWORK": "YES"}}
    return OPERATIONS["UPDATECONF"](world.open_job("UPDATECONF", "HOTPLUG"))


def read_context(world: World) -> object:
    return world.remote.vms[9].template["CONTEXT"]


def test_the_new_context_has_what_the_remote_template_adds(world: World) -> None:
    steps = begin(world, {"GREETING": "new"}, {"GREETING": "old", "GONE": "x"})
    assert finish(steps) == ""
    assert read_context(world) == {"GREETING": "new", "NETWORK": "YES"}


def test_a_context_that_is_there_already_is_not_sent(world: World) -> None:
    steps = begin(world, {"GREETING": "new"}, {"GREETING": "new", "NETWORK": "YES"})
    assert finish(steps) == ""
    assert world.remote.count("vm.updateconf") == 0


def test_a_value_with_a_dollar_arrives_byte_for_byte(world: World) -> None:
    assert finish(begin(world, {"MONEY": "$5"}, {})) == ""
    assert read_context(world) == {"MONEY": "$5", "NETWORK": "YES"}
    changes = [call.split()[0] for call in world.remote.calls if "update" in call]
    assert changes == ["vm.update", "vm.updateconf"], "what CONTEXT names is there first"


def test_other_sections_are_kept(world: World) -> None:
    steps = begin(world, {"GREETING": "new"}, {})
    world.remote.vms[9].template["OS"] = {"BOOT": "disk0"}
    assert finish(steps) == ""
    (sent,) = (call for call in world.remote.calls if "vm.updateconf" in call)
    assert "<OS><BOOT>disk0</BOOT></OS>" in sent


def test_an_answer_that_was_lost_costs_nothing(world: World) -> None:
    steps = begin(world, {"GREETING": "new"}, {})
    world.remote.script("vm.updateconf", lose)
    assert finish(steps) == ""
    assert world.remote.count("vm.updateconf") == 1


def test_a_call_that_was_lost_has_failed(world: World) -> None:
    steps = begin(world, {"GREETING": "new"}, {})
    world.remote.script("vm.updateconf", drop)
    with pytest.raises(Unreachable, match=r"one\.vm\.updateconf"):
        finish(steps)


def test_what_the_remote_fails_at_is_told(world: World) -> None:
    steps = begin(world, {"PASSWORD": "new"}, {"PASSWORD": "encrypted"})

    def fail(_carry_out: object) -> int:
        world.remote.vms[9].user_template["ERROR"] = (
            "Fri Nov 6 12:00:00 2026: UPDATECONF: no such device"
        )
        return 9

    world.remote.script("vm.updateconf", fail)
    with pytest.raises(Refused, match="no such device"):
        finish(steps)


def test_a_value_that_cannot_be_carried_is_refused_before_anything_is_sent(world: World) -> None:
    with pytest.raises(Refused, match="CONTEXT/FILES names files of the local front-end"):
        finish(begin(world, {"FILES": "/etc/passwd"}, {}))
    assert world.remote.count("vm.updateconf") == 0
